"""Distributes batches over helper processes, or over a spreader that the caller provides. Knows nothing about the work.

**Isolation.** Native code may crash, or block the interpreter so that it receives no signal. Only another process
survives that. So commands run inside `isolated`: helpers do all work that is spread there, even a single batch, and an
item that ends its process twice is a `Lost` in place of a result. A few plain labels of `curate check` are an
exception, since a helper would nearly double the time. Library calls do small jobs in their own process.

**Machines.** Inside `spread_by`, batches go to workers of a cluster, where helpers do them: isolated as here. Whole
jobs (`spread_jobs`) are not isolated there, but what they spread themselves is.

Threads are no help: math-core holds the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from rules.workers.pool import Lost, the_pool
from rules.workers.process import POSSIBLE, HelperError

if TYPE_CHECKING:
    from rules.faults import Fault

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Does work, which can be pickled, to every item on other machines, and gives the results in order.
Spreader = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

#: A process hangs if it takes this many seconds without a step to the next item: a thousand times what most take.
LIMIT = 30.0


@dataclass(frozen=True)
class _WorkPlace:
    """Where the work is done."""

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
    """Keeps the work of `spread` out of this process inside. The value lists lost items, each with what was being done.

    isolate: False for work that isn't isolated, even inside another `isolated`. An outer `isolated` also gets the lost
    items.
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
    """Must work be kept out of this process?"""
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
    """The results of `work` for the items, in order: one per batch, or one per part of a batch if an item was lost.

    With a single batch or worker, the work is done in this process, unless it is `isolated`. Otherwise `work` and the
    batches must be picklable, and `work` must iterate over its items with `rules.workers.helper.each`, so that an item
    that hangs is known. The processes are kept for the next call: starting one takes as long as judging ten thousand
    labels.

    Args: lost: returns the result for a single lost item. to: what is done to an item, as a verb for messages, such as
        "draw". limit: seconds for one item; None is LIMIT. here: outside `isolated`, this process is one of the
        workers. apart: behave as inside `isolated`.

    Raises what `work` raises, and `rules.workers.process.HelperError` if helpers can't be started.
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


def prepare(work: Callable[[Sequence[Item]], Any], item: Item) -> None:
    """Start a helper for `work` ahead of its first batch, if it will need one here: a helper imports for half a second.

    item: any item, which the helper does meanwhile.
    """
    place = _here()
    if POSSIBLE and place.isolated and place.spreader is None:
        with suppress(HelperError):  # `spread` says what is wrong
            the_pool().prepare(partial(_watched, work), item, LIMIT)


def _by_helper(work: Callable[[Any], Any], limit: float, batch: Sequence[Any]) -> list[Any]:
    """What a helper of this process makes of a batch: see `Pool.work`."""
    return list(the_pool().work(work, iter([batch]), 1, limit))


def do_apart(work: Callable[[Sequence[Item]], Result], item: Item, limit: float) -> Result | Lost:
    """The result of `work` for one item in a helper process, whether `isolated` or not.

    limit: seconds that it may take. Raises what `work` raises, and `rules.workers.process.HelperError`.
    """
    done: Result | Lost
    [done] = the_pool().work(work, iter([[item]]), 1, limit)
    return done


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
    """The result of `work` in another process, and the faults that were caught there."""
    from rules import faults

    with faults.collected(strict=False) as found:  # the sender decides how strict to be
        result = work(batch)
    return result, found.all()


def _told(result: Result, found: list[Fault]) -> Result:
    """The result of `_watched`. Reports its faults here, as if they had been caught here."""
    if found:
        from rules import faults

        for fault in found:
            faults.tell(fault)
    return result
