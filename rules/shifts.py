"""Finds stretches of a file in which every picture belongs to another row's label. Not for single wrong pairs."""

from __future__ import annotations

from collections.abc import Sequence
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


def shifts(fits: npt.NDArray[np.float32], *, fewest: int, sigmas: float, gain: float) -> list[Shift]:
    """The shifted stretches of one file, in order; none overlaps another.

    fits: (rows, lags) how well each row's picture fits the label LAGS[k] rows further on; nan where that can't be said.
    A stretch is as long as it gains: the run of rows with the greatest sum of (fit at the lag - fit in place - half
    of `gain`). It counts where it has `fewest` rows, gains `gain` a row on average, and that mean is `sigmas` standard
    errors from 0. Rows in which a label follows its like gain nothing, and neither speak for a shift nor against it.
    """
    middle = LAGS.index(0)
    found: list[tuple[float, Shift]] = []
    for column, lag in enumerate(LAGS):
        if lag:
            gains = np.nan_to_num(fits[:, column] - fits[:, middle], nan=0.0).astype(np.float64)
            found.extend(_stretches(gains, lag, fewest, sigmas, gain))
    chosen: list[Shift] = []
    for _, shift in sorted(found, key=lambda pair: (-pair[0], pair[1].start)):
        if all(shift.end <= other.start or shift.start >= other.end for other in chosen):
            chosen.append(shift)
    return sorted(chosen, key=lambda shift: shift.start)


def _stretches(
    gains: npt.NDArray[np.float64], lag: int, fewest: int, sigmas: float, gain: float
) -> Sequence[tuple[float, Shift]]:
    """(sum of gains, stretch) of one lag, the best first; what stands before and after the best is searched again."""
    found = []
    waiting = [(0, gains.size)]
    while waiting:
        start, end = waiting.pop()
        if end - start < fewest:
            continue
        low, high = _greatest(gains[start:end] - gain / 2)
        inside = gains[start + low : start + high]
        if inside.size < fewest or inside.mean() < gain:
            continue
        if inside.mean() < sigmas * max(inside.std(), 1e-6) / np.sqrt(inside.size):
            continue
        found.append((float(inside.sum()), Shift(start + low, start + high, lag)))
        waiting += [(start, start + low), (start + high, end)]
    return found


def _greatest(values: npt.NDArray[np.float64]) -> tuple[int, int]:
    """(start, end) of the run with the greatest sum; (0, 0) where all are negative."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    lowest = np.minimum.accumulate(sums)
    end = int((sums - lowest).argmax())
    return (int(sums[: end + 1].argmin()), end) if end else (0, 0)
