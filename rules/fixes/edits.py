r"""Replacements in the text of a label: chooses between those that overlap, and applies them. Doesn't check that they
are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rules.findings import FixLevel


class Edit(NamedTuple):
    """Put `replacement` in the place of characters `start` to `end` (exclusive), as the rule of code `rule` says.

    with_rules: other rules whose edits the replacement contains.
    """

    start: int
    end: int
    replacement: str
    rule: str
    level: FixLevel
    with_rules: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The codes of all rules whose edits this makes."""
        return (self.rule, *self.with_rules)

    def covers(self, size: int) -> bool:
        """Whether it replaces a whole label of `size` characters."""
        return self.start == 0 and self.end == size


def in_order(edits: Iterable[Edit], size: int) -> list[Edit]:
    """Edits by precedence: those of the whole label first, then by start, then the longer first, then by rule code."""
    return sorted(edits, key=lambda edit: (not edit.covers(size), edit.start, -edit.end, edit.rule, edit.replacement))


def disjoint(edits: Sequence[Edit], size: int) -> list[Edit]:
    """The edits that overlap no earlier one. `edits` are in order of precedence."""
    kept: list[Edit] = []
    for edit in edits:
        if kept and (kept[0].covers(size) or overlap(edit, kept[-1])):
            continue
        kept.append(edit)
    return kept


def overlap(one: Edit, other: Edit) -> bool:
    """Whether they touch the same characters, or (for insertions) the same place."""
    if one.start == one.end or other.start == other.end:
        return one.start == other.start or other.start < one.start < other.end or one.start < other.start < one.end
    return one.start < other.end and other.start < one.end


_WORD_AT_END = re.compile(r"(?<!\\)(?:\\\\)*\\[A-Za-z]+\Z")
#: How many characters to search for a control word at the end of a text: more than any has.
_WORD_SIZE = 64


class _Growing:
    """A text that grows at its end."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.last = ""

    def add(self, part: str) -> None:
        """Append `part`, after a space if a control word would otherwise run into a letter."""
        if not part:
            return
        if self.last.isalpha() and part[0].isascii() and part[0].isalpha() and _WORD_AT_END.search(self.end()):
            part = f" {part}"
        self.parts.append(part)
        self.last = part[-1]

    def end(self) -> str:
        """The last characters, as many as a control word has at most."""
        size, end = 0, len(self.parts)
        while end and size < _WORD_SIZE:
            end -= 1
            size += len(self.parts[end])
        return "".join(self.parts[end:])[-_WORD_SIZE:]

    def ends_in_space(self) -> bool:
        """Whether it ends in a space that isn't part of the control space `\\ `."""
        return self.last == " " and not self.end().endswith("\\ ")


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Apply edits to `text` in one pass. They must not overlap.

    If an edit would run a control word into a letter, a space is added. If something is removed between two spaces, or
    at an end, one of the spaces is removed too.
    """
    out = _Growing()
    at = 0
    tail = False  # whether the label now ends where something was removed
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    for number, edit in enumerate(ordered):
        if edit.start > at:
            out.add(text[at : edit.start])
            tail = False
        out.add(edit.replacement)
        at = edit.end
        tail = tail or not edit.replacement
        if not edit.replacement and (not out.last or out.ends_in_space()):
            limit = ordered[number + 1].start if number + 1 < len(ordered) else len(text)
            while at < limit and text[at] == " ":
                at += 1
    if at < len(text):
        out.add(text[at:])
        tail = False
    made = "".join(out.parts)
    if tail and out.ends_in_space():
        made = made.rstrip(" ")
        made += " " if made.endswith("\\") else ""
    return made
