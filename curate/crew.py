"""Shares batches between this process and others that help it. Knows nothing of what is done to them.

For work that is over in seconds: this process works while the helpers start, and they end with the work. Labels are
judged by `rules.processes`, whose processes are kept.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def share(work: Callable[[Batch], Result], batches: Sequence[Batch], workers: int) -> Iterator[Result]:
    """`work` done to every batch, the results in order, by `workers` processes of which this is one; or,
    inside `rules.processes.spread_by`, by what that offers.

    With more than one worker, `work` and the batches must be picklable. Raises what `work` raises.
    """
    if workers <= 1 or len(batches) < 2:
        yield from map(work, batches)
        return
    from rules.processes import elsewhere  # brings all the rules; an audit has them, helpers do without

    spreader = elsewhere()
    if spreader is not None:
        yield from spreader(work, batches)
        return
    # Spawned, not forked: polars' thread pool does not survive a fork.
    pool = ProcessPoolExecutor(workers - 1, mp_context=get_context("spawn"), initializer=_settle_in)
    try:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # for helpers, until they have settled in
        try:
            waiting = [pool.submit(_at_work, work, batch) for batch in batches]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        here: dict[int, Result] = {}
        last = len(batches)
        for at, future in enumerate(waiting):
            # Until the next result is there, this process does the last batch that nobody has begun.
            while at not in here and not future.done() and last > at:
                last -= 1
                if waiting[last].cancel():
                    here[last] = work(batches[last])
            yield here.pop(at) if at in here else future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _at_work(work: Callable[[Batch], Result], batch: Batch) -> Result:
    """`work` done in a helper, where Ctrl-C stops it. While it waits for work it ignores that: the parent tells."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return work(batch)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _settle_in() -> None:
    """In a helper: one thread for polars, as there is a process for every core."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ["POLARS_MAX_THREADS"] = "1"  # read when polars is imported, which the first batch brings about
    leave_with_parent()


def leave_with_parent() -> None:
    """In a new process: end when its parent does, also when that is killed. As in `rules.processes`, without rules."""
    parent = parent_process()
    if parent is not None:

        def wait() -> None:
            parent.join()
            os._exit(1)

        Thread(target=wait, daemon=True).start()
