"""Spreads an audit's work over a Ray cluster (`curate audit --engine ray`). Knows nothing of the work itself."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from curate.base.errors import UserError
from curate.base.extras import install
from rules.workers.spread import spread_by

#: Ray's own variable for the cluster: HOST:PORT of its head, or "auto". Without it, Ray starts one on this machine.
ADDRESS = "RAY_ADDRESS"
#: Items under way for each processor: one in progress, and one waiting so that the processor never idles.
_AHEAD = 2
#: Seconds within which the head must answer. Ray itself would keep trying.
_PATIENCE = 10.0
#: How often Ray repeats an item if its worker or machine is lost.
_AGAIN = 3


@contextmanager
def on_ray() -> Iterator[int]:
    """Inside, `rules.workers.spread` gives its work to Ray; the value is the cluster's number of processors.

    Raises UserError if Ray isn't installed or its cluster can't be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # otherwise Ray reports every start to its makers
    try:
        import ray
    except ImportError as error:
        raise UserError(f"--engine ray needs Ray: {install('ray')}") from error
    _check_head(os.environ.get(ADDRESS, ""))
    # One polars thread in every process, since there is already a process for every processor.
    environment = {"env_vars": {"POLARS_MAX_THREADS": "1"}}
    try:
        ray.init(logging_level="ERROR", log_to_driver=False, include_dashboard=False, runtime_env=environment)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        where = os.environ.get(ADDRESS, "this machine")
        raise UserError(
            f"--engine ray: no cluster at {where}: {_first_line(error)}; {ADDRESS} names the head's HOST:PORT"
        ) from error
    processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    try:
        with spread_by(lambda work, items: _spread(work, items, _AHEAD * processors)):
            yield processors
    finally:
        ray.shutdown()


def _check_head(address: str) -> None:
    """Raises UserError if nothing listens at HOST:PORT. "auto", "local" and "ray://…" are left to Ray."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except OSError as error:
        raise UserError(
            f"--engine ray: no cluster at {address} ({error.strerror or error}); {ADDRESS} names its head's HOST:PORT"
        ) from error


def _spread(work: Callable[[Any], Any], items: Iterable[Any], ahead: int) -> Iterator[Any]:
    """The results in order, with at most `ahead` items under way, to bound memory."""
    import ray

    task = ray.remote(num_cpus=1, max_retries=_AGAIN)(lambda item: work(item))
    waiting: deque[Any] = deque()
    for item in items:
        waiting.append(task.remote(item))
        if len(waiting) > ahead:
            yield _result(waiting.popleft())
    while waiting:
        yield _result(waiting.popleft())


def _result(begun: Any) -> Any:
    import ray

    try:
        return ray.get(begun)
    except ray.exceptions.RayTaskError as error:  # what the work itself raised
        raise error.cause from error
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
        raise UserError(
            f"--engine ray: {_AGAIN + 1} workers ended, one after the other, over the same part; do they have enough "
            "memory? --engine local says more"
        ) from error
    except ray.exceptions.RayError as error:
        raise UserError(
            f"--engine ray: the cluster failed: {_first_line(error)}; is texsieve installed on its machines?"
        ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
