"""Holds the rows of a plan: in memory if they are few, in windows on disk if they are many. Knows no samples.

Rows affect each other through values that they share: each window reports what it has of every value, the reports are
grouped by value in buckets on disk, and the windows are told what follows from a bucket (a Grace hash join). So memory
holds one window and one bucket at a time, however many rows there are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from tempfile import mkdtemp

import polars as pl
import pyarrow as pa

#: How many rows are looked at at a time.
WINDOW = 100_000
#: How many bytes are held before they are sorted into the files of their buckets.
_HELD = 8 << 20


class Table:
    """Rows in windows of at most WINDOW, each a file in the table's own folder below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self.heights: list[int] = []
        self._home = Path(mkdtemp(prefix="rows-", dir=folder))

    @property
    def height(self) -> int:
        return sum(self.heights)

    def add(self, window: pl.DataFrame) -> None:
        self.files.append(self._home / f"{len(self.files)}.parquet")
        self.heights.append(window.height)
        window.write_parquet(self.files[-1], compression="lz4", statistics=False)

    def remove(self) -> None:
        shutil.rmtree(self._home)


#: Rows that fit into one window are a frame. A table's rows disappear with its folder.
Rows = pl.DataFrame | Table


def stored(frames: Iterable[pl.DataFrame], folder: Path) -> Rows:
    """The rows of frames, each with at most WINDOW rows."""
    table: Table | None = None
    held: list[pl.DataFrame] = []
    for frame in frames:
        if held and sum(part.height for part in held) + frame.height > WINDOW:
            table = table or Table(folder)
            table.add(pl.concat(held))
            held = []
        held.append(frame)
    if table is None:
        return pl.concat(held)
    table.add(pl.concat(held))
    return table


def windows(rows: Rows, *columns: str) -> Iterator[pl.DataFrame]:
    """The rows, a window at a time; all columns or those named."""
    if isinstance(rows, pl.DataFrame):
        yield rows.select(columns or pl.all())
        return
    for file in rows.files:
        yield pl.read_parquet(file, columns=list(columns) or None)


def how_many(rows: Rows, holds: pl.Expr) -> int:
    """The number of rows for which an expression is true. Reads the columns that it names."""
    columns = dict.fromkeys(holds.meta.root_names())
    return sum(int(window.select(holds.sum()).item()) for window in windows(rows, *columns))


def between(rows: Rows, start: int, end: int, *columns: str) -> Iterator[pl.DataFrame]:
    """Columns of the rows from place `start` to `end`, in parts of windows."""
    if isinstance(rows, pl.DataFrame):
        yield rows[start:end].select(columns)
        return
    for file, height, first in zip(rows.files, rows.heights, accumulate(rows.heights, initial=0), strict=False):
        if first < end and start < first + height:
            yield pl.read_parquet(file, columns=list(columns))[max(start - first, 0) : end - first]


def lazy(rows: Rows) -> pl.LazyFrame:
    """The rows for polars' streaming engine."""
    return rows.lazy() if isinstance(rows, pl.DataFrame) else pl.scan_parquet(rows.files)


def mapped(rows: Rows, change: Callable[[pl.DataFrame, int], pl.DataFrame]) -> Rows:
    """The rows after `change`, which gets a window and its number and keeps its height; the old rows are gone then."""
    if isinstance(rows, pl.DataFrame):
        return change(rows, 0)
    changed = stored((change(window, number) for number, window in enumerate(windows(rows))), rows.folder)
    rows.remove()
    return changed


# Values that rows share ---------------------------------------------------------------------------------------------


class Buckets:
    """Frames that are regrouped by the bucket of each row.

    A single bucket is held in memory; several are files in a folder of their own below `folder`.
    """

    def __init__(self, folder: Path | None, number: int) -> None:
        self.number, self.height = number, 0
        self._home = None if folder is None or number == 1 else Path(mkdtemp(prefix="buckets-", dir=folder))
        self._held: list[pl.DataFrame] = []
        self._empty = pl.DataFrame()

    def add(self, frame: pl.DataFrame, bucket: pl.Expr) -> None:
        """Add rows; `bucket` is the number of each row's bucket, from 0."""
        self.height += frame.height
        self._empty = frame.clear()
        self._held.append(frame if self._home is None else frame.with_columns(bucket.alias("bucket")))
        if self._home is not None and sum(part.estimated_size() for part in self._held) > _HELD:
            self._write(self._home)

    def _write(self, home: Path) -> None:
        held, self._held = pl.concat(self._held), []
        parts = held.partition_by("bucket", maintain_order=True, include_key=False, as_dict=True)
        for (bucket,), part in parts.items():
            with (home / str(bucket)).open("ab") as file:
                part.write_ipc_stream(file)

    def read(self, bucket: int) -> pl.DataFrame:
        """The rows of a bucket, in the order in which they were added."""
        if self._home is None:
            return pl.concat(self._held)
        if self._held:
            self._write(self._home)
        path = self._home / str(bucket)
        parts = [self._empty]
        if path.exists():
            with pa.memory_map(str(path)) as file:
                while file.tell() < file.size():
                    parts.append(pl.DataFrame(pa.ipc.open_stream(file).read_all()))
        return pl.concat(parts)

    def remove(self) -> None:
        if self._home is not None:
            shutil.rmtree(self._home)


def gathered(rows: Rows, ask: Callable[[pl.DataFrame], pl.DataFrame], by: str, *columns: str) -> Iterator[pl.DataFrame]:
    """What `ask` says about each window, regrouped so that everything about a value of the column `by` is in one frame.

    The column `window` has the window's number. `ask` says little about each value, so no frame gets large because many
    rows share one. columns: those that `ask` looks at, by default all.
    """
    asked = _buckets(rows)
    for at, window in enumerate(windows(rows, *columns)):
        asked.add(ask(window).with_columns(pl.lit(at, pl.UInt32).alias("window")), pl.col(by).hash() % asked.number)
    for bucket in range(asked.number):
        yield asked.read(bucket)
    asked.remove()


def _buckets(rows: Rows) -> Buckets:
    """As many as there are windows."""
    return Buckets(None, 1) if isinstance(rows, pl.DataFrame) else Buckets(rows.folder, len(rows.files))


def settled(
    rows: Rows,
    ask: Callable[[pl.DataFrame], pl.DataFrame],
    by: str,
    answer: Callable[[pl.DataFrame], pl.DataFrame],
    take: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame],
) -> Rows:
    """The rows after `take`, which gets each window and what it is told: one row per value of the column `by`.

    answer: turns a frame of `gathered` into what each `window` is told. If that is nothing at all, the rows stay.
    """
    told = _buckets(rows)
    for part in gathered(rows, ask, by):
        told.add(answer(part), pl.col("window"))
    if told.height:
        rows = mapped(rows, lambda window, at: take(window, told.read(at).drop("window")))
    told.remove()
    return rows
