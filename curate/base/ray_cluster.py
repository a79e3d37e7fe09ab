"""Spreads an audit's work over a Ray cluster (`curate audit --engine ray`). Knows nothing of the work itself.

What goes there is what would have gone to processes of this machine: labels to be judged and laid out, images to be
measured. All else (reading, joining, duplicates, the report) stays here.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from curate.base.errors import UserError
from curate.base.extras import install
from rules.workers.pool import Lost
from rules.workers.spread import spread_by

#: Names the cluster, for Ray itself: HOST:PORT of its head, or "auto"; without it Ray starts one on this machine.
ADDRESS = "RAY_ADDRESS"
#: Batches under way for each processor: one that works, one that waits so that none idles.
_AHEAD = 2
#: Seconds in which the head must answer. Ray itself goes on trying.
_PATIENCE = 10.0


@contextmanager
def on_ray() -> Iterator[int]:
    """Inside, `rules.workers.spread.spread` gives its batches to Ray; the value is the cluster's number of processors.

    Raises UserError where Ray isn't installed or its cluster can't be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it tells its makers about every start
    try:
        import ray
    except ImportError as error:
        raise UserError(f"--engine ray needs Ray: {install('ray')}") from error
    _check_head(os.environ.get(ADDRESS, ""))
    # One thread for polars in every process: there is a process for every processor already.
    environment = {"env_vars": {"POLARS_MAX_THREADS": "1"}}
    try:
        ray.init(logging_level="ERROR", log_to_driver=False, include_dashboard=False, runtime_env=environment)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        where = os.environ.get(ADDRESS, "this machine")
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(
            f"--engine ray: no cluster at {where}: {first}; {ADDRESS} names the head's HOST:PORT"
        ) from error
    processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    try:
        with spread_by(lambda work, batches: _spread(work, batches, _AHEAD * processors)):
            yield processors
    finally:
        ray.shutdown()


def _check_head(address: str) -> None:
    """Raises UserError where nothing listens at HOST:PORT. "auto", "local" and "ray://…" are for Ray to make out."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except OSError as error:
        raise UserError(
            f"--engine ray: no cluster at {address} ({error.strerror or error}); {ADDRESS} names its head's HOST:PORT"
        ) from error


def _spread(work: Callable[[Any], Any], batches: Iterable[Sequence[Any]], ahead: int) -> Iterator[Any]:
    """The results in order, `ahead` batches under way at most so that memory holds no more than that."""
    import ray

    # Ray itself would begin a batch that ends its process three times more.
    task = ray.remote(num_cpus=1, max_retries=0)(lambda batch: work(batch))
    waiting: deque[tuple[Sequence[Any], Any]] = deque()
    for batch in batches:
        waiting.append((batch, task.remote(batch)))
        if len(waiting) > ahead:
            yield from _results(task, *waiting.popleft())
    while waiting:
        yield from _results(task, *waiting.popleft())


def _results(task: Any, batch: Sequence[Any], begun: Any, deaths: int = 0) -> Iterator[Any]:
    """The result of a batch; where it ended its process, those of its halves, and `Lost` for an item that did twice."""
    import ray

    try:
        yield ray.get(begun)
    except ray.exceptions.WorkerCrashedError:
        if len(batch) == 1 and deaths:
            yield Lost(batch[0], "its process ended")
            return
        half = len(batch) // 2
        for part in [batch[:half], batch[half:]] if half else [batch]:
            yield from _results(task, part, task.remote(part), deaths + 1)
    except ray.exceptions.RayTaskError as error:  # what the work raised, as it would have here
        raise error.as_instanceof_cause() from error
    except ray.exceptions.RayError as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"--engine ray: the cluster failed: {first}; is texsieve installed on its machines?") from error
