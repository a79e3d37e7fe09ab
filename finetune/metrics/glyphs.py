"""The marks of a drawn label, glyphs and lines, with their places. For `cdm`; makes no picture.

The renderer gives the place of every glyph, and the glyph table its character, so nothing is rasterised.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from curate.render.engine import Box, Character, Drawing, Ellipse, Glyph, Line, Rule
from curate.render.glyph_table import character, piece_of
from curate.render.laid_out import laid_out
from curate.render.tagged import tag

#: The kind of a line. The kind of a glyph is its character, such as the sign of a root.
BAR, ROOT = "bar", "√"

#: Glyphs that look like several others in a row: dots (`\\ldots`, `\\cdots`), primes, integrals.
_SEVERAL = {
    "…": (".", 3),
    "⋯": ("⋅", 3),
    "″": ("′", 2),
    "‴": ("′", 3),
    "⁗": ("′", 4),
    "∬": ("∫", 2),
    "∭": ("∫", 3),
    "⨌": ("∫", 4),
}
#: Commands that LaTeX draws with the same glyph: `\\mid` and `|`, `\\parallel` and `\\|`, `\\setminus` and
#: `\\backslash`.
_SAME_GLYPH = {"∣": "|", "∥": "‖", "∖": "\\", "·": "⋅"}
#: The height of the axis, around which tall glyphs are centred, and the greatest distance between two ends that meet.
_AXIS, _MEETS = 258.0, 60.0
#: A glyph that is this tall for its size is centred around the axis, wherever its origin is.
_TALL = 1100.0


class Mark(NamedTuple):
    """A glyph or a line, in thousandths of an em. `y`: the height of its baseline, downwards; `left`, `right`: its ink.

    `cell`: a number for the table cell that it is in, 0 for none.
    """

    kind: str
    left: float
    right: float
    y: float
    size: float
    cell: int = 0


class _Root(NamedTuple):
    """The sign of a root: its index among the marks, and its upper right corner, where its line begins."""

    place: int
    right: float
    top: float


@lru_cache(maxsize=1024)  # a truth is compared with the predictions of two models
def marks(label: str) -> tuple[Mark, ...]:
    """The marks of a label in the order in which they are set. Raises RenderError if it can't be drawn."""
    drawing = laid_out(label, tags=True)
    found: list[Mark] = []
    roots: list[_Root] = []
    at = cell = 0
    while at < len(drawing.elements):
        element = drawing.elements[at]
        told, command = tag(element.fill)
        cell = told if not command else cell
        if isinstance(element, Glyph):
            kind, number, box = _glyph(drawing, at)
            at += number
            if box is None:  # a space
                continue
            if kind == ROOT:
                roots.append(_Root(len(found), box[2], box[3]))
            tall = box[3] - box[1] > _TALL * element.size or kind == ROOT
            height = _AXIS * element.size - (box[1] + box[3]) / 2 if tall else -element.y
            found += _marks(kind + command, Mark(kind + command, box[0], box[2], height, element.size, cell))
            continue
        at += 1
        box = drawing.box(element)
        if box is None:
            continue
        if isinstance(element, Rule):
            _set_line(found, roots, Mark(BAR, box[0], box[2], -element.y, 1.0, cell), box)
        elif isinstance(element, Character):
            found.append(Mark(element.text, box[0], box[2], -element.y, element.size, cell))
        elif isinstance(element, Ellipse):  # it surrounds something or crosses it out, and is at its height
            found.append(Mark("ellipse", box[0], box[2], 0.727 * element.up - element.y, 1.0, cell))
        elif isinstance(element, Line):
            found.append(Mark("line", box[0], box[2], -min(element.y1, element.y2) - _MEETS, 1.0, cell))
    return tuple(found)


def _glyph(drawing: Drawing, at: int) -> tuple[str, int, Box | None]:
    """The glyph that starts there: its kind, the number of its pieces, and its ink."""
    first = drawing.elements[at]
    assert isinstance(first, Glyph)
    last, of = at + 1, piece_of(first.number)
    whole = character(first.number)
    pieces = of
    bare = whole is None  # a piece that isn't a character by itself
    while pieces and last < len(drawing.elements):
        following = drawing.elements[last]
        if not isinstance(following, Glyph) or following.size != first.size:
            break
        both = pieces & piece_of(following.number)
        upright = following.x == first.x and following.y > first.y
        across = following.y == first.y and following.x > first.x
        if not both or not (upright or (across and (bare or character(following.number) is None))):
            break
        pieces, last = both, last + 1
    if last - at > 1 or whole is None:
        boxes = [box for element in drawing.elements[at:last] if (box := drawing.box(element)) is not None]
        kind = min(pieces, default=f"glyph {first.number}")
        if not boxes:
            return kind, last - at, None
        lefts, bottoms, rights, tops = zip(*boxes, strict=True)
        return _SAME_GLYPH.get(kind, kind), last - at, (min(lefts), min(bottoms), max(rights), max(tops))
    return _SAME_GLYPH.get(whole, whole), 1, drawing.box(first)


def _set_line(found: list[Mark], roots: list[_Root], line: Mark, box: Box) -> None:
    """Add a line; if it belongs to a root, after the sign of that root, as LaTeX sets it."""
    for root in reversed(roots):
        if abs(root.top - box[3]) < 2 and -_MEETS < box[0] - root.right < 1:
            found.insert(root.place + 1, line)
            roots.remove(root)
            roots[:] = [one._replace(place=one.place + (one.place > root.place)) for one in roots]
            return
    found.append(line)


def _marks(kind: str, mark: Mark) -> list[Mark]:
    r"""The marks of one glyph: `\ldots` looks like three dots, so it has three marks."""
    if kind not in _SEVERAL:
        return [mark]
    kind, number = _SEVERAL[kind]
    width = (mark.right - mark.left) / number
    return [
        mark._replace(kind=kind, left=mark.left + n * width, right=mark.left + (n + 1) * width) for n in range(number)
    ]
