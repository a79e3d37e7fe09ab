"""A metric that fails on a pair fails on that pair alone: it counts as wrong there, and is told. Knows no metric.

What fails is a fault (`rules.faults`). Every function that an entry names is called through here, so that an entry
needs no `except` of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from finetune.metrics.metric import Columns, Numbers
from rules import faults

_Found = TypeVar("_Found")


def of_one(work: Callable[[], _Found], wrong: _Found, part: str, pair: tuple[str, str]) -> _Found:
    """What `work` gives, which is about one pair; `wrong` where that fails. `part` names it, as in `faults.caught`."""
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
    """The columns `names` that `function` gives for some pairs: an array of shape (pairs,) a name.

    The function is called once. Where it fails, the pairs are halved, and each half is measured, until the pairs that
    it fails on are alone: their numbers are those of `failed`, or 0.

    Args:
        function: gets what `taken` gives of a slice of the pairs, and gives a number a pair.
        names: the columns to take.
        taken: what the function is to measure, of some of the pairs.
        pairs: their texts, for naming a fault.
        failed: in place of the function for a pair that it fails on.
        part: what the function is called, as in `faults.caught`.
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
