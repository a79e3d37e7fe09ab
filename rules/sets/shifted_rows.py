"""Finds stretches of a file in which every picture belongs to another row's label. Not for single wrong pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

#: The offsets to try: the picture of row i may belong to the label of row i + k.
LAGS = tuple(range(-5, 6))


@dataclass(frozen=True)
class Shift:
    """Rows start to end (exclusive, counted among those given) whose pictures belong `lag` rows further on."""

    start: int
    end: int
    lag: int


#: The cost of each change of offset, in units of fit: about the gain of ten rows of handwriting.
SWITCH = 3.0


def shifts(fits: npt.NDArray[np.float32], *, fewest: int, sigmas: float, gain: float) -> list[Shift]:
    """The shifted stretches of one file, in order.

    fits: (rows, lags) how well the picture of each row fits the label LAGS[k] rows further on; nan if unknown.
    Viterbi's algorithm finds the offsets that fit best overall, at a cost of SWITCH for each change. A stretch with an
    offset counts if it has at least `fewest` rows and fits better than in place by at least `gain` per row on average,
    and if that mean is at least `sigmas` standard errors from 0.
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
    """The column of the lag for each row that maximises the sum of gains, less SWITCH for each change."""
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


# Which label belongs to which row -------------------------------------------------------------------------------------

#: How many rows on either side of a change of offset can't be assigned to one side for sure.
MARGIN = 5
#: In place of the number of a row: the label of the picture isn't known, or isn't in the file.
NOBODY = -1


@dataclass(frozen=True)
class ShiftedFile:
    """A file with shifted stretches.

    rows: all samples of the file, in order. stretches: in rows of the file. partners: for each row, the row whose label
    belongs to its picture, or NOBODY.
    """

    rows: pl.DataFrame
    stretches: list[Shift]
    partners: npt.NDArray[np.intp]


def shifted_files(samples: pl.DataFrame, options: Mapping[str, Any]) -> Iterator[ShiftedFile]:
    """Every file with a shift: a split of a source.

    samples: source, split and pair_lags (null if a picture can't be compared), in the order of the files. options:
    `rows`, `sigmas` and `gain`, see `shifts`.
    """
    for _, rows in samples.group_by("source", "split", maintain_order=True):
        compared = rows["pair_lags"].is_not_null().arg_true().to_numpy()
        if compared.size < options["rows"]:
            continue
        fits = np.array(rows["pair_lags"].drop_nulls().to_list(), dtype=np.float32)
        found = shifts(fits, fewest=options["rows"], sigmas=options["sigmas"], gain=options["gain"])
        if found:
            stretches = [Shift(int(compared[one.start]), int(compared[one.end - 1]) + 1, one.lag) for one in found]
            yield ShiftedFile(rows, stretches, partners(rows.height, stretches))


def partners(height: int, stretches: Sequence[Shift]) -> npt.NDArray[np.intp]:
    """For each of the `height` rows of a file, the row whose label belongs to its picture, or NOBODY.

    A label belongs to at most one picture: if two claim it, neither gets it. Rows within MARGIN rows of a change of
    offset have no partner. The ends of the file don't count as changes, since no label can follow there.
    """
    rows = np.arange(height)
    lag = np.zeros(height, np.intp)
    doubtful = np.zeros(height, bool)
    for stretch in stretches:
        # Rows at the ends of the file, which have no label at that offset, are shifted like their neighbours.
        start = stretch.start if stretch.start + stretch.lag > 0 and stretch.start else 0
        end = stretch.end if stretch.end + stretch.lag < height and stretch.end < height else height
        lag[start:end] = stretch.lag
        for edge in {start, end} - {0, height}:
            doubtful[max(0, edge - MARGIN) : edge + MARGIN] = True
    found = rows + lag
    doubtful |= (found < 0) | (found >= height)
    claimed = np.bincount(found[~doubtful], minlength=height)
    doubtful[~doubtful] = claimed[found[~doubtful]] > 1
    return np.where(doubtful, NOBODY, found)
