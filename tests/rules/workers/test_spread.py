"""Batches spread over processes: in order, kept for the next call, whatever an item does to its process.

tests/curate/cli/test_stopped.py covers how commands end with their helpers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars
import pytest

from rules.workers import pool
from rules.workers.pool import MOST_IN_A_ROW, Lost, the_pool
from rules.workers.process import HelperError
from rules.workers.spread import isolated, prepare, spread, spread_by, spread_jobs
from tests.helpers import deadly

ROOT = Path(__file__).resolve().parents[3]
Done = list[tuple[str, int]]


def run(work: Callable[..., Any], batches: Iterable[Sequence[str]], workers: int = 2, **options: Any) -> Iterator[Any]:
    return spread(work, batches, workers, lost=lambda lost: [lost], to="do", limit=deadly.LIMIT, **options)


def batches(number: int, size: int = 3) -> list[list[str]]:
    return [[f"{n}" for n in range(start * size, (start + 1) * size)] for start in range(number)]


def flat(results: Iterable[list[Any]]) -> list[Any]:
    return [row for result in results for row in result]


def polars_threads(items: Sequence[str]) -> list[tuple[int, int]]:
    time.sleep(0.02)
    return [(polars.thread_pool_size(), os.getpid())]


def test_results_come_in_order_and_the_processes_stay() -> None:
    first = flat(run(deadly.slow, batches(8)))
    again = flat(run(deadly.slow, batches(8)))
    assert [item for item, _ in first] == [item for item, _ in again] == [str(n) for n in range(24)]
    used = {process for _, process in (*first, *again)}
    assert os.getpid() not in used
    assert len(used) <= 2
    assert used <= set(the_pool().pids())


def test_one_worker_or_one_batch_stays_here_but_not_inside_isolated() -> None:
    def processes(number: int, workers: int, **options: Any) -> set[int]:
        return {process for _, process in flat(run(deadly.told, batches(number), workers, **options))}

    assert processes(1, 2) == processes(2, 1) == {os.getpid()}
    assert os.getpid() not in processes(1, 1, apart=True)
    with isolated() as lost:
        assert os.getpid() not in processes(1, 2) | processes(3, 1)
        assert len(processes(3, 1)) == 1
    assert not lost


def test_a_helper_is_prepared_while_its_caller_does_something_else(tmp_path: Path) -> None:
    the_pool().close()
    prepare(deadly.told, "first")
    assert the_pool().pids() == []  # without isolation, the caller may need none
    with isolated() as lost:
        prepare(deadly.slow, "first")
        prepare(deadly.slow, "second")
        used = {process for _, process in flat(run(deadly.told, batches(3), 1))}
        assert len(used) == 1
        assert [*used] == the_pool().pids()
        the_pool().close()
        prepare(deadly.told, "kill")
        assert [item for item, _ in flat(run(deadly.told, batches(1), 1))] == ["0", "1", "2"]
    assert not lost


def test_preparing_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[pool.Process] = []

    class Counted(pool.Process):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

    monkeypatch.setattr(pool, "Process", Counted)
    ended = pool.Pool()
    ended.prepare(deadly.told, "kill", deadly.LIMIT)
    (hand,) = ended._hands
    while not started or hand.task is not None or ended._pending:
        time.sleep(0.01)
    assert len(started) == 1  # nobody waits for the item, so it gets no second try
    ended.close()

    def no_more_threads(self: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pool._Hand, "start", no_more_threads)
    refused = pool.Pool()
    with pytest.raises(HelperError):
        refused.prepare(deadly.told, "first", deadly.LIMIT)
    assert not refused._jobs
    assert not refused._pending


def test_an_error_reaches_the_caller_and_the_next_call_works() -> None:
    with pytest.raises(ValueError, match="fail here is no good") as caught:
        list(run(deadly.told, [["1"], ["fail here"], ["2"]]))
    assert "deadly.py" in caught.value.__notes__[0]
    assert len(list(run(deadly.told, batches(3)))) == 3


def test_few_batches_start_few_processes_and_each_has_one_thread_of_its_own() -> None:
    given = os.environ.get("POLARS_MAX_THREADS")
    the_pool().close()
    found = flat(run(polars_threads, batches(2), 7))
    assert {threads for threads, _ in found} == {1}
    assert len(the_pool().pids()) <= 2
    assert os.environ.get("POLARS_MAX_THREADS") == given


def test_a_stream_is_taken_a_few_batches_at_a_time() -> None:
    taken = 0

    def endless() -> Iterator[list[str]]:
        nonlocal taken
        while True:
            taken += 1
            yield [str(taken)]

    results = run(deadly.told, endless())
    assert [next(results)[0][0] for _ in range(20)] == [str(n) for n in range(1, 21)]
    results.close()  # type: ignore[attr-defined]
    assert taken < 40


def test_this_process_works_too_where_it_is_asked_and_a_slow_batch_holds_nothing_up() -> None:
    found = flat(run(deadly.slow, batches(30), 3, here=True))
    assert [item for item, _ in found] == [str(n) for n in range(90)]
    used = {process for _, process in found}
    assert os.getpid() in used
    assert len(used) <= 3
    with isolated():
        assert os.getpid() not in {process for _, process in flat(run(deadly.told, batches(8), here=True))}


def test_helpers_work_where_the_standard_streams_are_closed(tmp_path: Path) -> None:
    """As services may start a command: the first files that it opens get the numbers 0 to 2."""
    script = tmp_path / "library.py"
    script.write_text(
        "import os, sys\n"
        "os.closerange(0, 3)\n"
        "from rules.workers.spread import isolated, spread\n"
        "from tests.helpers import deadly\n"
        "os.closerange(0, 3)\n"
        "with isolated():\n"
        "    found = list(spread(deadly.told, [['1']], 1, lost=lambda lost: [(lost.item,)], to='do'))\n"
        "open(sys.argv[1], 'w').write(found[0][0][0])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, script, tmp_path / "found"], env=environment, timeout=60)
    assert (tmp_path / "found").read_text() == "1"


def test_no_job_is_left_behind_if_no_helper_can_be_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise RuntimeError("can't start new thread")

    own = pool.Pool()
    monkeypatch.setattr(pool._Hand, "start", full)
    with pytest.raises(HelperError):
        own.prepare(deadly.told, "first", deadly.LIMIT)
    assert not own._jobs
    assert not own._pending


def test_a_process_that_works_too_leaves_to_others_what_ended_one(tmp_path: Path) -> None:
    script = tmp_path / "library.py"
    script.write_text(
        "from rules.workers.spread import spread\n"
        "from tests.helpers import deadly\n"
        "batches = [[*'abcdefg', 'exit'], ['1'], ['2']]\n"
        "for found in spread(deadly.told, batches, 2, lost=lambda lost: [(lost.item,)], to='do', here=True):\n"
        "    print(*(row[0] for row in found))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout.split()) == (0, [*"abcdefg", "exit", *"12"])


def test_whoever_stops_reading_leaves_no_process_behind() -> None:
    results = run(deadly.slow, batches(100))
    next(results)
    started = the_pool().pids()
    assert started
    results.close()  # type: ignore[attr-defined]
    assert not the_pool().pids()
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)


def test_two_streams_share_the_helpers_and_one_may_be_left() -> None:
    one, other = run(deadly.slow, batches(20)), run(deadly.slow, batches(20))
    assert next(one)[0][0] == next(other)[0][0] == "0"
    one.close()  # type: ignore[attr-defined]
    assert [item for item, _ in flat(other)] == [str(n) for n in range(3, 60)]


@pytest.mark.parametrize("work", [deadly.told, deadly.untold])
@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("hang", "its process took over 1 s"),
        ("crash", "its process ended (SIGSEGV)"),
        ("exit", "its process ended with exit code 3"),
        ("kill", "its process was killed (SIGKILL), which systems do when memory runs out"),
    ],
)
def test_an_item_that_ends_its_process_is_found_and_the_rest_is_done(
    work: Callable[..., Done], item: str, why: str
) -> None:
    items = [[str(n) for n in range(start, start + 16)] for start in range(0, 48, 16)]
    items[1][5] = item
    with isolated() as told:
        found = flat(run(work, items))
    lost = Lost(item, why)
    assert found[21] == lost
    assert told == [("do", lost)]
    del found[21]
    assert [row[0] for row in found] == [n for batch in items for n in batch if n != item]


def test_several_in_one_batch_are_all_found() -> None:
    items = [str(n) for n in range(40)]
    for place in (0, 7, 8, 39):
        items[place] = "exit"
    found = flat(run(deadly.told, [items], apart=True))
    assert [row.item if isinstance(row, Lost) else row[0] for row in found] == items


def test_a_process_that_something_else_killed_costs_no_item(tmp_path: Path) -> None:
    items = ["1", "2", f"once:{tmp_path / 'flag'}", "3"]
    with isolated() as lost:
        assert [item for item, _ in flat(run(deadly.told, [items]))] == items
        assert [item for item, _ in flat(run(deadly.told, [[f"once:{tmp_path / 'other'}"]]))]
    assert not lost


def test_the_limit_is_one_items_not_a_batchs() -> None:
    assert len(flat(run(deadly.still_working, [["x"] * 5], apart=True))) == 5


def test_items_lost_one_after_the_other_are_no_fault_of_theirs() -> None:
    with pytest.raises(HelperError, match=f"{MOST_IN_A_ROW} items in a row .* ended with exit code 3"):
        list(run(deadly.told, [["exit"] * 50], apart=True))
    assert len(list(run(deadly.told, batches(3)))) == 3


def test_helpers_that_cannot_start_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    the_pool().close()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(HelperError, match="a helper process ended with exit code 1 before it could work"):
        list(run(deadly.told, batches(3)))
    monkeypatch.setattr(sys, "executable", "/nowhere")
    with pytest.raises(HelperError, match="No such file"):
        list(run(deadly.told, batches(3)))


def test_a_system_without_room_for_threads_is_said_and_few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = pool._Hand.start, [1]

    def start(hand: pool._Hand) -> None:
        if not room:
            raise RuntimeError("can't start new thread")
        room.pop()
        real(hand)

    the_pool().close()
    monkeypatch.setattr(pool._Hand, "start", start)
    items = [*"ab", "exit", *"cd"]
    found = flat(run(deadly.told, [items, items], 3))
    assert [row.item if isinstance(row, Lost) else row[0] for row in found] == items * 2
    the_pool().close()
    with pytest.raises(HelperError, match="can't start new thread; try fewer --workers"):
        list(run(deadly.told, batches(3)))
    the_pool().close()


def test_work_that_cannot_be_sent_is_an_error_of_the_caller() -> None:
    with pytest.raises(AttributeError, match="local"):
        list(run(lambda items: items, batches(3)))
    assert len(list(run(deadly.told, batches(3)))) == 3


def test_what_a_caller_offers_takes_the_place_of_processes_and_isolates_its_items() -> None:
    with isolated() as told, spread_by(map):
        found = flat(run(deadly.told, [*batches(3), ["a", "kill", "b"]]))
    assert [(to, lost.item) for to, lost in told] == [("do", "kill")]
    assert [row if isinstance(row, Lost) else row[0] for row in found[-3:]] == ["a", told[0][1], "b"]
    assert os.getpid() not in {row[1] for row in found if not isinstance(row, Lost)}


def test_jobs_are_done_one_after_the_other_or_where_a_caller_offers() -> None:
    assert list(spread_jobs(len, ["a", "bc"])) == [1, 2]
    with isolated() as told, spread_by(map):
        assert list(spread_jobs(deadly.apart, [["a", "kill"], ["b"]])) == [["a", "lost: kill"], ["b"]]
    assert {(to, lost.item) for to, lost in told} == {("do", "kill")}  # twice, since the offer is this process


def test_helpers_start_without_polars_the_rules_and_the_script_that_was_called() -> None:
    script = "import sys, rules.workers.spread; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    brought = {name for name in done.stdout.split() if name.startswith(("polars", "rules"))}
    assert brought == {"rules", *(f"rules.workers{name}" for name in ("", ".helper", ".pool", ".process", ".spread"))}


def test_a_script_needs_no_guard_around_its_main_part(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from rules.workers.spread import spread\n"
        "from tests.helpers import deadly\n"
        "print(len(list(spread(deadly.told, [['a'], ['b']], 2, lost=list, to='do'))))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"
