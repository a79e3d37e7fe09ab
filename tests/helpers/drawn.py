"""The contents of a drawing: glyphs, rules and their places, for comparing two drawings. Not a test module."""

from __future__ import annotations

from curate.render.engine import Element, Glyph
from curate.render.laid_out import laid_out

#: Marks closer than this, in thousandths of an em, are in the same place.
NEAR = 8.0


def marks(label: str) -> list[tuple[str, tuple[float, ...]]]:
    """Every visible mark in a label's drawing, in order of place, moved so that its leftmost, lowest point is 0, 0."""
    drawing = laid_out(label)
    seen = [(element, box) for element in drawing.elements if (box := drawing.box(element)) is not None]
    if not seen:
        return []
    left, bottom = min(box[0] for _, box in seen), min(box[1] for _, box in seen)
    moved = [
        (_kind(element), (box[0] - left, box[1] - bottom, box[2] - left, box[3] - bottom)) for element, box in seen
    ]
    return sorted(moved, key=lambda mark: (mark[0], round(mark[1][0] / NEAR), round(mark[1][1] / NEAR)))


def _kind(element: Element) -> str:
    return f"glyph {element.number}" if isinstance(element, Glyph) else type(element).__name__


def alike(one: str, other: str) -> bool:
    """Do the drawings of two labels have the same marks in the same places?"""
    first, second = marks(one), marks(other)
    if len(first) != len(second):
        return False
    rest = list(second)
    for mark in first:
        match = next((other for other in rest if _same(mark, other)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _same(one: tuple[str, tuple[float, ...]], other: tuple[str, tuple[float, ...]]) -> bool:
    return one[0] == other[0] and all(abs(a - b) <= NEAR for a, b in zip(one[1], other[1], strict=True))
