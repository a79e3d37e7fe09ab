"""Confidence intervals and paired tests by the bootstrap. To this module, a metric is only a function of sums.

A metric is a function of sums of the numbers of all pairs. Resampling pairs then means choosing how often each counts,
and one matrix product gives the sums of all resamples. The seed is fixed, so the same numbers give the same interval.
Percentile intervals follow Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
#: Turns sums of shape (…, columns) into arrays of shape (…) by metric.
Figures = Callable[[Numbers], Mapping[str, Numbers]]

DRAWINGS = 1000
LEVEL = 0.95
SEED = 0
#: With more pairs than this, random blocks of pairs are resampled instead of pairs. For a sum of so many this is as
#: good, and the time no longer grows with the number of pairs.
MOST_UNITS = 4000


def drawn_sums(columns: Sequence[NDArray[Any]]) -> Numbers:
    """The sums over pairs drawn with replacement: columns of shape (pairs,) give an array (DRAWINGS, columns).

    The drawings depend only on the number of pairs, so those for columns of equal length match.
    """
    rng = np.random.default_rng(SEED)
    pairs = len(columns[0])
    if pairs > MOST_UNITS:
        starts = np.arange(MOST_UNITS) * pairs // MOST_UNITS
        block = np.empty(pairs, np.int32)
        block[rng.permutation(pairs)] = np.repeat(np.arange(MOST_UNITS), np.diff(starts, append=pairs))
        columns = [np.bincount(block, column, MOST_UNITS) for column in columns]
    numbers = np.column_stack(columns).astype(np.float64)
    units = len(numbers)
    out = np.empty((DRAWINGS, numbers.shape[1]))
    for start in range(0, DRAWINGS, 100):  # a hundred at a time: a few megabytes
        some = min(100, DRAWINGS - start)
        places = rng.integers(0, units, (some, units)) + np.arange(some)[:, None] * units
        counts = np.bincount(places.ravel(), minlength=some * units).reshape(some, units)
        out[start : start + some] = counts @ numbers
    return out


def intervals(numbers: Numbers, figures: Figures) -> dict[str, list[float] | None]:
    """The 95 % interval [low, high] of every metric; None if it isn't defined for every drawing."""
    return {name: interval(values) for name, values in figures(drawn_sums(list(numbers.T))).items()}


def interval(values: Numbers) -> list[float] | None:
    """[low, high], which contains the share LEVEL of the values; None if one of them is nan."""
    if np.isnan(values).any():
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]


def paired_p(differences: Numbers) -> float | None:
    """Two-sided p of resampled differences: twice their share on the rarer side of 0, but at least 1 / drawings.

    Ties count on both sides, and one is added to counts and drawings (Davison & Hinkley 1997, section 4.2).
    """
    if np.isnan(differences).any():
        return None
    drawings = len(differences)
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (drawings + 1)))


def mcnemar_p(only_before: int, only_after: int) -> float:
    """Exact two-sided McNemar test: the probability of such an uneven split of the changed pairs by fair coin
    tosses.
    """
    changed = only_before + only_after
    if changed == 0:
        return 1.0
    if changed > 1000:  # the exact sum would under- or overflow long before it differed from this
        statistic = (abs(only_before - only_after) - 1) / math.sqrt(changed)
        return min(1.0, math.erfc(max(statistic, 0.0) / math.sqrt(2)))
    tail = sum(math.comb(changed, count) for count in range(min(only_before, only_after) + 1))
    return float(min(1.0, 2 * tail / 2**changed))
