"""Batches spread over processes: in order, kept for the next call, gone with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children

import polars
import pytest

from rules.processes import spread


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


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from test_processes import number_and_process\n"
        "from rules.processes import spread\n"
        "if __name__ == '__main__':\n"
        "    print(*{pid for _, pid in spread(number_and_process, range(8), 2)}, flush=True)\n"
        "    time.sleep(600)\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert children
    assert all(_alive(pid) for pid in children)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(200):
        if not any(_alive(pid) for pid in children):
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {[pid for pid in children if _alive(pid)]}")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
