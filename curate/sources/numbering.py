"""Decides which line the first number means when pictures and lines are matched by number. Reads no label file.

A wrong first number shifts every pair by one row, and only one picture seems missing. So nothing is guessed: the
evidence is stated, and without evidence an error names the option.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from curate.base.errors import UserError
from curate.base.tables import things
from curate.sources.lines import read_blocks
from curate.sources.look import once

OPTION = "--first-number"
#: Digits in the names that UniMER's and LaTeX-OCR's own programs give pictures, starting at 0.
_DIGITS = 7
#: How many standard errors better than the other numbering the pictures must fit, and how much worse they may not.
_SURE, _DOUBT = 4.0, 1.0


@dataclass(frozen=True)
class Numbered:
    """Numbers that name lines, and the number of lines. digits: of the names, 0 if they aren't padded."""

    numbers: Collection[int]
    lines: int
    digits: int = 0


def first_number(
    path: Path,
    found: Numbered,
    given: int | None,
    fit: Callable[[], float],
    *,
    default: int | None = None,
    unless: str = "",
) -> tuple[int, str]:
    """(the number of the first line, what decided that). `path`: the label file, for errors.

    Numbers decide only if the other way to count would leave one of them without a line. If neither 0 nor the number of
    lines is among them, both ways lack one picture at an end, and the numbers say nothing.

    given: the user's choice. fit: how much better the pictures fit 0 than 1, in standard errors, computed only if the
    numbers leave a choice. default: what the format's definition says. unless: what else the error may propose. Raises
    UserError if nothing decides.
    """
    if given is not None:
        return given, f"given with {OPTION}"
    if not found.numbers:
        return default or 0, "no picture has a number"
    lowest, highest, lines = min(found.numbers), max(found.numbers), found.lines
    if lowest == 0 and highest != lines:
        return 0, "there is a number 0"
    if lowest > 0 and highest == lines:
        return 1, "the highest number is the number of lines"
    seen = fit()
    if abs(seen) >= _SURE:
        return int(seen < 0), "the pictures fit the labels that way"
    if lowest > 0 and found.digits == _DIGITS and seen > -_DOUBT:
        return 0, "names of seven digits, which count from 0"
    if lowest > 0 and default is not None and seen > -_DOUBT:
        return default, "the format counts so"
    numbers = (
        f"the pictures are numbered {lowest:,} to {highest:,}" if highest > lowest else f"one picture is {lowest:,}"
    )
    raise UserError(
        f"{path}: {numbers} and there are {things(lines, 'line')}, so line 1 may be number 0 or number 1, and the "
        f"pictures can't decide; say which with {OPTION} 0 or {OPTION} 1" + (f"; {unless}" if unless else "")
    )


def note(first: int, why: str) -> str:
    """The note of a source: the first line's number, and what decided it."""
    return f"rows paired by number; line 1 is number {first}: {why}"


@once
def last_line(path: Path) -> int:
    """The number of the last line of a file that isn't blank, counted from 1. Raises UserError."""
    last = 0
    for block in read_blocks(path):
        held = block.data.rstrip()
        if held:
            last = block.first + held.count(b"\n")
    return last
