"""`curate audit --update` stopped at its worst moment: the next command finds the run and its decisions."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from curate.runs.decisions import append_decisions, decide, read_decisions
from curate.runs.folder import load_run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

#: Runs `curate` and stops it just after the old run has left its place: by an exchange or by the first of two renames.
DRIVER = """
import os, signal, sys
from pathlib import Path
from curate.base import exchange
from curate.cli.main import main

way, name, *sys.argv[1:] = sys.argv[1:]
swap, rename = exchange.exchange, os.rename

def stop():
    os.kill(os.getpid(), getattr(signal, name))

def swap_and_stop(*paths):
    assert swap(*paths)
    stop()
    return True

def rename_and_stop(old, new, **where):
    rename(old, new, **where)
    if Path(old).name == "run":
        stop()

signal.signal(signal.SIGINT, signal.default_int_handler)
if way == "exchange":
    exchange.exchange = swap_and_stop
else:
    exchange.exchange = lambda *paths: False
    os.rename = rename_and_stop
sys.exit(main())
"""


def curate(folder: Path, *arguments: str, driver: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    script = DRIVER if driver else "import sys; from curate.cli.main import main; sys.exit(main())"
    env = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", script, *driver, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=env,
    )


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    rows = [{"id": name, "label": label} for name, label in {"a": "x", "b": r"\frac{a}{b", "c": "y"}.items()]
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    made = curate(folder, "audit", "set.jsonl", "--out", "run")
    assert made.returncode == 0, made.stderr
    append_decisions(folder / "run", [decide("set/a", "reject", "x", who="ann")])
    return folder


@pytest.fixture
def folder(audited: Path, tmp_path: Path) -> Path:
    shutil.copytree(audited, tmp_path / "here")
    with (tmp_path / "here" / "set.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"id": "d", "label": "z"}) + "\n")
    return tmp_path / "here"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_the_run_and_its_decisions_are_there_for_the_next_command(folder: Path, way: str, name: str) -> None:
    stopped = curate(folder, "audit", "set.jsonl", "--out", "run", "--update", driver=(way, name))
    killed = name == "SIGKILL"
    assert stopped.returncode == (-signal.SIGKILL if killed else 128 + getattr(signal, name)), stopped.stderr
    # A kill between two renames leaves the old run aside; otherwise a run, old or new, is in its place.
    assert (folder / "run").is_dir() == (not killed or way == "exchange")
    found = curate(folder, "findings", "run")
    assert found.returncode == 0, found.stderr
    assert ("run: put back from .run." in found.stderr) == (killed and way == "two renames")
    assert found.stderr.count("\n") <= 1
    again = curate(folder, "audit", "set.jsonl", "--out", "run", "--update")
    assert again.returncode == 0, again.stderr
    run = load_run(folder / "run")
    assert run.samples.collect()["sample_id"].to_list() == ["set/a", "set/b", "set/c", "set/d"]
    assert list(read_decisions(folder / "run" / "decisions.jsonl").standing) == ["set/a"]
