"""Which character a glyph of mathra's font is. Reads the table made by tools/make_glyph_table.py; draws nothing.

Glyph numbers are not characters: `x` has one for each level of scripts, `(` one for each size, and a tall brace is
assembled from pieces. The table is for the version of mathra in pyproject.toml; a test draws every symbol and fails if
the table lacks a glyph.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("glyphs.tsv")


@cache
def _tables() -> tuple[dict[int, str], dict[int, frozenset[str]]]:
    characters: dict[int, str] = {}
    pieces: dict[int, set[str]] = {}
    for line in _TABLE.read_text(encoding="ascii").splitlines():
        if line.startswith("#"):
            continue
        code, whole, *parts = line.split("\t")
        character = chr(int(code, 16))
        for number in whole.split():
            characters[int(number)] = character
        for number in " ".join(parts).split():
            pieces.setdefault(int(number), set()).add(character)
    return characters, {number: frozenset(of) for number, of in pieces.items()}


def character(number: int) -> str | None:
    """The character that a glyph is, in whatever size; None if it is only a piece, or unknown."""
    return _tables()[0].get(number)


def piece_of(number: int) -> frozenset[str]:
    """The characters that the glyph is a piece of when they are tall or wide."""
    return _tables()[1].get(number, frozenset())


@cache
def drawable() -> frozenset[str]:
    """The characters that mathra's font has."""
    return frozenset(_tables()[0].values())
