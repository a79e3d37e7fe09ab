"""mathra lays out a formula: LaTeX in, glyphs and rules with their places out. Prepares no labels, makes no pictures.

mathra (Rust, one wheel for every Python) is called in strict mode, so it refuses what it doesn't know instead of
painting the source red. It returns an SVG with much that a picture doesn't need (speech, braille, the source); only
glyphs, rules, lines and ellipses are read from it, and any other kind of element is refused. Lengths are in thousandths
of an em; y grows upwards from the baseline.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import mathra
from PIL import ImageColor

from curate.render.refusals import in_words


class RenderError(Exception):
    """A label that can't be drawn; the text says why, as `refusals` puts it (`the command \\foo is unknown here`)."""


class Glyph(NamedTuple):
    """A glyph of mathra's font by its number; x, y: its origin; size: 1 for text, 0.7 for a script."""

    number: int
    x: float
    y: float
    size: float
    fill: str = ""


class Rule(NamedTuple):
    """A filled rectangle; x, y: its lower left corner."""

    x: float
    y: float
    width: float
    height: float
    fill: str = ""


class Line(NamedTuple):
    """A straight stroke with round ends."""

    x1: float
    y1: float
    x2: float
    y2: float
    stroke: float
    fill: str = ""


class Ellipse(NamedTuple):
    """The outline of an ellipse."""

    x: float
    y: float
    across: float
    up: float
    stroke: float
    fill: str = ""


class Character(NamedTuple):
    """A character that mathra's font lacks; its glyph comes from another font."""

    text: str
    x: float
    y: float
    size: float
    fill: str = ""


Element: TypeAlias = Glyph | Rule | Line | Ellipse | Character
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Drawing:
    """What a label is drawn with, in mathra's order. `fill` is "" or #rrggbb.

    outlines: the path of every glyph. speech: the formula in English words, for screen readers; may be empty.
    """

    elements: list[Element]
    outlines: Mapping[int, str]
    speech: str = ""

    def ink(self) -> Box | None:
        """Left, bottom, right, top of everything visible; None if nothing is."""
        boxes = [box for element in self.elements if (box := self.box(element)) is not None]
        if not boxes:
            return None
        lefts, bottoms, rights, tops = zip(*boxes, strict=True)
        return min(lefts), min(bottoms), max(rights), max(tops)

    def box(self, element: Element) -> Box | None:
        """Left, bottom, right, top of an element's ink."""
        if isinstance(element, Glyph):
            outline = extent(self.outlines[element.number])
            if outline is None:
                return None
            x, y, size = element[1:4]
            return x + size * outline[0], y + size * outline[1], x + size * outline[2], y + size * outline[3]
        if isinstance(element, Rule):
            x, y, width, height = element[:4]
            return (x, y, x + width, y + height) if width and height else None
        if isinstance(element, Character):
            return (
                element.x,
                element.y - 120 * element.size,
                element.x + 1000 * element.size,
                element.y + 880 * element.size,
            )
        half = element.stroke / 2
        if isinstance(element, Line):
            (left, right), (low, high) = sorted((element.x1, element.x2)), sorted((element.y1, element.y2))
        else:
            left, right = element.x - element.across, element.x + element.across
            low, high = element.y - element.up, element.y + element.up
        return left - half, low - half, right + half, high + half


#: Coordinates reach to 100,000 em: 20 em a character of the longest label that is drawn, and 60 times TeX's longest
#: length.
_DIGITS = 8
_NUMBER = rf"(-?\d{{1,{_DIGITS}}}(?:\.\d+)?(?:e-\d+)?)"
_FAR = re.compile(rf"<use [^<>]*(?:\d{{{_DIGITS + 1}}}|inf|NaN)")
_TOO_FAR = "a length in it is too large to be drawn"
_PATH = re.compile(r'<path id="[\w-]+-g(\d+)" d="([MLCQZ\d\s.e-]*)"/>')
_ELEMENT = re.compile(
    rf'<use href="#[\w-]+-g(\d+)" (?:x="{_NUMBER}" y="{_NUMBER}"'
    rf'|transform="translate\({_NUMBER} {_NUMBER}\) scale\({_NUMBER}\)")(?: fill="([^"]*)")?/>'
    r"|<(rect|line|ellipse) ([^<>]*)/>"
)
_ATTRIBUTE = re.compile(r'([a-z\d-]+)="([^"]*)"')
#: The outlines of all glyphs drawn so far: the same in every answer.
_OUTLINES: dict[int, str] = {}
_COLUMN = re.compile(r"^column \d+: ")
_OPENING = '<g fill="currentColor" stroke="none" transform="scale(1,-1)">'
_ROOM = re.compile(r"[A-Z]\s*|[\s,]+")
_SPEECH = re.compile(r"<title[^<>]*>([^<]*)</title>")


def layout(tex: str) -> Drawing:
    """What `tex` is drawn with in display style. Raises RenderError if mathra refuses it."""
    try:
        svg = mathra.tex_to_svg(tex, display=True, strict=True)
    except ValueError as error:
        raise RenderError(in_words(_COLUMN.sub("", str(error)))) from error
    start = svg.find(_OPENING)
    end = svg.find("</g>", start)
    if start < 0 or end < 0:
        raise RenderError("mathra's answer has an unknown form")
    body = svg[start + len(_OPENING) : end]
    elements: list[Element] = []
    at = 0
    for found in _ELEMENT.finditer(body):
        if found.start() != at:
            break
        at = found.end()
        number, x, y, moved_x, moved_y, size, fill, shape, attributes = found.groups()
        if number is None:
            elements.append(_shape(shape, dict(_ATTRIBUTE.findall(attributes))))
        elif x is None:
            elements.append(Glyph(int(number), float(moved_x), float(moved_y), float(size), _colour(fill)))
        else:
            elements.append(Glyph(int(number), float(x), float(y), 1.0, _colour(fill)))
    if at != len(body):
        if _FAR.match(body, at):
            raise RenderError(_TOO_FAR)
        raise RenderError(f"mathra draws an unknown element: {body[at : at + 60]}")
    if any(isinstance(element, Glyph) and element.number not in _OUTLINES for element in elements):
        _OUTLINES.update((int(number), path) for number, path in _PATH.findall(svg, 0, start))
    speech = _SPEECH.search(svg, 0, start)
    return Drawing(elements, _OUTLINES, html.unescape(speech.group(1)) if speech else "")


def _shape(kind: str, attributes: Mapping[str, str]) -> Element:
    def of(name: str) -> float:
        number = float(attributes[name])
        if not abs(number) < 10**_DIGITS:  # `inf` and `nan`, too
            raise RenderError(_TOO_FAR)
        return number

    if kind == "rect":
        return Rule(of("x"), of("y"), of("width"), of("height"), _colour(attributes.get("fill")))
    fill = _colour(attributes.get("stroke"))
    if kind == "line":
        return Line(of("x1"), of("y1"), of("x2"), of("y2"), of("stroke-width"), fill)
    return Ellipse(of("cx"), of("cy"), of("rx"), of("ry"), of("stroke-width"), fill)


@lru_cache(maxsize=256)
def _colour(name: str | None) -> str:
    if name in (None, "currentColor"):
        return ""
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError as error:
        raise RenderError(f"the colour {name} is unknown") from error
    return f"#{red:02x}{green:02x}{blue:02x}"


@lru_cache(maxsize=8192)
def extent(path: str) -> Box | None:
    """Left, bottom, right, top of an outline's points; None if it has none. mathra's have absolute steps only."""
    numbers = [float(number) for number in _ROOM.split(path) if number]
    if not numbers:
        return None
    xs, ys = numbers[::2], numbers[1::2]
    return min(xs), min(ys), max(xs), max(ys)
