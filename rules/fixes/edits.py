r"""Replacements in a label's text: which of those that overlap are made, and making them. Not if they are right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rules.findings import FixLevel


@dataclass(frozen=True, slots=True)
class Edit:
    """Put `replacement` in the place of characters `start` to `end` (exclusive), as the rule of code `rule` says."""

    start: int
    end: int
    replacement: str
    rule: str
    level: FixLevel

    def covers(self, size: int) -> bool:
        """Is it about a whole label of `size` characters?"""
        return self.start == 0 and self.end == size


def in_order(edits: Iterable[Edit], size: int) -> list[Edit]:
    """Edits by precedence: those of the whole label, then by start, the longer first, then by rule code."""
    return sorted(edits, key=lambda edit: (not edit.covers(size), edit.start, -edit.end, edit.rule, edit.replacement))


def disjoint(edits: Sequence[Edit], size: int) -> list[Edit]:
    """Of edits in order of precedence those that overlap no earlier one."""
    kept: list[Edit] = []
    for edit in edits:
        if kept and (kept[0].covers(size) or overlap(edit, kept[-1])):
            continue
        kept.append(edit)
    return kept


def overlap(one: Edit, other: Edit) -> bool:
    """Do they touch the same characters, or (for insertions) the same place?"""
    if one.start == one.end or other.start == other.end:
        return one.start == other.start or other.start < one.start < other.end or one.start < other.start < one.end
    return one.start < other.end and other.start < one.end


_WORD_AT_END = re.compile(r"(?<!\\)(?:\\\\)*\\[A-Za-z]+\Z")


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`text` with edits made in one pass; they must not overlap.

    A control word that an edit would run into a letter gets a space; where something is taken out from between two
    spaces, or from an end, one of the spaces goes too.
    """
    out = ""
    at = 0
    tail = False  # does the label now end where something was taken out?
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    for number, edit in enumerate(ordered):
        if edit.start > at:
            out = _joined(out, text[at : edit.start])
            tail = False
        out = _joined(out, edit.replacement)
        at = edit.end
        tail = tail or not edit.replacement
        if not edit.replacement and (not out or _ends_in_space(out)):
            limit = ordered[number + 1].start if number + 1 < len(ordered) else len(text)
            while at < limit and text[at] == " ":
                at += 1
    if at < len(text):
        return _joined(out, text[at:])
    while tail and _ends_in_space(out):
        out = out[:-1]
    return out


def _joined(left: str, right: str) -> str:
    glued = left and right and right[0].isascii() and right[0].isalpha() and _WORD_AT_END.search(left)
    return f"{left} {right}" if glued else left + right


def _ends_in_space(text: str) -> bool:
    """Does it end in a space that is no part of the control space `\\ `?"""
    return text.endswith(" ") and not text.endswith("\\ ")
