"""Appending to decisions.jsonl: nothing is lost to crashes, to other writers, or to an audit that renews the run."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.base.atomic_files import new_folder
from curate.base.errors import UserError
from curate.runs import decisions
from curate.runs.decisions import (
    OvertakenError,
    append_decisions,
    decide,
    label_sha256,
    locked_decisions,
    read_decisions,
)


def rows(run: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (run / "decisions.jsonl").read_bytes().split(b"\n") if line.strip()]


def test_a_decision_says_who_when_and_about_what(tmp_path: Path) -> None:
    append_decisions(tmp_path, [decide("s/a", "edit", "x", "y", who="ann"), decide("s/b", "reject", "x")])
    first, second = rows(tmp_path)
    assert list(first) == ["sample_id", "action", "label", "label_sha256", "who", "when"]
    assert (first["action"], first["label"], first["label_sha256"]) == ("edit", "y", label_sha256("x"))
    assert first["who"] == "ann"
    assert second["who"] == decisions.os_user()
    assert second["label"] is None
    when = datetime.fromisoformat(first["when"])
    assert when.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=5)


def test_a_user_without_a_name_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("no user with this number")

    monkeypatch.setattr(decisions.getpass, "getuser", nameless)
    assert decide("s/a", "reject", "x").who == f"uid {os.getuid()}"


def test_of_many_who_saw_the_same_one_decides(tmp_path: Path) -> None:
    """Of several who saw the same state, the first decides; the others are told, and nothing of theirs is written."""
    append_decisions(tmp_path, [decide("s/a", "accept", "x", who="ann")])
    seen = {"s/a": read_decisions(tmp_path / "decisions.jsonl").standing["s/a"]}
    barrier, refused = threading.Barrier(8), []

    def take(number: int) -> None:
        barrier.wait()
        try:
            append_decisions(tmp_path, [decide("s/a", "edit", "x", str(number)), decide("s/b", "reject", "x")], seen)
        except OvertakenError:
            refused.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert [row["action"] for row in rows(tmp_path)] == ["accept", "edit", "reject"]
    with pytest.raises(OvertakenError):
        append_decisions(tmp_path, [decide("s/a", "undo", "x")], {"s/a": None})


def test_nothing_to_write_makes_no_file(tmp_path: Path) -> None:
    append_decisions(tmp_path, [])
    assert not (tmp_path / "decisions.jsonl").exists()


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_after_a_torn_line_the_next_decision_stands_on_its_own(tmp_path: Path, cut: int) -> None:
    append_decisions(tmp_path, [decide("s/a", "reject", "x"), decide("s/b", "edit", "x", "ü y")])
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    append_decisions(tmp_path, [decide("s/c", "accept", "x")])
    found = read_decisions(path)
    # A line that only lacks its line end is complete.
    assert list(found.standing) == (["s/a", "s/b", "s/c"] if cut == 1 else ["s/a", "s/c"])
    assert found.unreadable == (() if cut == 1 else (2,))


TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=5), st.binary(max_size=20))
def test_what_is_written_is_read_again_whatever_stood_there(tmp_path_factory, given_rows, before) -> None:
    run = tmp_path_factory.mktemp("run")
    (run / "decisions.jsonl").write_bytes(before)
    for number, (judged, label, who) in enumerate(given_rows):
        append_decisions(run, [decide(f"s/{number}", "edit", judged, label, who)])
    standing = read_decisions(run / "decisions.jsonl").standing
    assert (run / "decisions.jsonl").read_bytes().startswith(before)
    for number, (judged, label, who) in enumerate(given_rows):
        found = standing[f"s/{number}"]
        assert (found.action, found.label, found.who) == ("edit", label, who)
        assert found.is_about(judged)


def test_half_a_character_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="s/b: the new label holds half of a surrogate pair"):
        append_decisions(tmp_path, [decide("s/a", "accept", "x"), decide("s/b", "edit", "x", "y\ud800")])
    assert not (tmp_path / "decisions.jsonl").exists()


def test_an_edit_needs_a_label() -> None:
    with pytest.raises(UserError, match="s/a: an edit needs the new label"):
        decide("s/a", "edit", "x")


def test_a_full_disk_leaves_no_half_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_decisions(tmp_path, [decide("s/a", "reject", "x")])
    before = (tmp_path / "decisions.jsonl").read_bytes()
    write = os.write

    def half(fd: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[: len(data) // 2])

    monkeypatch.setattr(decisions.os, "write", half)
    with pytest.raises(UserError, match=r"decisions\.jsonl: can't be written: No space left"):
        append_decisions(tmp_path, [decide("s/b", "accept", "x")])
    assert (tmp_path / "decisions.jsonl").read_bytes() == before


def test_a_run_that_is_gone_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be written: No such file"):
        append_decisions(tmp_path / "gone", [decide("s/a", "reject", "x")])


# Several at once ------------------------------------------------------------------------------------------------------

WRITERS, TURNS = 4, 25


def _write_turns(run: Path, number: int) -> None:
    for turn in range(TURNS):
        # Long enough that two writes without a lock would interleave.
        append_decisions(run, [decide(f"s/{number}-{turn}-{k}", "edit", "x", f"{number}" * 5000) for k in range(2)])


def test_writers_of_several_processes_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_turns, args=(tmp_path, number)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    found = read_decisions(tmp_path / "decisions.jsonl")
    assert found.unreadable == ()
    assert set(found.standing) == {f"s/{n}-{t}-{k}" for n in range(WRITERS) for t in range(TURNS) for k in range(2)}
    for sample_id, decision in found.standing.items():
        assert decision.label == sample_id[2] * 5000


def test_a_decision_made_while_an_audit_renews_the_run_is_in_the_new_one(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    append_decisions(run, [decide("s/a", "reject", "x")])
    with locked_decisions(run), new_folder(run, replace=True, logs=("decisions.jsonl",)) as new:
        shutil.copy2(run / "decisions.jsonl", new / "decisions.jsonl")
        waiting = threading.Thread(target=append_decisions, args=(run, [decide("s/b", "reject", "x")]))
        waiting.start()
        while not _waits_for_lock(waiting, run):
            pass
    waiting.join(timeout=30)
    assert list(read_decisions(run / "decisions.jsonl").standing) == ["s/a", "s/b"]


def _waits_for_lock(thread: threading.Thread, run: Path) -> bool:
    """True if the thread has opened the old file: then it can only be waiting for the lock."""
    assert thread.is_alive()
    path = run / "decisions.jsonl"
    opened = 0
    for fd in Path("/dev/fd").iterdir():
        try:
            opened += os.path.samestat(os.fstat(int(fd.name)), path.stat())
        except OSError:
            continue
    return opened >= 2
