"""Writes a drawing as SVG. Only paths, rules, lines, ellipses and single characters by number, colour and name.

None of the label's own text gets into the file, except escaped characters without an outline, one by one.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

from curate.render.engine import Character, Drawing, Element, Ellipse, Glyph, RenderError, Rule

#: Height of the em at scale 1.
EM_PX = 16
#: Room around the ink, in thousandths of an em.
PADDING = 120
#: The size of a character from another font, relative to the em.
CHARACTER_SIZE = 884


@dataclass(frozen=True)
class Inside:
    """What is inside the SVG of a drawing.

    width, height: pixels at scale 1. view: its viewBox. body: its elements, which refer to outlines by the ids that
    `paths` gives them. outlines: the path of every glyph. speech: the formula in words; may be empty.
    """

    width: float
    height: float
    view: str
    body: str
    outlines: dict[int, str]
    speech: str


def inside(drawing: Drawing, mark: str) -> Inside:
    """mark: the prefix of outline ids. Raises RenderError if there is nothing to draw."""
    ink = drawing.ink()
    if ink is None:
        raise RenderError("there is nothing to draw")
    left, bottom, right, top = ink[0] - PADDING, ink[1] - PADDING, ink[2] + PADDING, ink[3] + PADDING
    width, height, px = right - left, top - bottom, EM_PX / 1000
    numbers = dict.fromkeys(element.number for element in drawing.elements if isinstance(element, Glyph))
    body = "".join(_element(element, mark) for element in drawing.elements)
    return Inside(
        width * px,
        height * px,
        f"{left:g} {-top:g} {width:g} {height:g}",
        f'<g fill="currentColor" transform="scale(1,-1)">{body}</g>',
        {number: drawing.outlines[number] for number in numbers},
        drawing.speech,
    )


def paths(outlines: Iterable[tuple[int, str]], mark: str) -> str:
    """The outlines, for the `<defs>` of one drawing or of many."""
    return "".join(f'<path id="{mark}-{number}" d="{outline}"/>' for number, outline in outlines)


def written(drawing: Drawing, mark: str, scale: float, colour: str | None) -> str:
    """A self-contained SVG. mark: prefix of its ids; scale 1 draws the em 16 pixels high; colour: #rrggbb."""
    found = inside(drawing, mark)
    painted = f' color="{colour}"' if colour else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' width="{found.width * scale:.2f}" height="{found.height * scale:.2f}"'
        f' viewBox="{found.view}"{painted}><defs>{paths(found.outlines.items(), mark)}</defs>{found.body}</svg>'
    )


def _element(element: Element, mark: str) -> str:
    fill = f' fill="{element.fill}"' if element.fill else ""
    if isinstance(element, Glyph):
        number, x, y, size = element[:4]
        place = f'x="{x:g}" y="{y:g}"' if size == 1 else f'transform="translate({x:g},{y:g}) scale({size:g})"'
        return f'<use xlink:href="#{mark}-{number}" {place}{fill}/>'
    if isinstance(element, Rule):
        x, y, width, height = element[:4]
        return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{fill}/>'
    if isinstance(element, Character):
        x, y, size = element[1:4]
        place = f'transform="translate({x:g},{y:g}) scale(1,-1)"'
        return f'<text {place} font-size="{CHARACTER_SIZE * size:g}px"{fill}>{html.escape(element.text)}</text>'
    look = f'fill="none" stroke="{element.fill or "currentColor"}" stroke-width="{element.stroke:g}"'
    if isinstance(element, Ellipse):
        x, y, across, up = element[:4]
        return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{across:g}" ry="{up:g}" {look}/>'
    x1, y1, x2, y2 = element[:4]
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke-linecap="round" {look}/>'
