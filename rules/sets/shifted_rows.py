"""Finds stretches of a file in which every picture belongs to another row's label. Not for single wrong pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Offsets that are looked at: the picture of row i may belong to the label of row i + k.
LAGS = tuple(range(-5, 6))


@dataclass(frozen=True)
class Shift:
    """Rows start to end (exclusive, counted among those given) whose pictures belong `lag` rows further on."""

    start: int
    end: int
    lag: int


#: What a path of offsets pays for each change, in units of fit: as much as it gains in some ten rows of handwriting.
SWITCH = 3.0


def shifts(fits: npt.NDArray[np.float32], *, fewest: int, sigmas: float, gain: float) -> list[Shift]:
    """The shifted stretches of one file, in order.

    fits: (rows, lags) how well each row's picture fits the label LAGS[k] rows further on; nan where that can't be said.
    The rows' offsets are those that fit best in all, where a change of offset costs SWITCH (Viterbi's algorithm). A
    stretch with an offset counts where it has `fewest` rows, fits better by `gain` a row on average than in place, and
    that mean is `sigmas` standard errors from 0.
    """
    middle = LAGS.index(0)
    gains = fits.astype(np.float64) - fits[:, [middle]]
    known = ~np.isnan(gains)
    gains = np.where(known, gains, 0.0)
    path = _best_path(gains)
    edges = np.flatnonzero(np.diff(path)) + 1
    found = []
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), len(path)], strict=True):
        there = np.flatnonzero(known[start:end, path[start]])  # the last rows have no label further down
        if there.size:
            start, end = start + int(there[0]), start + int(there[-1]) + 1
        inside = gains[start:end, path[start]]
        if path[start] == middle or inside.size < fewest or inside.mean() < gain:
            continue
        if inside.mean() >= sigmas * inside.std() / np.sqrt(inside.size):
            found.append(Shift(start, end, LAGS[path[start]]))
    return found


def _best_path(gains: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The lag's column for each row, so that the sum of gains less SWITCH for each change is greatest."""
    rows, columns = gains.shape
    came = np.empty((rows, columns), np.intp)
    stay = np.arange(columns)
    best = np.zeros(columns)
    for row in range(rows):
        top = int(best.argmax())
        came[row] = np.where(best >= best[top] - SWITCH, stay, top)
        best = np.maximum(best, best[top] - SWITCH) + gains[row]
    path = np.empty(rows, np.intp)
    at = int(best.argmax())
    for row in range(rows - 1, -1, -1):
        path[row] = at
        at = int(came[row, at])
    return path
