"""Places where no command can write: each costs one line, and nothing is left behind."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from curate.audit import AuditOptions, audit
from curate.base.terminal import run as run_command
from curate.sources import parse_source
from rules import select

EXPORT, FIX = "curate export run --allow-no-image", "curate fix l.txt"
PREDICT, TASKS = "finetune predict base l.jsonl", "curate tasks run"
PLACES = [
    (EXPORT, "/proc/x" if sys.platform == "linux" else "l.txt/x"),  # where no folder can be made
    (EXPORT, "loop"),
    (EXPORT, "/"),
    (FIX, "/"),
    (FIX, "."),
    (FIX, "l.txt/x"),
    (TASKS, "/"),
    (TASKS, "loop"),
    (TASKS, "a" * 300),
    (PREDICT, "/"),
    (PREDICT, "."),
    ("curate audit l.txt", "loop"),
    ("curate audit l.txt", "."),
    ("curate hashes run", "/"),
    ("curate render l.txt", "loop"),
    ("finetune evaluate p.jsonl --no-cdm", "loop"),
    ("finetune compare p.jsonl p.jsonl --names A,B --no-cdm", "l.txt/x"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "l.txt").write_text("\\frac{a}{b}\nx^2^3\n$x$\n")
    (folder / "l.jsonl").write_text('{"label": "x", "image": "a.png"}\n')
    (folder / "p.jsonl").write_text(json.dumps({"sample_id": "l/1", "gt": "x", "pred": "y"}) + "\n")
    (folder / "loop").symlink_to("loop")
    audit([parse_source(str(folder / "l.txt"))], folder / "run", AuditOptions(select()))
    return folder


@pytest.mark.parametrize(("command", "place"), PLACES)
def test_a_place_that_cannot_be_written_costs_one_line(
    folder: Path, command: str, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(path.name for path in folder.iterdir())
    tool, *arguments = command.split()
    group = importlib.import_module(f"{tool}.cli.main").main_group
    code = run_command(tool, group, [*arguments, "--out", place])
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.startswith(f"{tool}: error: ")
    assert said.count("\n") == 1, said
    assert "a fault" not in said
    assert sorted(path.name for path in folder.iterdir()) == before
