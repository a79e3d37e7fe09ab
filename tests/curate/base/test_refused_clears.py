"""The next command removes what a killed one left next to its output, even if it refuses to overwrite the output."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from run_makers import exported, labels_only, make_run

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.cli.main import main_group


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def aged(path: Path) -> None:
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))


def test_a_fix(tmp_path: Path) -> None:
    (tmp_path / "set.txt").write_text("x^2\n", encoding="utf-8")
    command = ["fix", str(tmp_path / "set.txt"), "--out", str(tmp_path / "out.txt")]
    assert run("curate", main_group, command) == 0
    for name in (".out.txt.abcdefgh.tmp", ".out.txt.journal.jsonl.abcdefgh.tmp", ".other.txt.abcdefgh.tmp"):
        (tmp_path / name).touch()
        aged(tmp_path / name)
    from curate.base import leftovers

    leftovers._unfinished.clear()  # as in another process
    assert run("curate", main_group, command) == 2
    assert left(tmp_path) == [".other.txt.abcdefgh.tmp"]


def test_an_audit(tmp_path: Path) -> None:
    (tmp_path / "set.txt").write_text("x^2\n", encoding="utf-8")
    command = ["audit", str(tmp_path / "set.txt"), "--out", str(tmp_path / "run")]
    assert run("curate", main_group, command) == 0
    (tmp_path / ".run.abcdefgh.tmp").mkdir()
    aged(tmp_path / ".run.abcdefgh.tmp")
    assert run("curate", main_group, command) == 2
    assert left(tmp_path) == []


def test_an_export(tmp_path: Path) -> None:
    """Killed after the data set was moved into place and before the working folder was removed."""
    made = make_run(tmp_path / "run", labels_only(3))
    exported(made, tmp_path / "set")
    working = tmp_path / ".set.part"
    working.mkdir()
    (working / "plan.json").write_text("{}", encoding="utf-8")
    (working / "done.jsonl").touch()
    with pytest.raises(UserError, match="already exists"):
        exported(made, tmp_path / "set")
    assert left(tmp_path) == []
    (working / "data").mkdir(parents=True)  # an unfinished export, which the user may still move elsewhere
    (working / "plan.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="already exists"):
        exported(made, tmp_path / "set")
    assert left(tmp_path) == [".set.part"]
