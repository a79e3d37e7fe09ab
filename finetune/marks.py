"""The marks that a label is drawn with and where they stand: glyphs and lines. For `cdm`; makes no picture.

The embedded layout engine says where every glyph stands, so nothing is rasterised.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import lru_cache
from typing import NamedTuple

from curate.render import LABEL_LIMIT, RenderError
from curate.render.engine import convert
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
_HREF = "{http://www.w3.org/1999/xlink}href"
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
    try:
        root = ET.fromstring(convert(prepare(label), SECONDS))
    except ET.ParseError as error:
        raise RenderError(f"MathJax drew what is no XML: {error}") from error
    boxes = {path.get("id", ""): _extent(path.get("d", "")) for path in root.iter() if path.get("id") and path.get("d")}
    found: list[Mark] = []
    _walk(root, 0.0, 0.0, 1.0, 1.0, boxes, found, top=True)
    return tuple(found)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _walk(
    element: ET.Element,
    x: float,
    y: float,
    across: float,
    up: float,
    boxes: dict[str, tuple[float, float]],
    found: list[Mark],
    cell: int = 0,
    top: bool = False,
) -> None:
    """Add the marks below an element; `x`, `y`, `across`, `up`: where its coordinates start, and their scales."""
    name = _name(element)
    if name == "defs":
        return
    for kind, first, second in _TRANSFORM.findall(element.get("transform", "")):
        if kind == "translate":
            x, y = x + across * float(first), y + up * float(second or 0)
        else:
            across, up = across * float(first), up * float(second or first)
    if name == "svg" and not top:
        view = [float(value) for value in element.get("viewBox", "0 0 0 0").split()]
        x += across * (float(element.get("x", 0)) - view[0])
        y += up * (float(element.get("y", 0)) - view[1])
    size = min(abs(across), abs(up))
    if element.get("data-mml-node") == "mtd":
        cell = len(found) + 1
    if name == "use":
        glyph = (element.get(_HREF) or "")[1:]
        if glyph in boxes:  # a space has no outline
            low, high = boxes[glyph]
            code = element.get("data-c", "?")
            found += _glyphs(code, Mark(_kind(code, glyph), x + across * low, x + across * high, y, size, cell))
    elif name in ("ellipse", "polygon", "path"):  # what surrounds or crosses out, as high as what it is drawn around
        middle, half = (across * float(element.get(side, 0)) for side in ("cx", "rx"))
        found.append(Mark(name, x + middle - abs(half), x + middle + abs(half), y, size, cell))
    elif name == "rect":
        start = x + across * float(element.get("x", 0))
        width, height = (abs(float(element.get(side, 0))) for side in ("width", "height"))
        if width and height:
            found.append(Mark(BAR, start, start + across * width, y + up * float(element.get("y", 0)), 1.0, cell))
    elif name == "line":
        ends = sorted(x + across * float(element.get(end, 0)) for end in ("x1", "x2"))
        found.append(Mark(BAR, ends[0], ends[1], y + up * float(element.get("y1", 0)), 1.0, cell))
    elif name == "text":
        for letter in (element.text or "").strip():
            found.append(Mark(letter, x, x + 1000 * across, y, size, cell))
    for child in element:
        _walk(child, x, y, across, up, boxes, found, cell)


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
