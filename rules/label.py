"""A label as the judges of rules see it: text, tokens, places, and what the reader found. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from rules import lexer
from rules.findings import Finding, FixLevel, Severity
from rules.reader import Problem, Reading


@dataclass
class Label:
    """One label. `tokens[i]` stands at `spans[i]` of `text`."""

    text: str
    tokens: list[str]
    reading: Reading
    #: None where the label has no visual key.
    canonical: str | None = None

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        return lexer.spans(self.text, self.tokens)

    def problems(self, *kinds: str) -> Iterator[Problem]:
        """The reader's problems of these kinds, in the order they were met."""
        return (problem for problem in self.reading.problems if problem.kind in kinds)

    def find(self, *tokens: str) -> Iterator[int]:
        """The places of these tokens."""
        return (index for index, token in enumerate(self.tokens) if token in tokens)

    def at(
        self,
        start: int,
        end: int,
        message: str,
        replacement: str | None = None,
        *,
        severity: Severity | None = None,
        fix: FixLevel | None = None,
    ) -> Finding:
        """A finding from token `start` to token `end` (exclusive)."""
        if not self.tokens:
            return Finding(message, 0, len(self.text), replacement, severity, fix)
        first = self.spans[min(start, len(self.tokens) - 1)][0]
        last = self.spans[min(max(end, start + 1), len(self.tokens)) - 1][1]
        return Finding(message, first, last, replacement, severity, fix)

    def on(
        self,
        problem: Problem,
        message: str,
        replacement: str | None = None,
        *,
        severity: Severity | None = None,
        fix: FixLevel | None = None,
    ) -> Finding:
        """A finding where the reader met a problem."""
        return self.at(problem.start, problem.end, message, replacement, severity=severity, fix=fix)

    def shown(self, start: int, end: int, most: int = 40) -> str:
        """The source from token `start` to `end`, cut to `most` characters, for messages."""
        if start >= end or not self.tokens:
            return ""
        text = self.text[self.spans[start][0] : self.spans[min(end, len(self.tokens)) - 1][1]]
        return text if len(text) <= most else f"{text[: most - 1]}…"
