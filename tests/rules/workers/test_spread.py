"""Batches spread over processes: in order, kept for the next call. How they end: tests/curate/cli/test_stopped.py."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children
from pathlib import Path

import polars
import pytest

from rules.workers.spread import spread

ROOT = Path(__file__).resolve().parents[3]


def number_and_process(number: int) -> tuple[int, int]:
    time.sleep(0.02)
    return number, os.getpid()


def polars_threads(number: int) -> tuple[int, int]:
    time.sleep(0.02)
    return polars.thread_pool_size(), os.getpid()


def end(number: int) -> int:
    os._exit(1)


def fail(number: int) -> int:
    raise ValueError(f"{number} is no good")


def test_results_come_in_order_and_the_processes_stay():
    first = list(spread(number_and_process, range(8), 2))
    again = list(spread(number_and_process, range(8), 2))
    assert [number for number, _ in first] == [number for number, _ in again] == list(range(8))
    used = {process for _, process in (*first, *again)}
    assert os.getpid() not in used
    assert len(used) <= 2


def test_one_worker_or_one_batch_stays_here():
    assert list(spread(number_and_process, [1], 2)) == [(1, os.getpid())]
    assert list(spread(number_and_process, [1, 2], 1)) == [(1, os.getpid()), (2, os.getpid())]


def test_an_error_reaches_the_caller_and_the_next_call_works():
    with pytest.raises(ValueError, match="0 is no good"):
        list(spread(fail, range(3), 2))
    assert len(list(spread(number_and_process, range(3), 2))) == 3


def test_few_batches_start_few_processes_and_each_has_one_thread_of_its_own():
    given = os.environ.get("POLARS_MAX_THREADS")
    before = {process.pid for process in active_children()}
    found = list(spread(polars_threads, [1, 2], 7))
    assert {threads for threads, _ in found} == {1}
    assert len({process.pid for process in active_children()} - before) <= 2
    assert os.environ.get("POLARS_MAX_THREADS") == given


def test_a_process_that_is_ended_from_outside_is_said_and_the_next_call_works():
    with pytest.raises(BrokenProcessPool):
        list(spread(end, range(3), 2))
    assert len(list(spread(number_and_process, range(3), 2))) == 3


def test_helpers_start_without_polars_and_the_rules():
    script = "import sys, rules.workers.pool; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    brought = {name for name in done.stdout.split() if name.startswith(("polars", "rules"))}
    assert brought == {"rules", "rules.workers", "rules.workers.pool"}
