"""Spreads batches of labels over processes, or over what a caller offers in their place. Knows nothing of the work.

Threads are no help: math-core holds the interpreter's lock.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

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

    The processes are kept for the next call: starting one costs as much as judging ten thousand labels.
    """
    if workers <= 1 or len(batches) < 2:
        yield from map(work, batches)
        return
    spreader = _elsewhere.get()
    if spreader is not None:
        yield from spreader(work, batches)
        return
    try:
        pool = _pool(workers)  # outside: the first of a program starts a helper of Python's, which unblocks Ctrl-C
        with _one_polars_thread(), _interrupts_held():
            results = pool.map(partial(_at_work, work), batches)  # starts a process a batch, up to so many workers
        yield from results
    except BrokenProcessPool:
        _pool.cache_clear()
        raise


def _at_work(work: Callable[[_Batch], _Result], batch: _Batch) -> _Result:
    """`work` done in another process. Ctrl-C, which reaches all, stops it here; a process that waits for work ignores
    it: the parent says in one line that it was stopped."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return work(batch)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _settle_in() -> None:
    """In a new process: end when its parent does, also when that is killed; it would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    gc.set_threshold(200_000)  # batches are lists of small lists, none of them a cycle: looking for one costs a tenth
    parent = parent_process()
    if parent is not None:

        def wait() -> None:
            parent.join()
            os._exit(1)

        Thread(target=wait, daemon=True).start()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Inside, Ctrl-C waits, and so it does for processes that are started here, until they have settled in."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@cache
def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: polars' thread pool does not survive a fork.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_settle_in)


@contextmanager
def _one_polars_thread() -> Iterator[None]:
    """Processes started inside have one thread of their own for polars, which reads the variable when it is imported.

    There is a process for every core already.
    """
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before
