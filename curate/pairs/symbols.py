"""How large symbols are, roughly, and boxes that hold them. Not for reading labels: that is `guessed_layout`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rules.latex.commands import COMMANDS

#: A box: left, bottom, right, top (em; the base line is 0, up is positive) and how much of it is ink, 0 to 1.
Part = tuple[float, float, float, float, float]


@dataclass(slots=True)
class Box:
    """A list as laid out: its width, how far it reaches above and below the base line (em), and its parts."""

    width: float
    above: float
    below: float
    parts: list[Part]


THIN, MEDIUM, THICK = 0.17, 0.22, 0.28
_INK = 0.3
AXIS = 0.25
_LINE = 0.05
_SCRIPT = 0.7

#: Symbol: width, above, below (em).
_LOW, _TALL, _DEEP = (0.44, 0.0), (0.69, 0.0), (0.44, 0.2)
_SIZES: dict[str, tuple[float, float, float]] = {
    **dict.fromkeys("acenorsuvxz", (0.5, *_LOW)),
    **dict.fromkeys("bdhkl0123456789", (0.48, *_TALL)),
    **dict.fromkeys("gpqy", (0.5, *_DEEP)),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ", (0.72, *_TALL)),
    **dict.fromkeys("()[]|/", (0.25, 0.75, 0.25)),
    "i": (0.33, 0.66, 0.0),
    "j": (0.38, 0.66, 0.2),
    "l": (0.28, *_TALL),
    "f": (0.5, 0.7, 0.2),
    "t": (0.34, 0.6, 0.0),
    "m": (0.85, *_LOW),
    "w": (0.7, *_LOW),
    "I": (0.42, *_TALL),
    "M": (0.95, *_TALL),
    "W": (0.95, *_TALL),
    "1": (0.36, *_TALL),
    ".": (0.12, 0.1, 0.0),
    ",": (0.15, 0.1, 0.15),
    ":": (0.12, *_LOW),
    ";": (0.15, 0.44, 0.15),
    "!": (0.14, 0.7, 0.0),
    "'": (0.2, 0.8, -0.4),
    "\\prime": (0.2, 0.8, -0.4),
    "*": (0.4, 0.5, 0.0),
    "\\cdot": (0.12, 0.3, -0.2),
    "\\ldots": (1.0, 0.1, 0.0),
    "\\dots": (1.0, 0.1, 0.0),
    "\\cdots": (1.0, 0.3, -0.2),
    "\\infty": (0.95, *_LOW),
    "\\sum": (1.4, 0.95, 0.45),
    "\\prod": (1.25, 0.95, 0.45),
    "\\int": (0.9, 1.3, 0.8),
    "\\oint": (0.9, 1.3, 0.8),
    "\\iint": (1.4, 1.3, 0.8),
    "\\iiint": (1.9, 1.3, 0.8),
    "\\partial": (0.55, *_TALL),
    "\\nabla": (0.8, *_TALL),
    "\\forall": (0.55, *_TALL),
    "\\exists": (0.55, *_TALL),
    "\\beta": (0.55, 0.7, 0.2),
    "\\mu": (0.6, *_DEEP),
    "\\{": (0.4, 0.75, 0.25),
    "\\}": (0.4, 0.75, 0.25),
    "\\lbrace": (0.4, 0.75, 0.25),
    "\\rbrace": (0.4, 0.75, 0.25),
    "\\langle": (0.3, 0.75, 0.25),
    "\\rangle": (0.3, 0.75, 0.25),
    "\\vert": (0.1, 0.75, 0.25),
    "\\|": (0.3, 0.75, 0.25),
}
_DEEP_GREEK = frozenset({"\\gamma", "\\eta", "\\rho", "\\chi", "\\varphi", "\\phi", "\\psi", "\\zeta", "\\xi", "\\mu"})
_TALL_GREEK = frozenset(f"\\{name}" for name in ["delta", "theta", "lambda", "vartheta"])
_DASHES = {"-": (0.65, AXIS), "\\minus": (0.65, AXIS)}


@lru_cache(maxsize=4096)
def symbol(token: str) -> Box:
    """The box of one symbol. The same object each time: boxes are put into others, never changed."""
    if token in _DASHES:
        width, axis = _DASHES[token]
        return _spaced(width, [(0.0, axis - _LINE / 2, width, axis + _LINE / 2, 1.0)], MEDIUM)
    if token == "=":
        lines = [(0.0, y, 0.7, y + _LINE, 1.0) for y in (AXIS - 0.14, AXIS + 0.1)]
        return _spaced(0.7, lines, THICK)
    size = _SIZES.get(token)
    space = 0.0
    command = COMMANDS.get(token[1:]) if token[0] == "\\" else None
    if token in "+<>" or (command is not None and command.kind in ("bin", "rel")):
        space = MEDIUM if token == "+" or (command is not None and command.kind == "bin") else THICK
        size = size or (0.75, 0.55, 0.05)
    if size is None and command is not None and command.kind == "func":
        letters = [symbol(letter) for letter in token[1:] if letter.isalpha()]
        box = beside(letters)
        return Box(box.width + THIN, box.above, box.below, box.parts)
    if size is None:
        if token in _DEEP_GREEK:
            size = (0.55, *_DEEP)
        elif token in _TALL_GREEK or token[1:2].isupper():
            size = (0.6, *_TALL)
        elif len(token) == 1 and ord(token) > 0x2E80:  # Chinese and similar scripts
            size = (0.95, 0.8, 0.1)
        else:
            size = (0.58, 0.5, 0.0)
    width, above, below = size
    return _spaced(width, [(0.0, -below, width, above, _INK)], space)


def _spaced(width: float, parts: list[Part], space: float) -> Box:
    moved = [(left + space, low, right + space, high, ink) for left, low, right, high, ink in parts]
    above = max(part[3] for part in parts)
    below = -min(part[1] for part in parts)
    return Box(width + 2 * space + 0.06, above, below, moved)


OVER = frozenset({"\\hat", "\\bar", "\\tilde", "\\vec", "\\dot", "\\ddot", "\\check", "\\acute", "\\grave", "\\breve"})
UNDER = frozenset({"\\underline", "\\underbrace"})

# Putting boxes together -----------------------------------------------------------------------------------------------


def _moved(box: Box, right: float, up: float, scale: float = 1.0) -> list[Part]:
    if not right and not up and scale == 1.0:
        return box.parts
    return [
        (a * scale + right, b * scale + up, c * scale + right, d * scale + up, ink) for a, b, c, d, ink in box.parts
    ]


def small(box: Box) -> Box:
    """A box in script size."""
    width, above, below = (length * _SCRIPT for length in (box.width, box.above, box.below))
    return Box(width, above, below, _moved(box, 0.0, 0.0, _SCRIPT))


def beside(boxes: Sequence[Box]) -> Box:
    if len(boxes) == 1 and boxes[0].above >= 0 and boxes[0].below >= 0:
        return boxes[0]
    parts: list[Part] = []
    width = above = below = 0.0
    for box in boxes:
        parts.extend(_moved(box, width, 0.0))
        width += box.width
        above, below = max(above, box.above), max(below, box.below)
    return Box(width, above, below, parts)


def stacked(boxes: Sequence[Box], gap: float, *, bar: bool = False) -> Box:
    """Boxes above each other, centred on each other and together on the axis; with a bar between two."""
    width = max(box.width for box in boxes)
    heights = [box.above + box.below for box in boxes]
    total = sum(heights) + gap * (len(boxes) - 1)
    if bar:  # the bar is on the axis, whatever is above and below it
        top = AXIS + gap / 2 + heights[0]
        width += 0.12
    else:
        top = AXIS + total / 2
    parts: list[Part] = []
    y = top
    for box, height in zip(boxes, heights, strict=True):
        parts.extend(_moved(box, (width - box.width) / 2, y - box.above))
        y -= height + gap
    if bar:
        parts.append((0.0, AXIS - _LINE / 2, width, AXIS + _LINE / 2, 1.0))
    return Box(width + (0.12 if bar else 0.0), top, -(y + gap), parts)


def scripted(base: Box, sub: Box | None, sup: Box | None, *, limits: bool) -> Box:
    sub, sup = (None if box is None else small(box) for box in (sub, sup))
    if limits:
        width = max(base.width, *(box.width for box in (sup, sub) if box is not None))
        parts = _moved(base, (width - base.width) / 2, 0.0)
        above, below = base.above, base.below
        if sup is not None:
            parts = [*parts, *_moved(sup, (width - sup.width) / 2, above + 0.12 + sup.below)]
            above += 0.12 + sup.above + sup.below
        if sub is not None:
            parts = [*parts, *_moved(sub, (width - sub.width) / 2, -below - 0.15 - sub.above)]
            below += 0.15 + sub.above + sub.below
        return Box(width + THIN, above, below, parts)
    parts = list(base.parts)
    width, above, below = 0.0, base.above, base.below
    if sup is not None:
        up = max(0.4, base.above - 0.3, sup.below + 0.15)
        parts.extend(_moved(sup, base.width, up))
        width, above = sup.width, max(above, up + sup.above)
    if sub is not None:
        down = max(0.17, base.below + 0.05, sub.above - 0.35)
        parts.extend(_moved(sub, base.width, -down))
        width, below = max(width, sub.width), max(below, down + sub.below)
    return Box(base.width + width + 0.05, above, below, parts)


def empty() -> Box:
    return Box(0.0, 0.0, 0.0, [])


def marked(inner: Box, token: str) -> Box:
    if not inner.parts:
        return inner
    wide = inner.width if token not in OVER else min(0.4, inner.width)
    left = (inner.width - wide) / 2
    if token in UNDER:
        mark = (left, -inner.below - 0.15, left + wide, -inner.below - 0.08, 0.7)
        return Box(inner.width, inner.above, inner.below + 0.15, [*inner.parts, mark])
    mark = (left, inner.above + 0.08, left + wide, inner.above + 0.15, 0.7)
    return Box(inner.width, inner.above + 0.15, inner.below, [*inner.parts, mark])


def fenced(inner: Box, opening: str, closing: str) -> Box:
    """Delimiters as tall as what they enclose, around the axis."""
    reach = max(inner.above - AXIS, inner.below + AXIS, 0.5)
    boxes = []
    for fence in (opening, closing):
        if fence in (".", "", " "):
            boxes.append(empty())
            continue
        width = 0.25 + min(0.3, 0.08 * reach)
        fence_part = (0.0, AXIS - reach, width, AXIS + reach, 0.15)
        boxes.append(Box(width + 0.05, AXIS + reach, reach - AXIS, [fence_part]))
    return beside([boxes[0], inner, boxes[1]])


def rooted(inner: Box) -> Box:
    """A root sign in front of and over a box."""
    above, below, sign = inner.above + 0.15, inner.below + 0.05, 0.55
    width = sign + inner.width + 0.05
    line, hook = (sign, above - _LINE, width, above, 1.0), (0.0, -below, sign, above, 0.12)
    return Box(width + 0.05, above, below, [*_moved(inner, sign, 0.0), line, hook])
