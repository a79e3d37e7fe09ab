"""What a MathJax drawing consists of: glyphs, rules and their places, for comparing two drawings. Not a test module."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

#: (kind of mark, x, y, horizontal scale, vertical scale), in thousandths of an em from the first mark.
Mark = tuple[str, float, float, float, float]

_TRANSFORM = re.compile(r"(translate|scale)\(([^)]*)\)")
_LINK = "{http://www.w3.org/1999/xlink}href"
#: Marks closer than this, in thousandths of an em, are in the same place: MathJax rounds at every step.
NEAR = 8.0


def marks(svg: str) -> list[Mark]:
    """Everything visible in a drawing, in order of place, moved so that the first mark stands at 0, 0."""
    root = ET.fromstring(svg)
    empty = {path.get("id", "") for path in root.iter("{http://www.w3.org/2000/svg}path") if not path.get("d")}
    found: list[Mark] = []
    _walk(root, (0.0, 0.0, 1.0, 1.0), found, empty)
    if not found:
        return []
    _, left, base, _, _ = min(found, key=lambda mark: (mark[1], mark[2], mark[0]))
    moved = [(kind, x - left, y - base, sx, sy) for kind, x, y, sx, sy in found]
    return sorted(moved, key=lambda mark: (mark[0], round(mark[1] / NEAR), round(mark[2] / NEAR)))


def _walk(element: ET.Element, at: tuple[float, float, float, float], found: list[Mark], empty: set[str]) -> None:
    x, y, sx, sy = at
    for name, arguments in _TRANSFORM.findall(element.get("transform", "")):
        numbers = [float(number) for number in re.split(r"[ ,]+", arguments.strip())]
        if name == "translate":
            x, y = x + sx * numbers[0], y + sy * (numbers[1] if len(numbers) > 1 else 0)
        else:
            sx, sy = sx * numbers[0], sy * numbers[-1]
    tag = element.tag.rpartition("}")[2]
    own = [float(element.get(name, "0")) for name in ("x", "y")] if tag in ("rect", "svg") else [0.0, 0.0]
    x, y = x + sx * own[0], y + sy * own[1]
    if tag == "svg" and element.get("viewBox") and at != (0.0, 0.0, 1.0, 1.0):
        box = [float(number) for number in element.get("viewBox", "").split()]
        x, y = x - sx * box[0], y - sy * box[1]
    if tag == "use" and (link := element.get(_LINK, "")[1:]) not in empty:
        found.append((re.sub(r"^MJX-[0-9a-f]+-", "", link), x, y, sx, sy))
    elif tag == "rect":
        found.append((f"rect {element.get('width')} {element.get('height')}", x, y, sx, sy))
    elif tag in ("text", "line", "path", "polygon") and element.get("id") is None:
        told = element.text if tag == "text" else element.get("d") or element.get("points") or ""
        found.append((f"{tag} {told}", x, y, sx, sy))
    if tag != "defs":
        for child in element:
            _walk(child, (x, y, sx, sy), found, empty)


def alike(one: str, other: str) -> bool:
    """Do two drawings have the same marks in the same places?"""
    first, second = marks(one), marks(other)
    if len(first) != len(second):
        return False
    rest = list(second)
    for mark in first:
        match = next((m for m in rest if _same(mark, m)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _same(one: Mark, other: Mark) -> bool:
    return one[0] == other[0] and all(
        abs(a - b) <= tolerance for a, b, tolerance in zip(one[1:], other[1:], (NEAR, NEAR, 0.01, 0.01), strict=True)
    )
