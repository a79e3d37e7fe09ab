"""Leftovers of an interrupted replacement are put back if the folder is missing, kept if needed, removed otherwise."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from curate.base import exchange, leftovers
from curate.base.atomic_files import new_folder
from curate.base.errors import UserError
from curate.base.leftovers import restore
from curate.runs.decisions import DECISIONS_FILE, append_decisions, decide, locked_decisions, read_decisions
from curate.runs.folder import is_there

LOGS = (DECISIONS_FILE,)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_told", set())


@pytest.fixture(params=["exchange", "renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "renames":
        monkeypatch.setattr(exchange, "exchange", lambda *paths: False)
    return request.param


def make(run: Path, text: str, *decided: str) -> Path:
    run.mkdir(parents=True)
    (run / "samples").write_text(text, encoding="utf-8")
    append_decisions(run, [decide(name, "reject", "x", who="ann") for name in decided])
    return run


def aside(run: Path, text: str, *decided: str, mark: str = "abcd_123") -> Path:
    """The old version of `run`, as left by a replacement that is killed between or after its two renames."""
    home = run.parent / f".{run.name}.{mark}.old"
    make(home / run.name, text, *decided)
    return home


def an_hour_ago(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (time.time() - 3600, time.time() - 3600))


def renew(run: Path, text: str = "next") -> None:
    with locked_decisions(run), new_folder(run, replace=True, logs=LOGS) as folder:
        (folder / "samples").write_text(text, encoding="utf-8")
        shutil.copy2(run / DECISIONS_FILE, folder / DECISIONS_FILE)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def text_of(run: Path) -> str:
    return (run / "samples").read_text(encoding="utf-8")


def test_the_newest_is_put_back_and_one_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    an_hour_ago(aside(run, "older", "s/a", mark="zzzzzzzz"))
    home = aside(run, "old", "s/a")
    assert is_there(run)
    assert text_of(run) == "old"
    said = f"{run}: put back from {home.name}, where an interrupted replacement had left it\n"
    assert capsys.readouterr() == ("", said)
    assert is_there(run)
    assert capsys.readouterr().err == ""
    assert names(tmp_path) == [".run.zzzzzzzz.old", "run"]


def test_a_relative_path_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    aside(tmp_path / "run", "old")
    assert is_there(Path("run"))
    assert text_of(tmp_path / "run") == "old"


def test_nothing_is_put_back_for_a_name_that_is_only_alike(tmp_path: Path) -> None:
    aside(tmp_path / "run.2", "old", "s/a")
    make(tmp_path / "run", "new")
    an_hour_ago(*tmp_path.iterdir())
    assert not is_there(tmp_path / "ru")
    assert not is_there(tmp_path / "none")
    renew(tmp_path / "run")
    assert names(tmp_path) == [".run.2.abcd_123.old", "run"]
    assert is_there(tmp_path / "run.2")


def test_an_old_version_with_decisions_that_the_present_one_lacks_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = aside(tmp_path / "run", "old", "s/a", "s/b")
    run = make(tmp_path / "run", "new")
    append_decisions(run, [decide("s/c", "reject", "x")])
    an_hour_ago(home)
    said = (
        f"{home / 'run' / DECISIONS_FILE}: an interrupted replacement left 2 lines that {run / DECISIONS_FILE} lacks; "
        f"put them at the start of that file, or remove {home}\n"
    )
    assert is_there(run)
    assert capsys.readouterr().err == said
    leftovers._told.clear()
    renew(run)
    assert capsys.readouterr().err == said
    assert list(read_decisions(home / "run" / DECISIONS_FILE).standing) == ["s/a", "s/b"]
    # What the message says to do:
    both = (home / "run" / DECISIONS_FILE).read_bytes() + (run / DECISIONS_FILE).read_bytes()
    (run / DECISIONS_FILE).write_bytes(both)
    leftovers._told.clear()
    renew(run)
    said = f"{run}: removed the previous version, which an interrupted replacement had left\n"
    assert capsys.readouterr().err == said
    assert names(tmp_path) == ["run"]
    assert list(read_decisions(run / DECISIONS_FILE).standing) == ["s/a", "s/b", "s/c"]


def test_an_old_version_that_may_be_a_living_writers_is_left_alone(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "new")
    home = aside(run, "old")
    renew(run)
    assert home.is_dir()  # it is less than a minute old
    an_hour_ago(home)
    with leftovers.held_folder(home) as held:
        assert held
        renew(run)
        assert home.is_dir()
    renew(run)
    assert names(tmp_path) == ["run"]


def test_who_opens_a_run_between_two_renames_waits_for_them(tmp_path: Path) -> None:
    run = tmp_path / "run"
    home = aside(run, "old")
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from curate.base.leftovers import held_folder
        with held_folder(Path({str(home)!r})):
            print("ready", flush=True)
            time.sleep(0.5)
            Path({str(tmp_path / "new")!r}).rename({str(run)!r})
        """
    )
    make(tmp_path / "new", "new")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        append_decisions(run, [decide("s/a", "reject", "x")])
    assert text_of(run) == "new"
    assert list(read_decisions(run / DECISIONS_FILE).standing) == ["s/a"]
    assert home.is_dir()


def test_a_writer_that_hangs_between_two_renames_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_WAIT_S", 0.1)
    home = aside(tmp_path / "run", "old")
    with leftovers.held_folder(home), pytest.raises(UserError, match="another process is putting a new folder there"):
        is_there(tmp_path / "run")
    assert is_there(tmp_path / "run")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_what_cannot_be_put_back_is_one_clear_line(tmp_path: Path) -> None:
    aside(tmp_path / "run", "old")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(UserError, match=r"run: an interrupted replacement moved it to .* can't be put back"):
            is_there(tmp_path / "run")
    finally:
        tmp_path.chmod(0o755)


def test_decisions_of_a_program_that_takes_no_lock_are_kept(
    tmp_path: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(tmp_path / "run", "old", "s/a")
    with locked_decisions(run), new_folder(run, replace=True, logs=LOGS) as folder:
        shutil.copy2(run / DECISIONS_FILE, folder / DECISIONS_FILE)
        with (run / DECISIONS_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"sample_id": "s/b", "action": "reject"}) + "\n")
    (home,) = tmp_path.glob(".run.*.old")
    assert "left 1 line that" in capsys.readouterr().err
    assert list(read_decisions(home / "run" / DECISIONS_FILE).standing) == ["s/a", "s/b"]
    assert list(read_decisions(run / DECISIONS_FILE).standing) == ["s/a"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path, way: str) -> None:
    real = make(tmp_path / "disk" / "run", "old", "s/a")
    (tmp_path / "here").mkdir()
    link = tmp_path / "here" / "run"
    link.symlink_to(real)
    renew(link)
    assert link.is_symlink()
    assert text_of(real) == "next"
    assert names(tmp_path / "disk") == names(tmp_path / "here") == ["run"]
    real.rename(tmp_path / "moved")
    aside(real, "old", "s/a")
    assert is_there(link)
    assert text_of(link) == "old"


def test_a_file_in_the_place_of_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine", encoding="utf-8")
    with pytest.raises(NotADirectoryError), new_folder(tmp_path / "run", replace=True):
        pytest.fail("the block ran")
    assert (tmp_path / "run").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_came_to_be_there_between_two_renames_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path / "run", "old", "s/a")
    rename = os.rename

    def another(old: os.PathLike[str], new: os.PathLike[str]) -> None:
        rename(old, new)
        if Path(old) == run:
            make(run, "another's", "s/c")

    monkeypatch.setattr(exchange, "exchange", lambda *paths: False)
    monkeypatch.setattr(os, "rename", another)
    with pytest.raises(OSError, match="not empty"):
        renew(run)
    assert text_of(run) == "another's"
    (home,) = tmp_path.glob(".run.*.old")
    assert list(read_decisions(home / "run" / DECISIONS_FILE).standing) == ["s/a"]


def _decide_on(run: Path, stop: Path, report: Path) -> None:
    number = 0
    with report.open("w", encoding="utf-8") as lines:
        while not stop.exists():
            append_decisions(run, [decide(f"s/{number}", "reject", "x", who="bob")])
            lines.write(f"s/{number}\n")
            number += 1


def test_no_decision_is_lost_while_the_run_is_renewed_again_and_again(tmp_path: Path, way: str) -> None:
    run = make(tmp_path / "run", "old")
    stop, report = tmp_path / "stop", tmp_path / "report"
    browser = multiprocessing.get_context("spawn").Process(target=_decide_on, args=(run, stop, report))
    browser.start()
    while not (run / DECISIONS_FILE).exists():
        time.sleep(0.01)
    for number in range(40):
        renew(run, str(number))
    stop.touch()
    browser.join(60)
    assert browser.exitcode == 0
    decided = report.read_text(encoding="utf-8").split()
    assert decided
    assert list(read_decisions(run / DECISIONS_FILE).standing) == decided
    assert text_of(run) == "39"
    assert names(tmp_path) == ["report", "run", "stop"]


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux's call")
def test_two_folders_change_places(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one ä", "1"), make(tmp_path / "other", "2")
    assert exchange.exchange(one, other)
    assert (text_of(one), text_of(other)) == ("2", "1")
    assert not exchange.exchange(one, tmp_path / "none")
    assert text_of(one) == "2"


@pytest.mark.skipif(sys.platform != "linux", reason="another file system is at hand there only")
def test_where_folders_cannot_be_locked_a_leftover_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuses(fd: int, operation: int) -> None:
        raise OSError(9, "Bad file descriptor")  # as NFS does with folders

    monkeypatch.setattr(leftovers, "_SETTLE_S", 0.01)
    aside(tmp_path / "run", "old")
    monkeypatch.setattr(fcntl, "flock", refuses)
    assert restore(tmp_path / "run")


def test_a_link_that_leads_to_itself_is_no_folder_and_is_not_replaced(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert not is_there(loop)
    with pytest.raises(UserError, match="loop: is a symbolic link that leads to itself; remove it"), new_folder(loop):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]
