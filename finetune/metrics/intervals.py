"""Confidence intervals and paired tests by the bootstrap. Knows nothing of metrics: they are functions of sums.

A metric here is a function of the sums of numbers that every pair has. Drawing pairs again is then drawing how often
each counts, and one matrix product gives the sums of all drawings. Seeded: the same numbers give the same interval.
Percentile intervals after Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
#: Sums of shape (…, columns) to arrays of shape (…) by metric.
Figures = Callable[[Numbers], Mapping[str, Numbers]]

DRAWINGS = 1000
LEVEL = 0.95
SEED = 0
#: With more pairs than this, random blocks of pairs are drawn instead of pairs: as good for a sum of so many, and the
#: time no longer grows with the pairs.
MOST_UNITS = 4000


def drawn_sums(columns: Sequence[NDArray[Any]], drawings: int = DRAWINGS, seed: int = SEED) -> Numbers:
    """The sums over pairs drawn with replacement: columns of shape (pairs,) give an array (drawings, columns).

    The drawings depend on the number of pairs and the seed alone, so those of columns of one length belong together.
    """
    rng = np.random.default_rng(seed)
    pairs = len(columns[0])
    if pairs > MOST_UNITS:
        starts = np.arange(MOST_UNITS) * pairs // MOST_UNITS
        block = np.empty(pairs, np.int32)
        block[rng.permutation(pairs)] = np.repeat(np.arange(MOST_UNITS), np.diff(starts, append=pairs))
        columns = [np.bincount(block, column, MOST_UNITS) for column in columns]
    numbers = np.column_stack(columns).astype(np.float64)
    units = len(numbers)
    out = np.empty((drawings, numbers.shape[1]))
    for start in range(0, drawings, 100):  # a hundred at a time: a few megabytes
        some = min(100, drawings - start)
        places = rng.integers(0, units, (some, units)) + np.arange(some)[:, None] * units
        counts = np.bincount(places.ravel(), minlength=some * units).reshape(some, units)
        out[start : start + some] = counts @ numbers
    return out


def intervals(numbers: Numbers, figures: Figures) -> dict[str, list[float] | None]:
    """The 95 % interval [low, high] of every metric, None where it is not defined for every drawing."""
    return {name: interval(values) for name, values in figures(drawn_sums(list(numbers.T))).items()}


def interval(values: Numbers) -> list[float] | None:
    """[low, high]: what LEVEL of the values lie between; None if one of them is nan."""
    if np.isnan(values).any():
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]


def paired_p(differences: Numbers) -> float | None:
    """Two-sided p of drawn differences: twice the share of them on the rarer side of 0, at least 1 / drawings.

    With ties counted on both sides and one added to counts and drawings (Davison & Hinkley 1997, section 4.2).
    """
    if np.isnan(differences).any():
        return None
    drawings = len(differences)
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (drawings + 1)))


def mcnemar_p(only_before: int, only_after: int) -> float:
    """Exact two-sided McNemar test: how likely is so uneven a split of the pairs that changed, were each a coin's?"""
    changed = only_before + only_after
    if changed == 0:
        return 1.0
    if changed > 1000:  # the exact sum would under- or overflow long before it differed from this
        statistic = (abs(only_before - only_after) - 1) / math.sqrt(changed)
        return min(1.0, math.erfc(max(statistic, 0.0) / math.sqrt(2)))
    tail = sum(math.comb(changed, count) for count in range(min(only_before, only_after) + 1))
    return float(min(1.0, 2 * tail / 2**changed))
