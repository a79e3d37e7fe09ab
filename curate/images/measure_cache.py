"""Keeps the measures of images between runs, so that an image is decoded once. Measures and judges nothing itself.

There is one parquet file per image folder, in the cache folder, named after the folder and everything that affects a
measure. A file that can't be read counts as missing, and failing to write one is not an error: images are measured.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache as once
from pathlib import Path
from typing import Any

import polars as pl

from curate.base import xml_events
from curate.base.kept_tables import edition, read_kept, write_kept
from curate.images import (
    ink,
    inkml_pictures,
    measures,
    opening,
    stored,
    stroke_drawing,
    stroke_settings,
    strokes,
    traces,
)
from curate.images.errors import NO_MEMORY
from curate.images.opening import MEASURED, NOT_MEASURED, PROBE, probe_chunks, stamps

#: The cache is kept below this many bytes by removing the least recently used files.
MAX_BYTES = 1 << 30
#: A file changed this recently before it is measured may change again unnoticed, within the clock's grain: not kept.
SETTLED_NS = 2_000_000_000
#: How many rows are passed on at once.
_CHUNK = 4096
_STAMP = ("image", "size", "mtime", "ctime")
_SCHEMA = pl.Schema(
    {
        "image": pl.String,
        **dict.fromkeys(_STAMP[1:], pl.Int64),
        **{name: kind for name, kind in MEASURED.items() if name != "image"},
    }
)


def measured(
    root: Path,
    refs: Sequence[str],
    *,
    measures: bool,
    strokes: bool = True,
    cache: Path | None,
    workers: int = 1,
    cached: Callable[[int], Any] | None = None,
) -> Iterator[pl.DataFrame]:
    """`curate.images.opening.probe`, part by part: first what the cache knows, then what had to be opened.

    Every ref has one row, in any order. cache: the cache folder, or None to neither read nor write. Without `measures`
    only headers are needed: the cache is read but not written. strokes: as for `probe`; a cache requires them, since
    it serves every rule. workers: processes that measure, if there is enough to do. cached: called with the number of
    images that the cache knows.

    Raises ValueError if measures without strokes would be kept.
    """
    processes = workers if measures else None
    columns = list(MEASURED if measures else PROBE)
    if cache is None or not refs:
        yield from probe_chunks(root, refs, measures=measures, strokes=strokes, workers=processes)
        return
    if not strokes:
        raise ValueError("measures without strokes can't be kept")
    path = _file(cache, root)
    now = time.time_ns()
    found = stamps(root, refs)
    kept = _read(path)
    known = kept.join(found, on=_STAMP, how="semi")
    if cached is not None:
        cached(known.height)
    for start in range(0, known.height, _CHUNK):
        yield known.slice(start, _CHUNK).select(columns)
    rest = found.join(known, on="image", how="anti", maintain_order="left")
    fresh = []
    for frame in probe_chunks(root, rest["image"].to_list(), measures=measures, workers=processes):
        yield frame
        fresh.append(frame)
    if measures and fresh:
        settled = rest.filter(pl.col("mtime") < now - SETTLED_NS)
        passing = pl.col("error").str.starts_with(NOT_MEASURED) | (pl.col("error") == NO_MEMORY)
        new = (
            pl.concat(fresh)
            .filter(~passing.fill_null(False))
            .join(settled, on="image", how="inner", maintain_order="left")
            .select(*_STAMP, *columns[1:])
        )
        if new.height:
            rows = pl.concat([kept.join(new, on="image", how="anti", maintain_order="left"), new])
            if write_kept(path, rows):
                _prune(cache)


@once
def _edition() -> str:
    """Changes with everything that affects a measure: this project's code, the decoders, the arithmetic."""
    drawing = (inkml_pictures, traces, stroke_drawing, stroke_settings, xml_events)
    modules = (opening, stored, ink, measures, strokes, *drawing)
    return edition((Path(module.__file__ or "") for module in modules), "pillow", "numpy")


def _file(cache: Path, root: Path) -> Path:
    folder = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:24]
    return cache / "images" / f"{folder}-{_edition()}.parquet"


def _read(path: Path) -> pl.DataFrame:
    kept = read_kept(path, _SCHEMA, key=["image"])
    with contextlib.suppress(OSError):
        os.utime(path)  # used now: removed last
    return kept


def _prune(cache: Path) -> None:
    """Remove files of other editions, then the least recently used, until the cache is small enough."""
    try:
        files = [(path, path.stat()) for path in (cache / "images").glob("*.parquet")]
    except OSError:
        return
    total = sum(stamp.st_size for _, stamp in files)
    for path, stamp in sorted(files, key=lambda entry: (_edition() in entry[0].name, entry[1].st_mtime)):
        if total <= MAX_BYTES:
            return
        try:
            path.unlink()
        except OSError:
            continue
        total -= stamp.st_size
