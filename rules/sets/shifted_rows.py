"""Finds stretches of a file in which every picture belongs to another row's label. Not for single wrong pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

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


# Whose label it is ----------------------------------------------------------------------------------------------------

#: Rows on both sides of a place where the offset changes, of which nobody can say for sure to which side they belong.
MARGIN = 5
#: In place of a row's number: it isn't known whose label the picture shows, or the file doesn't have it.
NOBODY = -1


@dataclass(frozen=True)
class ShiftedFile:
    """A file with shifted stretches.

    rows: all samples of the file, in its order. stretches: as rows of the file. partners: for each row, the row whose
    label belongs to its picture: its own, another, or NOBODY.
    """

    rows: pl.DataFrame
    stretches: list[Shift]
    partners: npt.NDArray[np.intp]


def shifted_files(samples: pl.DataFrame, options: Mapping[str, Any]) -> Iterator[ShiftedFile]:
    """Every file with a shift: a split of a source.

    samples: source, split and pair_lags (null where a picture can't be compared), in the order of the files. options:
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
    """For each of `height` rows of a file the row whose label belongs to its picture, or NOBODY.

    A label goes to one picture at most: where two claim it, neither has it. What stands MARGIN rows or less from where
    the offset changes has no partner; the ends of the file are no such place, as no label can follow there.
    """
    rows = np.arange(height)
    lag = np.zeros(height, np.intp)
    doubtful = np.zeros(height, bool)
    for stretch in stretches:
        # Rows that have no label so far away, at an end of the file, are shifted like those beside them.
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
