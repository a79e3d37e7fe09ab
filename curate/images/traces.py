"""Reads the traces of InkML: where the pen went. Not for drawing them, nor for labels.

What is read of https://www.w3.org/TR/InkML/: every `<trace>` that was made with the pen down, wherever it stands. Its
points are plain decimal numbers, in the order in which the `<traceFormat>` before it names the channels; without one
they are X, Y and then anything. The prefixes of differences (`'`, `"`, `!`), hexadecimal numbers (`#`) and left out
values (`*`, `?`) are refused: no public set of formulas has them.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from curate.base.xml_events import XmlError, walk

#: The points of one trace, in the file's own units, x to the right and y downwards: (points, 2).
Trace = npt.NDArray[np.float64]

#: A file of a million points has about 20 MB.
MAX_BYTES = 64 << 20
#: Coordinates further from 0 are no place on paper.
FARTHEST = 1e9
NO_INK = "the file holds no strokes"

_ENCODED = re.compile(r"""['"!#*?]""")
_NO_NUMBER = re.compile(r"[^0-9eE+.\s-]")


class InkError(Exception):
    """InkML whose traces can't be read. The text says what is wrong, in one line."""


class _Format:
    """Which values of a point are x and y, and which way they grow."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.signs: dict[str, float] = {}

    def add(self, attributes: dict[str, str]) -> None:
        name = attributes.get("name", "")
        self.names.append(name)
        if attributes.get("orientation") == "-ve":
            self.signs[name] = -1.0

    def columns(self) -> tuple[int, int]:
        if not self.names:
            return 0, 1
        if "X" not in self.names or "Y" not in self.names:
            raise InkError(f"the trace format has no channels X and Y but {', '.join(self.names)[:60]}")
        return self.names.index("X"), self.names.index("Y")


def read_traces(data: bytes) -> list[Trace]:
    """The traces of an InkML file, at least one, each of at least one point. Raises InkError."""
    if len(data) > MAX_BYTES:
        raise InkError(f"it has more than {MAX_BYTES >> 20} MiB")
    texts: list[tuple[str, _Format]] = []
    root, current, down = "", _Format(), True
    pieces: list[str] = []

    def opened(tag: str, attributes: dict[str, str]) -> None:
        nonlocal current, down, root
        if not root and tag != "ink":
            raise InkError(f"the file is no InkML: its root is <{tag[:40]}>")
        root = root or tag
        if tag == "trace":
            pieces.clear()
            down = attributes.get("type") != "penUp"
        elif tag == "traceFormat":
            current = _Format()
        elif tag == "channel":
            current.add(attributes)

    def closed(tag: str) -> None:
        if tag == "trace" and down:
            texts.append(("".join(pieces), current))

    try:
        walk(data, opened, closed, pieces.append)
    except XmlError as error:
        raise InkError(f"not valid InkML: {error}") from error
    traces = [_points(text, form, number) for number, (text, form) in enumerate(texts, 1) if text.strip()]
    if not traces:
        raise InkError(NO_INK)
    return traces


def _points(text: str, form: _Format, number: int) -> Trace:
    """The points of the trace with this number."""
    x, y = form.columns()
    strange = _NO_NUMBER.search(text.replace(",", " "))
    if strange:
        if _ENCODED.search(strange[0]):
            raise InkError(
                f"trace {number} has {strange[0]!r}: only plain decimal numbers are read, not differences or hex"
            )
        raise InkError(f"trace {number}: {_excerpt(text, strange.start())!r} is no number")
    points = text.strip().strip(",").count(",") + 1
    try:
        values = np.array([*map(float, text.replace(",", " ").split())])
    except ValueError as error:
        raise InkError(f"trace {number}: {error}") from error
    width, rest = divmod(values.size, points)
    if rest or width <= max(x, y):
        raise InkError(f"trace {number}: {values.size} numbers don't make {points} points")
    found = values.reshape(points, width)[:, [x, y]]
    if not (np.abs(found) <= FARTHEST).all():
        raise InkError(f"trace {number}: a coordinate is out of range")
    if form.signs:
        found *= [form.signs.get("X", 1.0), form.signs.get("Y", 1.0)]
    return found


def _excerpt(text: str, at: int) -> str:
    return text[at : at + 20].replace(",", " ").split()[0]
