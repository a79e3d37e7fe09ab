"""Rows in windows: however many windows there are, the data set is the same, and memory doesn't grow with the rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_makers import make_run
from test_export_laws import numbered, options, run_of, samples

from curate.export.job import export
from curate.export.options import ExportOptions
from curate.export.rows import Buckets, Table, between, mapped, settled, stored, windows
from curate.run import FINDINGS, SAMPLES


def in_windows(rows: int, patch: pytest.MonkeyPatch) -> None:
    """Make windows of so many rows, and put down what is held in bytes at once."""
    patch.setattr("curate.export.rows.WINDOW", rows)
    patch.setattr("curate.export.inputs.WINDOW", rows)
    patch.setattr("curate.export.rows._HELD", 100)


# The same data set ----------------------------------------------------------------------------------------------------


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=12, deadline=None)
@given(samples, samples, options, st.integers(1, 9))
def test_windows_change_no_byte(
    one: list[dict[str, Any]], two: list[dict[str, Any]], given_options: dict[str, Any], rows: int
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        runs = [run_of(Path(folder), name, numbered(made)) for name, made in (("one", one), ("two", two))]
        asked = ExportOptions(**given_options)
        made = []
        for name in ("whole", "windows"):
            try:
                export(runs, Path(folder) / name / "out", asked)
            except Exception as error:  # nothing is left, or the like: that too is the same
                made.append(str(error))
            else:
                made.append(files(Path(folder) / name / "out"))
            in_windows(rows, patch)
    assert made[0] == made[1]


def test_windows_change_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.export.shards.SHARD_ROWS", 30)
    monkeypatch.setattr("curate.export.shards.SHARD_BYTES", 9_000)
    monkeypatch.setattr("curate.export.shards._WINDOW", 11)
    rows = [{"sample_id": f"s/{n}", "label": f"x _ {{ {n} }}", "image": f"{n % 3}.png"} for n in range(200)]
    for n in range(0, 200, 3):
        rows[n] |= {"image": None, "label": ""}  # some are left out, in every window of texts
    run = make_run(tmp_path / "run", rows)
    asked = ExportOptions(allow_no_image=True, splits={"train": 0.6, "test": 0.4})
    export([run], tmp_path / "one", asked)
    in_windows(17, monkeypatch)
    made = export([run], tmp_path / "two", asked)
    assert len(made.plan.shards) > 5
    assert files(tmp_path / "one") == files(tmp_path / "two")
