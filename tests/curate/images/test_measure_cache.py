"""Measures are kept between runs: nothing is decoded twice, stale entries are ignored, a broken cache does no harm."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from file_limits import no_file_over
from source_makers import image

import curate.images.opening
from curate.base.cache_folder import cache_folder
from curate.base.kept_tables import write_kept
from curate.images import measure_cache, opening
from curate.images.measure_cache import measured
from curate.images.opening import MEASURED, PROBE, probe
from rules.workers.pool import Lost


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for at in range(5):
        old(image(tmp_path / "img" / f"{at}.png", (30 + at, 40)))
    return tmp_path / "img"


def old(path: Path, age: int = 100) -> Path:
    stamp = path.stat().st_mtime_ns - age * 1_000_000_000
    os.utime(path, ns=(stamp, stamp))
    return path


REFS = [f"{at}.png" for at in range(5)] + ["missing.png"]


def audit(folder: Path, cache: Path | None, *, measures: bool = True) -> pl.DataFrame:
    return pl.concat(measured(folder, REFS, measures=measures, cache=cache)).sort("image")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened as images from now on."""
    names: list[str] = []
    open_it = curate.images.opening._source

    def spy(place):
        names.append(getattr(place, "name", str(place)))
        return open_it(place)

    monkeypatch.setattr(curate.images.opening, "_source", spy)
    return names


def test_a_second_time_nothing_is_opened(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    first = audit(folder, tmp_path / "cache")
    assert len(opened) == 5
    assert first.equals(probe(folder, REFS, measures=True).sort("image"))
    opened.clear()
    assert audit(folder, tmp_path / "cache").equals(first)
    assert opened == []
    headers = audit(folder, tmp_path / "cache", measures=False)
    assert headers.equals(first.select(list(PROBE)))
    assert opened == []
    assert audit(folder, None).equals(first)
    assert len(opened) == 5


def test_what_changed_is_measured_again(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    audit(folder, tmp_path / "cache")
    opened.clear()
    old(image(folder / "2.png", (99, 40)), 50)
    (folder / "3.png").unlink()
    again = audit(folder, tmp_path / "cache")
    assert opened == ["2.png"]
    assert again.filter(pl.col("image") == "2.png")["width"].to_list() == [99]
    assert again.filter(pl.col("image") == "3.png")["error"].to_list() == ["no such file"]
    opened.clear()
    audit(folder, tmp_path / "cache")
    assert opened == []


def test_another_image_of_the_same_size_and_time_is_measured_again(
    folder: Path, tmp_path: Path, opened: list[str]
) -> None:
    audit(folder, tmp_path / "cache")
    path = folder / "2.png"
    before = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    opened.clear()
    audit(folder, tmp_path / "cache")
    assert opened == ["2.png"]


def test_a_file_changed_just_now_is_not_kept(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    image(folder / "0.png", (77, 40))
    audit(folder, tmp_path / "cache")
    opened.clear()
    audit(folder, tmp_path / "cache")
    assert opened == ["0.png"]


def test_what_another_time_may_be_measured_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(root: Path, strokes: bool, refs: Sequence[str]) -> tuple[pl.DataFrame, float]:
        return pl.concat([opening._unmeasured(Lost(ref, "its process was killed"))[0] for ref in refs]), 0.0

    def no_room(*_: object, **__: object) -> None:
        raise MemoryError

    for name, stand_in, says in (
        ("_timed_part", lost, "not measured: its process was killed"),
        ("measured", no_room, "out of memory"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(opening, name, stand_in)
            assert audit(folder, tmp_path / "cache")["error"].to_list()[:5] == [says] * 5
    assert audit(folder, tmp_path / "cache").equals(audit(folder, None))


@pytest.mark.parametrize("damage", ["cut", "text", "other columns", "rows twice"])
def test_a_broken_cache_is_ignored_and_written_anew(
    damage: str, folder: Path, tmp_path: Path, opened: list[str]
) -> None:
    first = audit(folder, tmp_path / "cache")
    (file,) = (tmp_path / "cache" / "images").iterdir()
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:300])
    elif damage == "text":
        file.write_text("not a table")
    elif damage == "other columns":
        write_kept(file, pl.DataFrame({"image": ["0.png"]}))
    else:
        frame = measure_cache._read(file)
        assert frame.height == 5
        write_kept(file, pl.concat([frame, frame]))
    opened.clear()
    assert audit(folder, tmp_path / "cache").equals(first)
    assert len(opened) == 5
    opened.clear()
    assert audit(folder, tmp_path / "cache").equals(first)
    assert opened == []


def test_a_cache_that_cannot_be_written_is_no_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands in the way")
    assert audit(folder, tmp_path / "cache").height == 6


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes")
@pytest.mark.parametrize("size", [0, 5_000])
def test_a_cache_without_room_is_no_error(size: int, folder: Path, tmp_path: Path) -> None:
    with no_file_over(size):
        assert audit(folder, tmp_path / "cache").height == 6
    assert list((tmp_path / "cache" / "images").iterdir()) == []


def test_another_edition_of_the_measures_is_another_file(
    folder: Path, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(folder, tmp_path / "cache")
    monkeypatch.setattr(measure_cache, "_edition", lambda: "other")
    opened.clear()
    audit(folder, tmp_path / "cache")
    assert len(opened) == 5
    assert len(list((tmp_path / "cache" / "images").iterdir())) == 2


def test_the_cache_stays_small(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "cache" / "images"
    store.mkdir(parents=True)
    for at in range(3):
        (store / f"{at}-{measure_cache._edition()}.parquet").write_bytes(b"x" * 50_000)
        old(store / f"{at}-{measure_cache._edition()}.parquet", 1000 - at)
    (store / "9-older.parquet").write_bytes(b"x" * 50_000)
    monkeypatch.setattr(measure_cache, "MAX_BYTES", 120_000)
    audit(folder, tmp_path / "cache")
    left = sorted(path.name.split("-")[0] for path in store.iterdir())
    assert "9" not in left
    assert "0" not in left
    assert "2" in left
    assert sum(path.stat().st_size for path in store.iterdir()) <= 120_000


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEXSIEVE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("TEXSIEVE_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "texsieve"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "texsieve"


def test_every_column_is_kept(folder: Path, tmp_path: Path) -> None:
    assert audit(folder, tmp_path / "cache").schema == pl.Schema(MEASURED)
    assert audit(folder, tmp_path / "cache").schema == pl.Schema(MEASURED)
