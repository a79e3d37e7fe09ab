"""Spreads batches over helper processes, or over what a caller offers in their place. Knows nothing of the work.

**Isolation.** Native code that crashes, or holds the interpreter and hears no signal, can only be survived in another
process. So commands run inside `isolated`: all that is spread there is done by helpers, be it one batch, and an item
that ends its process twice is a `Lost` in place of a result. (A few plain labels of `curate check` are an exception: a
helper would nearly double its time.) A library call does little work in its own process.

**Machines.** Inside `spread_by`, batches go to workers of a cluster, where helpers do them: isolated as here. Whole
jobs (`spread_jobs`) are not isolated there, but what they spread themselves is.

Threads are no help: math-core holds the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from rules.workers.pool import Lost, the_pool
from rules.workers.process import POSSIBLE

if TYPE_CHECKING:
    from rules.faults import Fault

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Does work, which can be pickled, to every item on other machines, and gives the results in order.
Spreader = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

#: Seconds without a step to the next item after which a process is taken to hang: a thousand times what most take.
LIMIT = 30.0


@dataclass(frozen=True)
class _WorkPlace:
    """Where work is done."""

    spreader: Spreader | None = None
    isolated: bool = False
    lost: list[tuple[str, Lost]] | None = None


_place: ContextVar[_WorkPlace | None] = ContextVar("place", default=None)


def _here() -> _WorkPlace:
    return _place.get() or _WorkPlace()


@contextmanager
def spread_by(spreader: Spreader) -> Iterator[None]:
    """Inside, `spread` leaves to `spreader` what it would have given to several processes of this machine, and
    `spread_jobs` leaves all to it."""
    with _placed(replace(_here(), spreader=spreader)):
        yield


@contextmanager
def isolated(isolate: bool = True) -> Iterator[list[tuple[str, Lost]]]:
    """Inside, `spread` does nothing in this process. The value: what was to be done (see `spread`), and items lost.

    isolate: False for work that isn't isolated, wherever this is. What is lost is told to an outer `isolated` too.
    """
    outer, lost = _here(), list[tuple[str, Lost]]()
    try:
        with _placed(replace(outer, isolated=isolate, lost=lost)):
            yield lost
    finally:
        if outer.lost is not None:
            outer.lost.extend(lost)


@contextmanager
def _placed(place: _WorkPlace) -> Iterator[None]:
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def is_isolated() -> bool:
    """Is work to be kept out of this process?"""
    return POSSIBLE and _here().isolated


def spread(
    work: Callable[[Sequence[Item]], Result],
    batches: Iterable[Sequence[Item]],
    workers: int,
    *,
    lost: Callable[[Lost], Result],
    to: str,
    limit: float | None = None,
    here: bool = False,
    apart: bool = False,
) -> Iterator[Result]:
    """What `work` makes of the items, in their order: a result a batch, or a part of one where an item was lost.

    Done in this process where one batch, or one worker, is all there is; see `isolated`. Elsewhere `work` and the
    batches must be picklable; `work` goes over its items by `rules.workers.helper.each`, so that one that hangs is
    known. The processes are kept for the next call: starting one costs as much as judging ten thousand labels.

    Args:
        lost: gives the result of a batch that is one item which was lost.
        to: what is done to an item, a verb such as "draw", for messages.
        limit: seconds for one item; None is LIMIT.
        here: outside `isolated`, this process is one of the workers.
        apart: as inside `isolated`, wherever this is.

    Raises what `work` raises, and `rules.workers.process.HelperError` where there can't be helpers.
    """
    place = _here()
    apart = apart or place.isolated
    if not POSSIBLE or (workers <= 1 and not apart):
        yield from map(work, batches)
        return
    stream = iter(batches)
    first = list(islice(stream, 2))
    stream = chain(first, stream)
    several = workers > 1 and len(first) > 1
    watched = partial(_watched, work)
    seconds = LIMIT if limit is None else limit
    results: Iterator[Any]
    if several and place.spreader is not None:
        results = chain.from_iterable(place.spreader(partial(_by_helper, watched, seconds), stream))
    elif several or apart:
        number = workers if several else 1
        results = the_pool().work(watched, stream, number, seconds, here=here and not apart)
    else:
        yield from map(work, stream)
        return
    for result in results:
        if isinstance(result, Lost):
            if place.lost is not None:
                place.lost.append((to, result))
            yield lost(result)
        else:
            yield _told(*result)


def _by_helper(work: Callable[[Any], Any], limit: float, batch: Sequence[Any]) -> list[Any]:
    """What a helper of this process makes of a batch: see `Pool.work`."""
    return list(the_pool().work(work, iter([batch]), 1, limit))


def are_jobs_spread() -> bool:
    """Does `spread_jobs` give its jobs away?"""
    return _here().spreader is not None


def spread_jobs(work: Callable[[Item], Result], jobs: Iterable[Item]) -> Iterator[Result]:
    """What `work` makes of each job, in order: on other machines inside `spread_by`, else here, one after the other.

    A job that is lost with its machine is done again, so it must leave as it was whatever it reads.
    """
    spreader = _here().spreader
    if spreader is None:
        yield from map(work, jobs)
        return
    for done, gone in spreader(partial(_isolated, work), jobs):
        if (lost := _here().lost) is not None:
            lost.extend(gone)
        yield _told(*done)


def _isolated(work: Callable[[Any], Any], job: Any) -> tuple[tuple[Any, list[Fault]], list[tuple[str, Lost]]]:
    """What `work` makes of a job on another machine, with the faults that were caught and the items that were lost."""
    with isolated() as lost:
        return _watched(work, job), lost


def _watched(work: Callable[[Sequence[Item]], Result], batch: Sequence[Item]) -> tuple[Result, list[Fault]]:
    """What `work` makes of the batch elsewhere, and the faults that were caught there."""
    from rules import faults

    with faults.collected(strict=False) as found:  # whoever sent the work is asked how strict to be
        result = work(batch)
    return result, found.all()


def _told(result: Result, found: list[Fault]) -> Result:
    """A result of `_watched`; its faults are told here, as if they had been caught here."""
    if found:
        from rules import faults

        for fault in found:
            faults.tell(fault)
    return result
