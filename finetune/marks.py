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

#: Glyphs that are three points in a row, by code, and the point: `.` and `\\cdot`.
_DOTS = {"2026": "2E", "22EF": "22C5"}
_HREF = "{http://www.w3.org/1999/xlink}href"
_TRANSFORM = re.compile(r"(translate|scale)\(\s*([-\d.e]+)(?:[\s,]+([-\d.e]+))?\s*\)")
_STEP = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")


class Mark(NamedTuple):
    """A glyph or a line. `y` is the height of its baseline, `left` and `right` its ink; thousandths of an em."""

    kind: str
    left: float
    right: float
    y: float
    size: float


@lru_cache(maxsize=1024)  # a truth is compared with two models' predictions
def marks(label: str) -> tuple[Mark, ...]:
    """The marks of a label in the order they are set. Raises RenderError for a label that can't be drawn."""
    if len(label) > LABEL_LIMIT:
        raise RenderError(f"Label of {len(label):,} characters")
    try:
        root = ET.fromstring(convert(prepare(label), SECONDS))
    except ET.ParseError as error:
        raise RenderError(f"MathJax drew what is no XML: {error}") from error
    boxes = {path.get("id", ""): _extent(path.get("d", "")) for path in root.iter() if _name(path) == "path"}
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
    if name == "use":
        low, high = boxes.get((element.get(_HREF) or "")[1:], (0.0, 0.0))
        found += _glyphs(Mark(element.get("data-c", "?"), x + across * low, x + across * high, y, size))
    elif name == "rect":
        start = x + across * float(element.get("x", 0))
        width, height = (abs(float(element.get(side, 0))) for side in ("width", "height"))
        if width and height:
            found.append(Mark(BAR, start, start + across * width, y + up * float(element.get("y", 0)), 1.0))
    elif name == "line":
        ends = sorted(x + across * float(element.get(end, 0)) for end in ("x1", "x2"))
        found.append(Mark(BAR, ends[0], ends[1], y + up * float(element.get("y1", 0)), 1.0))
    elif name == "text":
        for letter in (element.text or "").strip():
            found.append(Mark(letter, x, x + 1000 * across, y, size))
    for child in element:
        _walk(child, x, y, across, up, boxes, found)


def _glyphs(mark: Mark) -> list[Mark]:
    r"""The marks of one glyph: `\ldots` and `\cdots` are drawn as three points, and look as three written out do."""
    point = _DOTS.get(mark.kind)
    if point is None:
        return [mark]
    third = (mark.right - mark.left) / 3
    return [mark._replace(kind=point, left=mark.left + n * third, right=mark.left + (n + 1) * third) for n in range(3)]


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
