"""Rows in windows: any number of windows gives the same data set, and memory doesn't grow with the rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_makers import make_run
from test_export_laws import numbered, options, run_of, samples

from curate.export.decide.options import ExportOptions
from curate.export.write.job import export
from curate.runs.folder import FINDINGS, SAMPLES


def in_windows(rows: int, patch: pytest.MonkeyPatch) -> None:
    """Use windows of this many rows, and write what is held in memory to disk after 100 bytes."""
    patch.setattr("curate.export.decide.rows.WINDOW", rows)
    patch.setattr("curate.export.decide.inputs.WINDOW", rows)
    patch.setattr("curate.export.decide.rows._HELD", 100)


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
            except Exception as error:  # for example, if nothing is left: the error must be the same too
                made.append(str(error))
            else:
                made.append(files(Path(folder) / name / "out"))
            in_windows(rows, patch)
    assert made[0] == made[1]


def test_windows_change_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.export.write.shards.SHARD_ROWS", 30)
    monkeypatch.setattr("curate.export.write.shards.SHARD_BYTES", 9_000)
    monkeypatch.setattr("curate.export.write.shards._WINDOW", 11)
    rows: list[dict[str, Any]] = [{"sample_id": f"s/{n}", "label": f"x _ {{ {n} }}"} for n in range(200)]
    for n in range(0, 200, 3):
        rows[n]["label"] = ""  # some are left out, in every window of texts
    run = make_run(tmp_path / "run", rows, images=tmp_path / "images")
    asked = ExportOptions(splits={"train": 0.6, "test": 0.4})
    export([run], tmp_path / "one", asked)
    in_windows(17, monkeypatch)
    made = export([run], tmp_path / "two", asked)
    assert len(made.plan.shards) > 5
    assert files(tmp_path / "one") == files(tmp_path / "two")


# Memory ---------------------------------------------------------------------------------------------------------------

#: Everything that compares samples with each other: caps, kept splits, equal images, similar ones.
EXPORT = """
import sys
from pathlib import Path
from curate.audit import peak_memory
from curate.export.decide import inputs, rows
from curate.export.write.job import export
from curate.export.decide.options import ExportOptions
rows.WINDOW = inputs.WINDOW = 10_000
rows._HELD = 1 << 20
asked = ExportOptions(allow_no_image=True, max_repeats=2, keep_splits=("test",), min_score=0.1)
export([Path(sys.argv[1])], Path("never"), asked, dry_run=True)
print(peak_memory())
"""


def made_up(folder: Path, number: int) -> Path:
    """A run of samples with repeated labels and images; every fifth sample has an error."""
    run = make_run(folder, [{"sample_id": f"s/{n}", "label": "x"} for n in range(2)])
    row = pl.int_range(number, dtype=pl.UInt64)
    scattered = {
        "label": row % (number // 3),
        "pixels": row * 7 % number % (number - 999),
        "near": row * 11 % (number - 99),
    }
    frame = pl.select(row=row, **scattered).with_columns(pl.col(*scattered).hash().cast(pl.String))
    columns = {
        "sample_id": pl.format("s/{}", "row"),
        "source": pl.lit("s"),
        "split": pl.when(pl.col("row") % 10 == 0).then(pl.lit("test")),
        "label": pl.format("x _ {}", "label"),
        "visual_key": pl.col("label").str.pad_start(20, "0").str.slice(4),
        "image_sha256": pl.col("pixels").str.pad_start(20, "0").str.slice(4),
        "image_group": pl.col("near").str.pad_start(20, "0").str.slice(4),
        "score": pl.col("row") % 100 / 100,
        "n_tokens": pl.col("row") % 77,
    }
    empty = {name: pl.lit(None, kind) for name, kind in SAMPLES.items()}
    samples_ = frame.select(**{**empty, **columns}).cast(SAMPLES)
    samples_.write_parquet(run / "samples.parquet", row_group_size=10_000)
    wrong = samples_.gather_every(5).select("sample_id", "source", rule=pl.lit("SYN001"), severity=pl.lit("error"),
                                            message=pl.format("wrong in {}", "sample_id"))  # fmt: skip
    missing = [pl.lit(None, kind).alias(name) for name, kind in FINDINGS.items() if name not in wrong.columns]
    wrong.with_columns(missing).select(*FINDINGS).write_parquet(run / "findings.parquet", row_group_size=10_000)
    return run


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read from /proc")
def test_memory_does_not_grow_with_the_samples(tmp_path: Path) -> None:
    peaks = []
    for number in (50_000, 400_000):
        run = made_up(tmp_path / str(number), number)
        done = subprocess.run([sys.executable, "-c", EXPORT, run], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert (peaks[1] - peaks[0]) / 350_000 < 80, peaks  # bytes per sample; holding all rows took 220
