"""Shares batches between this process and others that help it. Knows nothing of what is done to them.

For work that is over in seconds: this process works while the helpers start, and they end with the work. Labels are
judged by `rules.workers.spread`, whose processes are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from rules.workers.pool import Helpers
from rules.workers.spread import elsewhere

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def share(work: Callable[[Batch], Result], batches: Sequence[Batch], workers: int) -> Iterator[Result]:
    """`work` done to every batch, the results in order, by `workers` processes of which this is one; or,
    inside `rules.workers.spread.spread_by`, by what that offers.

    With more than one worker, `work` and the batches must be picklable. Raises what `work` raises.
    """
    if workers <= 1 or len(batches) < 2:
        yield from map(work, batches)
        return
    spreader = elsewhere()
    if spreader is not None:
        yield from spreader(work, batches)
        return
    with Helpers(workers - 1) as pool:
        there: dict[int, Future[Result]] = {}
        here: dict[int, Result] = {}
        first, last = 0, len(batches)  # from one to before the other nobody has begun
        for at in range(len(batches)):
            while True:
                idle = 2 * workers - 1 - sum(not future.done() for future in there.values())
                for begun in range(first, min(first + max(idle, 0), last)):
                    there[begun] = pool.submit(work, batches[begun])
                    first += 1
                # Until the next result is there, this process does the last batch that nobody has begun.
                if at in here or there[at].done() or first == last:
                    break
                last -= 1
                here[last] = work(batches[last])
            yield here.pop(at) if at in here else there.pop(at).result()
