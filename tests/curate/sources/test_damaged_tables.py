"""Damaged and exploding tables (Parquet, Arrow) cost one line, never the process. The soak tries thousands of them."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from source_makers import labels, read

from curate.base import read_apart as apart
from curate.base.errors import UserError
from curate.base.terminal import run
from curate.cli.main import main_group as curate
from curate.duplicates.hashes import read_hashes
from curate.images.errors import ImageError
from curate.images.in_tables import read_cell
from rules.workers.process import POSSIBLE
from rules.workers.spread import isolated

only_apart = pytest.mark.skipif(not POSSIBLE, reason="no helper processes on this system")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"label": ["a", "b"]}).write_parquet(path)
    return path


@pytest.fixture
def in_helpers() -> Iterator[None]:
    with isolated():
        yield


class PanicException(BaseException):
    """As Rust code raises it."""


def kill(signal_name: str) -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::length_error'\n")
    os.kill(os.getpid(), getattr(signal, signal_name))


def hang() -> None:
    time.sleep(600)


def take(size: int) -> int:
    return len(bytearray(size))


def write_error() -> str:
    os.write(2, b"thread '<unnamed>' panicked\n")
    return "read"


def fail(kind: str) -> None:
    raise {
        "panic": PanicException("PyObject pointer is null"),
        "invalid": pa.ArrowInvalid("Invalid offset"),
        "memory": pa.ArrowMemoryError("malloc of size 9 failed"),
        "stream": OSError("Corrupt snappy compressed data."),
        "page": pl.exceptions.ComputeError("parquet: File out of specification: Invalid thrift: bad data"),
        "offset": pl.exceptions.ComputeError('parquet error: Error { type_: "Field", error_kind: InvalidOffset }'),
        "null": SystemError("Negative size passed to PyUnicode_New"),
        "own": ValueError("a mistake of ours"),
        "column": pl.exceptions.ColumnNotFoundError("labl"),
        "types": pl.exceptions.ComputeError("cannot compare string with numeric type (i64)"),
        "encoding": UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        "system": OSError(28, "No space left on device"),
    }[kind]


@only_apart
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT"])
def test_a_table_that_ends_its_process_is_named(
    table: Path, in_helpers: None, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=rf"x\.parquet: can't be read: its process ended \({name}\); the file is damag"):
        apart.read_apart(table, kill, name)
    assert capfd.readouterr().err == ""
    assert apart.read_apart(table, take, 5) == 5


@only_apart
def test_a_table_that_takes_for_ever_is_given_up(
    table: Path, in_helpers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_SECONDS", 1.0)
    apart.read_apart(table, take, 5)  # its imports may take longer
    with pytest.raises(UserError, match="its process took over 1"):
        apart.read_apart(table, hang)


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on memory")
def test_a_table_that_needs_too_much_memory_is_refused(table: Path, in_helpers: None) -> None:
    assert apart.read_apart(table, take, 1 << 20) == 1 << 20
    with pytest.raises(UserError, match="can't be read: MemoryError"):
        apart.read_apart(table, take, 3 << 30)
    assert apart.read_apart(table, take, 1 << 20) == 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on memory")
def test_a_limit_of_the_user_is_never_raised(table: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_DATA)
    own = (apart._data_held() or 0) + (1 << 30)
    resource.setrlimit(resource.RLIMIT_DATA, (own, limits[1]))
    try:
        with apart._little_memory(table):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] == own
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)


@only_apart
def test_what_native_code_says_is_not_shown(table: Path, in_helpers: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert apart.read_apart(table, write_error) == "read"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("isolate", [False, pytest.param(True, marks=only_apart)])
@pytest.mark.parametrize("kind", ["panic", "invalid", "memory", "stream", "null", "page", "offset"])
def test_what_readers_raise_about_a_damaged_table_is_one_line(table: Path, kind: str, isolate: bool) -> None:
    with isolated(isolate), pytest.raises(UserError, match=r"x\.parquet: can't be read: [A-Z]?[^\n]+$"):
        apart.read_apart(table, fail, kind)


@pytest.mark.parametrize("isolate", [False, pytest.param(True, marks=only_apart)])
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("own", ValueError),
        ("column", pl.exceptions.ColumnNotFoundError),
        ("types", pl.exceptions.ComputeError),
        ("encoding", UnicodeEncodeError),
        ("system", OSError),
    ],
)
def test_other_errors_stay_what_they_are(table: Path, kind: str, error: type[Exception], isolate: bool) -> None:
    with isolated(isolate), pytest.raises(error):
        apart.read_apart(table, fail, kind)


def damaged(data: bytes) -> Iterator[tuple[str, bytes]]:
    """A Parquet file as a broken disk or transfer leaves it: what is damaged, and the file."""
    schema = data.index(b"ARROW:schema") + 40
    yield "end", data[: len(data) // 2]
    yield "footer", data[:-30] + b"\xff" * 20 + data[-10:]
    yield "page", data[:40] + b"\xff" * 30 + data[70:]
    yield "schema", data[:schema] + b"!" + data[schema + 1 :]


@pytest.mark.parametrize("isolate", [False, pytest.param(True, marks=only_apart)])
@pytest.mark.parametrize("what", ["end", "footer", "page", "schema"])
def test_a_damaged_parquet_file_is_one_line(tmp_path: Path, what: str, isolate: bool) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"label": [f"x_{at}" for at in range(50)]}).write_parquet(path, compression="snappy")
    path.write_bytes(dict(damaged(path.read_bytes()))[what])
    with isolated(isolate), pytest.raises(UserError, match=r"x\.parquet: (can't be read|not readable as parquet): \w"):
        read(path)


def test_a_fault_of_ours_is_not_told_as_damage(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader that asks a sound file for a column that it doesn't have."""
    monkeypatch.setattr("curate.sources.tables.other_column", lambda role, *_: "nope" if role == "id" else None)
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        read(table)
    monkeypatch.setattr("curate.base.terminal.isolated", lambda: isolated(False))  # a helper would not have the fault
    assert run("curate", curate, ["audit", str(table), "--no-images", "--out", str(tmp_path / "run")]) == 2
    assert "a fault in texsieve: ColumnNotFoundError" in capsys.readouterr().err


def test_a_file_of_hashes_that_is_damaged_and_a_fault(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table.read_bytes()
    table.write_bytes(whole[:-9])
    with pytest.raises(UserError, match="neither a run folder nor a file of hashes"):
        read_hashes(table)
    table.write_bytes(whole)
    monkeypatch.setattr(pl, "read_parquet_metadata", lambda path: pl.scan_parquet(path).select("nope").collect())
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        read_hashes(table)


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_an_arrow_file_with_wrong_offsets_is_refused(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Polars and pyarrow believe the offsets, and read other memory or crash."""
    whole = pa.table({"label": [f"label {at:04}" for at in range(50)], "image": pa.array([b"x" * 7] * 50)})
    path = tmp_path / "x.arrow"
    with pa.OSFile(str(path), "wb") as sink:
        make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        with make(sink, whole.schema) as writer:
            writer.write_table(whole)
    good = path.read_bytes()
    for size in (10, 7):
        offsets = struct.pack("<3i", 4 * size, 5 * size, 6 * size)
        assert good.count(offsets) == 1
        for wrong in (-1, 2**31 - 1, 3):
            path.write_bytes(good.replace(offsets, struct.pack("<3i", 4 * size, wrong, 6 * size)))
            with pytest.raises(UserError, match=r"x\.arrow: can't be read as Arrow: Column \d"):
                read(path)
            with pytest.raises(ImageError):
                read_cell(path, "image:1")
    path.write_bytes(good.replace(offsets, struct.pack("<3i", 4 * 7, -1, 6 * 7)))
    assert run("curate", curate, ["audit", str(path), "--no-images", "--out", str(tmp_path / "run")]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "x.arrow: can't be read as Arrow: Column" in said


@pytest.mark.parametrize("isolate", [False, pytest.param(True, marks=only_apart)])
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_table_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path: Path, ending: str, isolate: bool) -> None:
    path = tmp_path / f"x.{ending}"
    rows = 1000
    frame = pl.DataFrame({"label": pl.Series(["x" * 500_000] * rows, dtype=pl.Categorical)})
    frame.write_parquet(path) if ending == "parquet" else frame.write_ipc(path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    with isolated(isolate), pytest.raises(UserError, match=r"bytes that unpack to [\d,]+: refused as a bomb"):
        read(path)


@only_apart
def test_a_table_of_millions_of_equal_rows_is_refused(tmp_path: Path, in_helpers: None) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"label": pl.repeat("x", 10_000_000, eager=True)}).write_parquet(path)
    assert path.stat().st_size < 1 << 18
    with pytest.raises(
        UserError, match=r"bytes that unpack to [\d,]+: refused as a bomb; if it is none, save it as CSV$"
    ):
        read(path)


def test_a_column_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    with pa.OSFile(str(path), "wb") as sink:
        table = pa.table({"label": ["a"], "": [1]})
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    assert labels(read(path)) == ["a"]


@only_apart
def test_what_was_reported_in_a_helper_is_not_lost(tmp_path: Path, in_helpers: None) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"id": ["a", "b", "c"], "label": ["x", None, "y"], "text": ["p", "q", "r"]}).write_parquet(path)
    source = read(path)
    assert labels(source) == ["x", "y"]
    assert source.rows == 3
    assert source.id_column == "id"
    assert [row.line for row in source.unreadable.rows] == [2]
    assert any("could be labels too" in note for note in source.notes)
    again = read(path, limit=1)
    assert (again.rows, labels(again)) == (1, ["x"])


def test_a_helper_imports_only_what_a_table_needs() -> None:
    code = (
        "import sys, curate.sources.tables\n"
        "unneeded = {'numpy', 'pyarrow', 'PIL', 'curate.sources.registry', 'curate.archives'} & set(sys.modules)\n"
        "assert not unneeded, unneeded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
