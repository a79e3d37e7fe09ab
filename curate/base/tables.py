"""The only place that formats numbers and tables for people: plain text and markdown. Knows nothing about audits."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from curate.base.visible import visible

#: Below this width a table is unreadable however it is cut, so records are printed as `name: value` lines.
NARROW = 48


@dataclass(frozen=True)
class Column:
    """A column of a text table. If room is short, the columns with the highest `drop` go first; 0 always stays."""

    title: str
    align: Literal["left", "right"] = "left"
    drop: int = 0


def things(number: int, one: str) -> str:
    """A number and what it counts: `1 sample`, `1,200 samples`."""
    return f"{count(number)} {one}{'' if number == 1 else 's'}"


def count(number: int | None) -> str:
    """An integer with thousands separators; a dash for None."""
    return "–" if number is None else f"{number:,}"


def share(part: int, whole: int) -> str:
    """A percentage that never rounds something to nothing, nor nearly all to all: `<0.1 %`, `>99.9 %`."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    if part < whole and percent >= 99.95:
        return ">99.9 %"
    if percent < 0.05:
        return "<0.1 %"
    return f"{percent:.1f} %".replace(".0 %", " %")


def size(n_bytes: int | None) -> str:
    """A number of bytes for people, in binary units."""
    if n_bytes is None:
        return "–"
    value = float(n_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def display_width(text: str) -> int:
    """How many terminal cells `text` occupies: CJK characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, cells: int) -> str:
    """`text` cut to `cells` terminal cells, with an ellipsis if something was cut."""
    if display_width(text) <= cells:
        return text
    out, used = [], 0
    for character in text:
        width = display_width(character)
        if used + width > cells - 1:
            break
        out.append(character)
        used += width
    return "".join(out) + "…"


def _pad(text: str, cells: int, align: str) -> str:
    gap = " " * max(cells - display_width(text), 0)
    return gap + text if align == "right" else text + gap


def text_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    width: int = 120,
    notes: Sequence[Sequence[str]] | None = None,
) -> str:
    """Lay out rows under their column titles in at most `width` terminal cells.

    Args:
        columns: the first is the row's name, and is cut if dropping columns isn't enough.
        rows: cells as text, one per column.
        width: available terminal cells.
        notes: for each row, sentences to print under it, wrapped and indented.
    """
    cells = [[visible(cell) for cell in row] for row in rows]
    if width < NARROW:
        return _records(columns, cells, width, notes)
    kept = list(range(len(columns)))
    widths = [
        max([display_width(column.title), *(display_width(row[i]) for row in cells)])
        for i, column in enumerate(columns)
    ]

    def total() -> int:
        return sum(widths[i] for i in kept) + 2 * (len(kept) - 1)

    name_floor = min(widths[0], 16)
    while total() - widths[0] + name_floor > width and any(columns[i].drop for i in kept):
        kept.remove(max(kept, key=lambda i: (columns[i].drop, i)))
    if total() > width:
        widths[0] = max(widths[0] - (total() - width), 4)
    lines = [
        "  ".join(_pad(fit(columns[i].title, widths[i]), widths[i], columns[i].align) for i in kept).rstrip(),
        "  ".join("─" * widths[i] for i in kept),
    ]
    for number, row in enumerate(cells):
        lines.append("  ".join(_pad(fit(row[i], widths[i]), widths[i], columns[i].align) for i in kept).rstrip())
        for note in notes[number] if notes else ():
            lines.extend(bullet(note, width))
    return "\n".join(fit(line, width) for line in lines)


def bullet(sentence: str, width: int) -> list[str]:
    """A sentence as an indented list item, wrapped to `width` cells."""
    wrapped = textwrap.wrap(visible(sentence), max(width - 6, 10), break_long_words=True, break_on_hyphens=False)
    return [("  · " if i == 0 else "    ") + line for i, line in enumerate(wrapped)]


def _records(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, notes: Sequence[Sequence[str]] | None
) -> str:
    lines = []
    for number, row in enumerate(rows):
        lines.append(fit(row[0], width))
        lines.extend(fit(f"  {c.title}: {cell}", width) for c, cell in zip(columns[1:], row[1:], strict=True))
        for note in notes[number] if notes else ():
            lines.extend(fit(line, width) for line in bullet(note, width))
    return "\n".join(lines)


_MARKDOWN = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", **{mark: f"\\{mark}" for mark in "\\|`*[]~$"}})
#: Except one between two letters or digits, which isn't markup: names are full of them.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def markdown_text(text: str) -> str:
    """`text` with everything escaped that markdown or HTML would read as markup."""
    return _UNDERSCORE.sub(r"\\_", visible(text).translate(_MARKDOWN))


def markdown_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """The rows as a GitHub-flavoured markdown table, cells escaped."""
    lines = [
        "| " + " | ".join(markdown_text(column.title) for column in columns) + " |",
        "|" + "|".join(" ---: " if column.align == "right" else " --- " for column in columns) + "|",
    ]
    lines.extend("| " + " | ".join(markdown_text(cell) for cell in row) + " |" for row in rows)
    return "\n".join(lines)
