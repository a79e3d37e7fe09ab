"""Spreads batches of labels over processes, or over what a caller offers in their place. Knows nothing of the work.

Threads are no help: math-core holds the interpreter's lock.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

from rules import faults
from rules.workers.pool import Helpers

_Batch = TypeVar("_Batch")
_Result = TypeVar("_Result")

#: Does work, which can be pickled, to every batch and gives the results in order.
Spreader = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]

_elsewhere: ContextVar[Spreader | None] = ContextVar("elsewhere", default=None)


@contextmanager
def spread_by(spreader: Spreader) -> Iterator[None]:
    """Inside, `spread` leaves to `spreader` what it would have given to processes of this machine."""
    token = _elsewhere.set(spreader)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def elsewhere() -> Spreader | None:
    """What `spread` leaves its work to here, for others that share work; None: nothing but this machine."""
    return _elsewhere.get()


def spread(work: Callable[[_Batch], _Result], batches: Sequence[_Batch], workers: int) -> Iterator[_Result]:
    """`work` done to every batch, the results in order. `work` and the batches must be picklable for `workers` > 1.

    Faults that are caught elsewhere are told here, as if they had been caught here.

    The processes are kept for the next call: starting one costs as much as judging ten thousand labels.
    """
    if workers <= 1 or len(batches) < 2:
        yield from map(work, batches)
        return
    spreader = _elsewhere.get()
    if spreader is not None:
        for pair in spreader(watched, [(work, batch) for batch in batches]):
            yield told(*pair)
        return
    pool = _pool(workers)
    try:
        waiting = deque(pool.submit(_do, work, batch) for batch in batches)
        while waiting:
            yield told(*waiting.popleft().result())
    except BaseException:  # a batch failed, Ctrl-C came, or nobody reads on: what is under way isn't waited for
        _pool.cache_clear()
        pool.shutdown()
        raise


@cache
def _pool(workers: int) -> Helpers:
    return Helpers(workers)


def watched(order: tuple[Callable[[_Batch], _Result], _Batch]) -> tuple[_Result, list[faults.Fault]]:
    """Work done to its batch elsewhere, and the faults that were caught there."""
    work, batch = order
    with faults.collected(strict=False) as found:  # whoever sent the work is asked how strict to be
        result = work(batch)
    return result, found.all()


def told(result: _Result, found: list[faults.Fault]) -> _Result:
    """A result of `watched`; its faults are told here."""
    for fault in found:
        faults.tell(fault)
    return result


def _do(work: Callable[[_Batch], _Result], batch: _Batch) -> tuple[_Result, list[faults.Fault]]:
    """`work` done by a helper."""
    gc.set_threshold(200_000)  # batches are lists of small lists, none of them a cycle: looking for one costs a tenth
    return watched((work, batch))
