"""Limits the failure of a metric to the pair on which it fails, which counts as wrong and is reported. Knows no metric.

A failure is a fault (`rules.faults`). Every function that an entry names is called from here, so that entries need no
`except`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from finetune.metrics.metric import Columns, Numbers
from rules import faults

_Found = TypeVar("_Found")


def of_one(work: Callable[[], _Found], wrong: _Found, part: str, pair: tuple[str, str]) -> _Found:
    """The result of `work` for one pair, or `wrong` if it fails. `part` names the metric, as in `faults.caught`."""
    try:
        return work()
    except BaseException as error:
        faults.caught(part, error, pair, of="pair")
        return wrong


def of_many(
    function: Callable[[Any], Columns],
    names: Sequence[str],
    taken: Callable[[slice], Any],
    pairs: Sequence[tuple[str, str]],
    failed: Callable[[Any], Columns] | None,
    part: str,
) -> dict[str, Numbers]:
    """The columns `names` that `function` returns for some pairs: one array of shape (pairs,) per name.

    The function is called once. If it fails, the pairs are halved, and each half is measured, until the pairs on which
    it fails are alone: their numbers are those of `failed`, or 0.

    Args:
        function: takes the result of `taken` for a slice of the pairs, and returns one number per pair.
        names: the columns to use.
        taken: returns the input of the function for some of the pairs.
        pairs: their texts, to name a fault.
        failed: used instead of the function for a pair on which it fails.
        part: the name of the function, as in `faults.caught`.
    """

    def measured(at: slice, by: Callable[[Any], Columns] = function) -> dict[str, Numbers]:
        given = by(taken(at))
        columns = {name: np.asarray(given[name], np.float64) for name in names}
        for name, column in columns.items():
            if column.shape != (at.stop - at.start,):
                raise ValueError(f"the shape of {name} is {column.shape}, of {at.stop - at.start} pairs")
        return columns

    def surely(at: slice) -> list[dict[str, Numbers]]:
        try:
            return [measured(at)]
        except BaseException as error:
            faults.check_ours(error)
            if at.stop - at.start <= 1:
                faults.caught(part, error, pairs[at.start], of="pair")
                return [dict.fromkeys(names, np.zeros(1)) if failed is None else measured(at, failed)]
        middle = (at.start + at.stop) // 2
        return surely(slice(at.start, middle)) + surely(slice(middle, at.stop))

    found = surely(slice(0, len(pairs)))
    return {name: np.concatenate([columns[name] for columns in found]) for name in names}
