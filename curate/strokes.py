"""Counts what ink is made of: parts, holes, strokes crossed. Sizes in pixels don't matter, nor who wrote it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Strokes(NamedTuple):
    """parts: connected pieces of ink (8 neighbours). holes: pieces of paper that ink encloses. across: strokes that a
    horizontal line through the ink's box crosses, on average; down: the same for a vertical line."""

    parts: int
    holes: int
    across: float
    down: float


def strokes_of(inside: npt.NDArray[np.bool_]) -> Strokes:
    """What the ink of a mask is made of. `inside`: (height, width), True where there is ink, cropped to the ink."""
    height, width = inside.shape
    flat = np.zeros((height, width + 2), np.int8)
    flat[:, 1:-1] = inside
    steps = np.diff(flat, axis=1)
    places = np.flatnonzero(steps == 1)
    row, start = np.divmod(places, width + 1)
    end = np.flatnonzero(steps == -1) % (width + 1)  # exclusive
    down = int(inside[0].sum()) + int(np.count_nonzero(inside[1:] & ~inside[:-1]))
    parts, touching = _parts(row, start, end, width)
    # Runs and their contacts are a planar graph: its loops are the holes (Euler's formula).
    holes = parts - (row.size - touching)
    return Strokes(parts, max(0, holes), row.size / height, down / width)


def _parts(
    row: npt.NDArray[np.intp], start: npt.NDArray[np.intp], end: npt.NDArray[np.intp], width: int
) -> tuple[int, int]:
    """Connected pieces among horizontal runs of ink, and contacts between runs of neighbouring rows."""
    stride = width + 2
    first = np.searchsorted(row * stride + end, (row + 1) * stride + start, side="left")
    last = np.searchsorted(row * stride + start, (row + 1) * stride + end, side="right")
    contacts = np.maximum(last - first, 0)
    above = np.repeat(np.arange(row.size), contacts)
    below = np.repeat(first, contacts) + np.arange(above.size) - np.repeat(np.cumsum(contacts) - contacts, contacts)
    label = np.arange(row.size)
    while True:  # every round links each piece to the least label around it and halves the paths to the roots
        linked = label.copy()
        np.minimum.at(linked, above, label[below])
        np.minimum.at(linked, below, label[above])
        np.minimum.at(linked, label[above], label[below])
        np.minimum.at(linked, label[below], label[above])
        linked = linked[linked]
        linked = linked[linked]
        if np.array_equal(linked, label):
            return int(np.unique(label).size), int(above.size)
        label = linked
