"""The marks that a label is drawn with and where they stand: glyphs and lines. For `cdm`; makes no picture.

The embedded layout engine says where every glyph stands, so nothing is rasterised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from curate.render import LABEL_LIMIT, RenderError
from curate.render.engine import elements
from curate.render.prepare import prepare

#: The kind of a line; a glyph's is its code, such as that of a root's sign.
BAR, ROOT = "bar", "221A"
#: Seconds of processor time for drawing one label.
SECONDS = 2.0

#: Glyphs that look as several of another in a row do, by code: points (`\\ldots`, `\\cdots`), primes, integrals.
_SEVERAL = {
    "2026": ("2E", 3),
    "22EF": ("22C5", 3),
    "2032": ("2032", 1),
    "2033": ("2032", 2),
    "2034": ("2032", 3),
    "2057": ("2032", 4),
    "222C": ("222B", 2),
    "222D": ("222B", 3),
    "2A0C": ("222B", 4),
}
#: What LaTeX draws with one glyph: `\\mid` as `|`, `\\parallel` as `\\|`, `\\setminus` as `\\backslash`.
_SAME_GLYPH = {"2223": "7C", "2225": "2016", "2216": "5C"}
#: MathJax's fonts whose glyphs have the codes of others: `\\varnothing` and the like; calligraphic, and that in bold.
_VARIANTS, _CALLIGRAPHIC, _TEXT_ITALIC = "V", ("C", "CB"), "MI"
_TRANSFORM = re.compile(r"(translate|scale)\(\s*([-\d.e]+)(?:[\s,]+([-\d.e]+))?\s*\)")
_STEP = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")


class Mark(NamedTuple):
    """A glyph or a line. `y` is the height of its baseline, `left` and `right` its ink; thousandths of an em.

    `cell`: a number for the cell of a table that it stands in, 0 for none.
    """

    kind: str
    left: float
    right: float
    y: float
    size: float
    cell: int = 0


@lru_cache(maxsize=1024)  # a truth is compared with two models' predictions
def marks(label: str) -> tuple[Mark, ...]:
    """The marks of a label in the order they are set. Raises RenderError for a label that can't be drawn."""
    if len(label) > LABEL_LIMIT:
        raise RenderError(f"Label of {len(label):,} characters")
    found: list[Mark] = []
    outlines: dict[str, tuple[float, float]] = {}  # from where to where each glyph's ink goes
    above = [_Place()]
    drawing = iter(elements(prepare(label), SECONDS))
    for name in drawing:
        if name is None:
            above.pop()
            continue
        attributes = next(drawing)
        if isinstance(attributes, str):
            place = above[-1]
            if place.element == "text":
                found += [
                    Mark(letter, place.x, place.x + 1000 * place.across, place.y, place.size, place.cell)
                    for letter in attributes.strip()
                ]
        else:
            place = _inside(above[-1], name, attributes, len(found) + 1)
            if name == "path" and "id" in attributes:
                if attributes["d"]:  # a space has none
                    outlines[attributes["id"]] = _extent(attributes["d"])
            else:
                found += _drawn(attributes, place, outlines)
        above.append(place)
    return tuple(found)


class _Place(NamedTuple):
    """An element, where its coordinates start, their scales, and the number of the cell that it stands in."""

    element: str = ""
    x: float = 0.0
    y: float = 0.0
    across: float = 1.0
    up: float = 1.0
    cell: int = 0

    @property
    def size(self) -> float:
        return min(abs(self.across), abs(self.up))


def _inside(outer: _Place, name: str, attributes: Mapping[str, str], cell: int) -> _Place:
    """The place of an element; `cell`: its number if it is a cell of a table."""
    _, x, y, across, up, outer_cell = outer
    for kind, first, second in _TRANSFORM.findall(attributes.get("transform", "")):
        if kind == "translate":
            x, y = x + across * float(first), y + up * float(second or 0)
        else:
            across, up = across * float(first), up * float(second or first)
    if name == "svg" and outer.element:  # the outermost one's edges are those of the page
        view = [float(value) for value in attributes.get("viewBox", "0 0 0 0").split()]
        x += across * (float(attributes.get("x", 0)) - view[0])
        y += up * (float(attributes.get("y", 0)) - view[1])
    return _Place(name, x, y, across, up, cell if attributes.get("data-mml-node") == "mtd" else outer_cell)


def _drawn(attributes: Mapping[str, str], place: _Place, outlines: Mapping[str, tuple[float, float]]) -> list[Mark]:
    """The marks of one element, without those of what it holds."""
    name, x, y, across, up, cell = place

    def of(side: str) -> float:
        return float(attributes.get(side, 0))

    if name == "use":
        glyph = attributes.get("xlink:href", "")[1:]
        if glyph not in outlines:
            return []
        low, high = outlines[glyph]
        code = attributes.get("data-c", "?")
        return _glyphs(code, Mark(_kind(code, glyph), x + across * low, x + across * high, y, place.size, cell))
    if name in ("ellipse", "polygon", "path"):  # what surrounds or crosses out, as high as what it is drawn around
        middle, half = across * of("cx"), across * of("rx")
        return [Mark(name, x + middle - abs(half), x + middle + abs(half), y, place.size, cell)]
    if name == "rect" and of("width") and of("height"):
        start = x + across * of("x")
        return [Mark(BAR, start, start + across * abs(of("width")), y + up * of("y"), 1.0, cell)]
    if name == "line":
        ends = sorted(x + across * of(end) for end in ("x1", "x2"))
        return [Mark(BAR, ends[0], ends[1], y + up * of("y1"), 1.0, cell)]
    return []


def _kind(code: str, glyph: str) -> str:
    """The kind of a glyph: its code, and the font where letters of another look have the same code."""
    font = glyph.split("-")[-2] if "-" in glyph else ""  # `MJX-7-MM-C-41`
    letter = chr(int(code, 16)) if len(code) == 2 else ""
    is_letter = letter.isascii() and letter.isalpha()
    if font == _VARIANTS or (font in _CALLIGRAPHIC and is_letter):
        return font + code
    if font == _TEXT_ITALIC and is_letter:  # `\\mathit`: other distances, the letters of `x`
        return "210E" if letter == "h" else f"{ord(letter) + (0x1D3F3 if letter.isupper() else 0x1D3ED):X}"
    return _SAME_GLYPH.get(code, code)


def _glyphs(code: str, mark: Mark) -> list[Mark]:
    r"""The marks of one glyph: `\ldots` is drawn as three points, and looks as three written out do."""
    if code not in _SEVERAL:
        return [mark]
    kind, number = _SEVERAL[code]
    width = (mark.right - mark.left) / number
    return [
        mark._replace(kind=kind, left=mark.left + n * width, right=mark.left + (n + 1) * width) for n in range(number)
    ]


@lru_cache(maxsize=4096)
def _extent(path: str) -> tuple[float, float]:
    """The leftmost and the rightmost x among a path's points; MathJax's glyphs have absolute steps only."""
    xs: list[float] = []
    for step, numbers in _STEP.findall(path):
        values = [float(value) for value in _NUMBER.findall(numbers)]
        if step == "H":
            xs += values
        elif step in "MLCQTS":
            xs += values[::2]
    return (min(xs), max(xs)) if xs else (0.0, 0.0)
