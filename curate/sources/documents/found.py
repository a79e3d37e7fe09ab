"""What is found in a document: formulas, and places where one couldn't be read. Searches nothing itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple


class Formula(NamedTuple):
    """A formula: the document's characters `start` to `end` are its label. `kind`: inline, display, an environment."""

    start: int
    end: int
    kind: str


class Unread(NamedTuple):
    """A place where a formula seems to begin but couldn't be read, and why."""

    start: int
    reason: str


@dataclass
class Found:
    """Formulas and unread places, both in document order.

    `passed` counts dollar signs, and `brackets` counts brackets after a backslash, that begin no formula.
    """

    formulas: list[Formula] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    passed: int = 0
    brackets: int = 0

    def add(self, other: Found) -> None:
        self.formulas += other.formulas
        self.unread += other.unread
        self.passed += other.passed
        self.brackets += other.brackets

    def in_order(self) -> Found:
        self.formulas.sort()
        self.unread.sort()
        return self


#: How reasons begin that are not the document's fault.
LEFT_OUT = "left out: "
EMPTY = f"{LEFT_OUT}an empty formula"

_LEAD = re.compile(r"(?:[ \t\r\n]+|%[^\n]*\n)*")


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    r"""The span without surrounding white space and preceding comments; a `\ ` at the end keeps its space."""
    begin = _LEAD.match(text, start, end).end()  # type: ignore[union-attr]
    last = end
    while last > begin and text[last - 1] in " \t\r\n":
        last -= 1
    if last < end and ends_in_backslash(text, begin, last):
        last += 1
    return begin, max(begin, last)


def ends_in_backslash(text: str, start: int, end: int) -> bool:
    """Is the last character before `end` a backslash that isn't itself escaped?"""
    count = 0
    while end - count > start and text[end - count - 1] == "\\":
        count += 1
    return count % 2 == 1
