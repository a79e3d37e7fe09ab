"""What rows of equal values have in common, in numpy: a few bytes a row where a join or a group_by takes a hundred.

Knows nothing of samples: only columns of numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]


def highest(values: Numbers, ranks: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """For each row the highest rank among the rows of its value."""
    order, starts, sizes = _runs(values)
    best = np.maximum.reduceat(ranks[order], starts) if len(starts) else ranks[:0]
    return _scattered(order, np.repeat(best, sizes))


def times(values: Numbers) -> npt.NDArray[np.uint32]:
    """For each row how many rows have its value."""
    order, _, sizes = _runs(values)
    return _scattered(order, np.repeat(sizes, sizes))


def _runs(values: Numbers) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.uint32]]:
    """The rows sorted by value, where each value begins among them, and how many rows it has."""
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate((np.ones(min(len(values), 1), bool), ordered[1:] != ordered[:-1])))
    return order, starts, np.diff(starts, append=len(values)).astype(np.uint32)


def _scattered(order: npt.NDArray[np.intp], sorted_rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    rows = np.empty_like(sorted_rows)
    rows[order] = sorted_rows
    return rows
