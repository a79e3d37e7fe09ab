"""A table in the cache that can't be used counts as missing, whatever is wrong with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from curate.base import leftovers
from curate.base.kept_tables import read_kept, write_kept
from curate.base.leftovers import UNFINISHED, beside

SCHEMA = pl.Schema({"key": pl.String, "n": pl.Int64})
FRAME = pl.DataFrame({"key": ["a", "b"], "n": [1, 2]}, schema=SCHEMA)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "a.parquet"
    assert write_kept(path, FRAME)
    assert read_kept(path, SCHEMA, key=["key"]).equals(FRAME)
    other = path.with_name("b.parquet")
    assert write_kept(other, FRAME, alone=True)
    assert list(path.parent.iterdir()) == [other]


def test_reading_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "a.parquet"
    assert write_kept(path, FRAME)
    left = beside(path, UNFINISHED)
    left.write_bytes(b"cut")
    os.utime(left, (0, 0))
    leftovers._unfinished.clear()  # this process has looked there already, when it wrote
    assert read_kept(path, SCHEMA, key=["key"]).equals(FRAME)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.cast({"n": pl.Int32}),
        FRAME.select("key"),
        pl.concat([FRAME, FRAME]),
    ],
)
def test_a_table_of_another_kind_counts_as_missing(frame: pl.DataFrame, tmp_path: Path) -> None:
    assert write_kept(tmp_path / "a.parquet", frame)
    found = read_kept(tmp_path / "a.parquet", SCHEMA, key=["key"])
    assert (found.height, found.schema) == (0, SCHEMA)


READ = """
import sys
from pathlib import Path
import polars as pl
from curate.base.kept_tables import read_kept
from rules.workers.spread import isolated
with isolated():
    for path in map(Path, sys.argv[1:]):
        found = read_kept(path, pl.Schema({"key": pl.String, "n": pl.Int64}), key=["key"])
        print(path.name, found.height)
"""


def test_no_damage_ends_the_process_or_prints_what_rust_says(tmp_path: Path) -> None:
    """A single wrong bit can make polars panic, or ask for 2 EiB of memory, which ends the process."""
    assert write_kept(tmp_path / "whole.parquet", FRAME)
    whole = (tmp_path / "whole.parquet").read_bytes()
    for at in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        (tmp_path / f"flipped-{at}.parquet").write_bytes(changed)
        (tmp_path / f"cut-{at}.parquet").write_bytes(whole[:at])
    FRAME.write_parquet(tmp_path / "foreign.parquet")
    paths = sorted(tmp_path.iterdir())
    done = subprocess.run([sys.executable, "-c", READ, *map(str, paths)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    read = dict(line.split() for line in done.stdout.splitlines())
    assert len(read) == len(paths)
    assert {name for name, height in read.items() if height != "0"} == {"whole.parquet"}


@pytest.mark.parametrize(
    "error", [pl.exceptions.ComputeError("parquet: of another version"), OSError("cut short"), MemoryError()]
)
def test_a_damaged_table_counts_as_missing(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: bytes) -> pl.DataFrame:
        raise error

    assert write_kept(tmp_path / "a.parquet", FRAME)
    monkeypatch.setattr(pl, "read_parquet", fail)
    assert read_kept(tmp_path / "a.parquet", SCHEMA, key=["key"]).height == 0


def test_a_stop_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: bytes) -> pl.DataFrame:
        raise KeyboardInterrupt

    assert write_kept(tmp_path / "a.parquet", FRAME)
    monkeypatch.setattr(pl, "read_parquet", stop)
    with pytest.raises(KeyboardInterrupt):
        read_kept(tmp_path / "a.parquet", SCHEMA, key=["key"])
