"""Batches shared between processes: in order, by this process too, none left behind."""

from __future__ import annotations

import os
import time

import pytest

from curate.base.share_work import share


def number_and_process(number: int) -> tuple[int, int]:
    time.sleep(0.02)
    return number, os.getpid()


def slow_first(number: int) -> int:
    time.sleep(1.0 if number == 0 else 0.0)
    return number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ValueError("3 is no good")
    return number


def test_results_come_in_order_and_this_process_works_too() -> None:
    done = list(share(number_and_process, range(200), 2))
    assert [number for number, _ in done] == list(range(200))
    used = {process for _, process in done}
    assert os.getpid() in used
    assert len(used) == 2


def test_one_worker_or_one_batch_stays_here() -> None:
    assert list(share(number_and_process, [1], 4)) == [(1, os.getpid())]
    assert {process for _, process in share(number_and_process, [1, 2], 1)} == {os.getpid()}


def test_a_slow_batch_holds_nothing_up_and_loses_nothing() -> None:
    assert list(share(slow_first, range(50), 3)) == list(range(50))


def test_an_error_reaches_the_caller_and_the_next_call_works() -> None:
    with pytest.raises(ValueError, match="3 is no good"):
        list(share(fail_at_three, range(8), 2))
    assert list(share(slow_first, range(1, 9), 2)) == list(range(1, 9))


def test_whoever_stops_reading_leaves_no_process_behind() -> None:
    import multiprocessing

    before = {process.pid for process in multiprocessing.active_children()}  # of other tests, which are kept
    results = share(number_and_process, range(100), 2)
    next(results)
    assert {process.pid for process in multiprocessing.active_children()} > before
    results.close()  # type: ignore[attr-defined]
    assert {process.pid for process in multiprocessing.active_children()} <= before
