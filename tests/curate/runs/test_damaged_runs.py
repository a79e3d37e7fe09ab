"""A run whose tables are damaged is not told as a fault in texsieve."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.cli.main import main_group as curate
from curate.runs import folder
from curate.runs.folder import load_run, table_hashes


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("audited")
    labels = place / "labels.jsonl"
    labels.write_text("".join(json.dumps({"label": f"x_{at} \\n"}) + "\n" for at in range(20)))
    assert run("curate", curate, ["audit", str(labels), "--out", str(place / "run"), "--no-images"]) == 0
    return place


def told(audited: Path, tmp_path: Path, table: str, command: list[str], inside: bool) -> Path:
    """The damaged table of a run that a command was given: cut, or wrong inside."""
    broken = tmp_path / "broken"
    shutil.copytree(audited / "run", broken)
    data = (broken / table).read_bytes()
    (broken / table).write_bytes(data[:8] + b"\xff" * 40 + data[48:] if inside else data[: len(data) // 2])
    assert run("curate", curate, [word.replace("RUN", str(broken)) for word in command]) == 2
    return broken / table


COMMANDS = [
    ["findings", "RUN"],
    ["diff", "RUN", "RUN"],
    ["export", "RUN", "--out", "RUN-data", "--allow-no-image"],
    ["hashes", "RUN", "--out", "RUN.parquet"],
]


@pytest.mark.parametrize("inside", [False, True], ids=["cut", "inside"])
@pytest.mark.parametrize("table", ["samples.parquet", "findings.parquet", "places.parquet"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_damaged_table_is_one_line(
    audited: Path, tmp_path: Path, table: str, command: list[str], inside: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor does polars see it: it may panic, which Rust tells in lines of its own, or read wrong values."""
    path = told(audited, tmp_path, table, command, inside)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"curate: error: {path}: is damaged, or was changed after the audit; audit the source again")


def test_no_wrong_bit_is_read(audited: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(audited / "run", broken)
    whole = (broken / "samples.parquet").read_bytes()
    for at in range(4, len(whole), len(whole) // 20):
        (broken / "samples.parquet").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(UserError, match="is damaged, or was changed"):
            load_run(broken)
    (broken / "samples.parquet").write_bytes(whole)
    assert load_run(broken).samples.collect().height == 20
    (broken / "places.parquet").unlink()
    with pytest.raises(UserError, match=r"places\.parquet: is damaged"):
        load_run(broken)


def test_a_run_that_is_replaced_while_it_is_opened_is_not_damaged(
    audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`curate audit --update` may end between the summary and the tables: then the new run is opened."""
    runs = tmp_path / "run", tmp_path / "updated"
    for run_folder in runs:
        shutil.copytree(audited / "run", run_folder)
    summary = json.loads((runs[0] / "summary.json").read_text(encoding="utf-8"))
    summary["tables"]["samples.parquet"] = "0" * 64  # as if of other labels
    (runs[0] / "summary.json").write_text(json.dumps(summary), encoding="utf-8")

    def hashed(path: Path) -> dict[str, str]:
        if runs[1].exists():
            shutil.rmtree(path)
            runs[1].rename(path)
        return table_hashes(path)

    monkeypatch.setattr(folder, "table_hashes", hashed)
    assert load_run(runs[0]).samples.collect().height == 20


def test_a_run_without_hashes_is_read(audited: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(audited / "run", old)
    summary = json.loads((old / "summary.json").read_text(encoding="utf-8"))
    del summary["tables"]
    (old / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    assert load_run(old).samples.collect().height == 20
