"""Counts what ink is made of: parts, holes, crossed strokes. Independent of size in pixels and of the writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]


class Strokes(NamedTuple):
    """parts: connected pieces of ink (8 neighbours). holes: pieces of paper enclosed by ink. across: strokes that a
    horizontal line through the ink's box crosses, on average; down: the same for a vertical line."""

    parts: int
    holes: int
    across: float
    down: float


class Runs(NamedTuple):
    """The ink of a picture, cropped to it: each horizontal run of inked pixels, row by row and from left to right.

    start and end (exclusive) are the runs' columns, row their rows. columns: the number of its vertical runs.
    """

    height: int
    width: int
    row: Rows
    start: Rows
    end: Rows
    columns: int


def runs_of(inside: npt.NDArray[np.bool_]) -> Runs:
    """The runs of a mask. `inside`: (height, width), True where there is ink, cropped to the ink."""
    height, width = inside.shape
    # One blank column after each row, and one before everything: so ink starts and ends alternate.
    stride = width + 1
    flat = np.zeros(height * stride + 1, np.bool_)
    flat[1:].reshape(height, stride)[:, :width] = inside
    turns = np.flatnonzero(flat[1:] != flat[:-1])
    row, start = np.divmod(turns[0::2], stride)
    return Runs(height, width, row, start, turns[1::2] - row * stride, _starts(inside))


def runs_crossed(inside: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Only the numbers of a mask's runs: in its rows and in its columns."""
    across = np.count_nonzero(inside[:, 0]) + np.count_nonzero(inside[:, 1:] > inside[:, :-1])
    return int(across), _starts(inside)


def _starts(inside: npt.NDArray[np.bool_]) -> int:
    """Runs in a mask's columns."""
    return int(np.count_nonzero(inside[0]) + np.count_nonzero(inside[1:] > inside[:-1]))


def strokes_of(inside: npt.NDArray[np.bool_]) -> Strokes:
    """What the ink of a mask is made of. `inside`: (height, width), True where there is ink, cropped to the ink."""
    return strokes_of_runs([runs_of(inside)])[0]


def strokes_of_runs(pictures: Sequence[Runs]) -> list[Strokes]:
    """What the ink of pictures is made of, picture by picture. All at once: a step costs about as much as for one."""
    if not pictures:
        return []
    # Stacked with a blank row between them, they are one picture whose parts are counted by picture.
    stride = max(runs.width for runs in pictures) + 2
    tops = np.cumsum([0, *(runs.height + 1 for runs in pictures[:-1])])
    sizes = np.array([runs.row.size for runs in pictures])
    line = (np.concatenate([runs.row for runs in pictures]) + np.repeat(tops, sizes)) * stride
    first_key = line + np.concatenate([runs.start for runs in pictures])
    last_key = line + np.concatenate([runs.end for runs in pictures])
    # Runs in the row above, from `first` to before `last`, touch a run, including at corners.
    first = np.searchsorted(last_key, first_key - stride, side="left")
    last = np.searchsorted(first_key, last_key - stride, side="right")
    contacts = np.maximum(last - first, 0)
    roots = _roots(first, contacts)
    picture = np.repeat(np.arange(len(pictures)), sizes)
    parts = np.bincount(picture[roots == np.arange(roots.size)], minlength=len(pictures))
    touching = np.bincount(picture, weights=contacts, minlength=len(pictures)).astype(np.intp)
    # Runs and their contacts are a planar graph: its loops are the holes (Euler's formula).
    holes = np.maximum(parts - (sizes - touching), 0)
    return [
        Strokes(int(parts[at]), int(holes[at]), runs.row.size / runs.height, runs.columns / runs.width)
        for at, runs in enumerate(pictures)
    ]


def _roots(first: Rows, contacts: Rows) -> Rows:
    """For each run one of its connected piece, the same for all of them; it is its own.

    Run i touches `contacts[i]` runs of the row above, `first[i]` and those after it.
    """
    root = np.arange(first.size)
    touching = contacts > 0
    root[touching] = first[touching]  # a forest: every run under the first that it touches
    while True:
        above = root[root]
        if np.array_equal(above, root):
            break
        root = above
    # What joins trees are the runs that touch several: few of all, so the trees' roots are joined one by one.
    several = np.flatnonzero(contacts > 1)
    more = contacts[several] - 1
    low = np.repeat(first[several], more)
    other = low + 1 + np.arange(low.size) - np.repeat(np.cumsum(more) - more, more)
    ones, twos = root[low], root[other]
    differ = ones != twos
    joined: dict[int, int] = {}

    def find(tree: int) -> int:
        while tree in joined:
            joined[tree] = joined.get(joined[tree], joined[tree])  # halves the way for the next who asks
            tree = joined[tree]
        return tree

    for a, b in zip(ones[differ].tolist(), twos[differ].tolist(), strict=True):
        one, two = find(a), find(b)
        if one != two:
            joined[max(one, two)] = min(one, two)
    if joined:
        trees = np.arange(root.size)
        trees[list(joined)] = [find(tree) for tree in joined]
        root = trees[root]
    return root
