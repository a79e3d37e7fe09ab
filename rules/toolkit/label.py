"""A label as rules see it: text, tokens, positions, and what the reader found. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rules.findings import Finding, FixLevel, Severity
from rules.latex import lexer
from rules.latex.reader import Problem, Reading
from rules.toolkit import braces
from rules.toolkit.wording import clip


@dataclass
class Label:
    """One label. `tokens[i]` is at `spans[i]` of `text`."""

    text: str
    tokens: list[str]
    reading: Reading
    #: None if the label has no visual key.
    canonical: str | None = None
    #: The rules, and other parts of texsieve, that failed on this label.
    failed: Sequence[str] = ()

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        return self.reading.places(self.text, self.tokens)

    # What several rules need is computed once per label.

    @cached_property
    def spaced(self) -> str:
        """The tokens joined by single spaces, which `braces.places` searches."""
        return " ".join(self.tokens)

    @cached_property
    def words(self) -> frozenset[str]:
        """The distinct tokens."""
        return frozenset(self.tokens)

    @cached_property
    def partners(self) -> dict[int, int]:
        """The token of the closing brace for that of each opening brace."""
        return braces.closers(self.tokens)

    @cached_property
    def brackets(self) -> dict[int, int]:
        """The token of the first `]` after each `[`, for options, which have no brackets inside."""
        found: dict[int, int] = {}
        waiting: list[int] = []
        for index in self.find("[", "]"):
            if self.tokens[index] == "[":
                waiting.append(index)
            else:
                found.update(dict.fromkeys(waiting, index))
                waiting = []
        return found

    @cached_property
    def environments(self) -> dict[int, int]:
        r"""The token of the `\end` for that of each `\begin`, whatever the names of the environments."""
        found: dict[int, int] = {}
        stack: list[int] = []
        for index in self.find("\\begin", "\\end"):
            if self.tokens[index] == "\\begin":
                stack.append(index)
            elif stack:
                found[stack.pop()] = index
        return found

    @cached_property
    def scripts(self) -> list[tuple[int, int, int]]:
        """Every braced script: the tokens of its `_` or `^`, its `{` and its `}`."""
        return braces.script_places(self.tokens, self.partners)

    @cached_property
    def prose(self) -> frozenset[int]:
        r"""The tokens inside arguments that are not mathematics, as of `\text`, `\mbox`, `\label`, `\begin`."""
        return braces.prose(self.tokens, self.partners)

    @cached_property
    def aside(self) -> frozenset[int]:
        """The offsets of the characters in `prose` and in comments."""
        places = [*(self.spans[index] for index in self.prose), *lexer.comments(self.text)]
        return frozenset(offset for start, end in places for offset in range(start, end))

    def problems(self, *kinds: str) -> Iterator[Problem]:
        """The reader's problems of these kinds, in the order in which it found them."""
        return (problem for problem in self.reading.problems if problem.kind in kinds)

    def find(self, *tokens: str) -> Iterator[int]:
        """The places of these tokens, in order."""
        if len(tokens) == 1:
            return _places(self.tokens, tokens[0])
        wanted = frozenset(tokens)
        return iter([index for index, token in enumerate(self.tokens) if token in wanted])

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
        """A finding where the reader found a problem."""
        return self.at(problem.start, problem.end, message, replacement, severity=severity, fix=fix)

    def shown(self, start: int, end: int, most: int = 40) -> str:
        """The source from token `start` to `end`, cut to `most` characters, for messages."""
        if start >= end or not self.tokens:
            return ""
        return clip(self.text[self.spans[start][0] : self.spans[min(end, len(self.tokens)) - 1][1]], most)


def _places(tokens: list[str], wanted: str) -> Iterator[int]:
    """The places of one token, which lists find faster than a loop."""
    at = -1
    try:
        while True:
            at = tokens.index(wanted, at + 1)
            yield at
    except ValueError:
        return
