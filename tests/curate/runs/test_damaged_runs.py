"""A run whose tables are damaged is not told as a fault in texsieve."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curate.base.terminal import run
from curate.cli.main import main_group as curate


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    labels = folder / "labels.jsonl"
    labels.write_text("".join(json.dumps({"label": f"x_{at} \\n"}) + "\n" for at in range(20)))
    assert run("curate", curate, ["audit", str(labels), "--out", str(folder / "run"), "--no-images"]) == 0
    return folder


def said(audited: Path, tmp_path: Path, table: str, command: list[str], inside: bool) -> str:
    """What a command says about a run with a damaged table: cut, or wrong inside."""
    broken = tmp_path / "broken"
    shutil.copytree(audited / "run", broken)
    data = (broken / table).read_bytes()
    (broken / table).write_bytes(data[:8] + b"\xff" * 40 + data[48:] if inside else data[: len(data) // 2])
    assert run("curate", curate, [word.replace("RUN", str(broken)) for word in command]) == 2
    return str(broken / table)


COMMANDS = [
    ["findings", "RUN"],
    ["diff", "RUN", "RUN"],
    ["export", "RUN", "--out", "RUN-data", "--allow-no-image"],
    ["hashes", "RUN", "--out", "RUN.parquet"],
]


@pytest.mark.parametrize("table", ["samples.parquet", "findings.parquet"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_table_that_is_cut(
    audited: Path, tmp_path: Path, table: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = said(audited, tmp_path, table, command, inside=False)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"curate: error: {path}: is damaged (parquet: ")


@pytest.mark.parametrize("command", COMMANDS[:3], ids=lambda command: command[0])
def test_a_table_that_is_damaged_inside(
    audited: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said(audited, tmp_path, "samples.parquet", command, inside=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("curate: error: a table of the run is damaged (parquet: ")
