"""A table of an unfinished audit: on disk, in parts of rows, in the unfinished run folder. Knows no column.

Stages read one part at a time, or scan only the columns that they need of all parts, to bound memory. Work on a single
part may be done on another machine that shares the folder (`PartFile`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from curate.base.errors import UserError

#: Rows per part: eight of the engine's largest batches.
ROWS = 128_000
#: On a cluster, each worker gets two parts, one at a time, but no part is smaller than this.
_FEWEST = 4_000


def part_rows(rows: int, machines: int) -> int:
    """Rows per part for a source of `rows` rows. machines: how many workers take whole parts; 0: none."""
    return min(ROWS, max(_FEWEST, -(-rows // (2 * machines)))) if machines else ROWS


@dataclass(frozen=True)
class Written:
    """A part that `PartFile.write` wrote and that is not in its place yet."""

    path: Path
    height: int
    schema: pl.Schema


@dataclass(frozen=True)
class PartFile:
    """The file of a part. Can be sent to another machine, and read and written there.

    The file itself never changes, so that work lost with its machine can be repeated.
    """

    path: Path
    nulls: Mapping[str, Any]

    def read(self) -> pl.DataFrame:
        """Read the part. Raises UserError if the file isn't on this machine."""
        try:
            part = pl.read_parquet(self.path)
        except FileNotFoundError as error:
            raise UserError(
                f"{self.path}: a worker of the cluster can't find this file; --out must be on a file system that all "
                "its machines share, under the same path"
            ) from error
        return part.with_columns(
            pl.lit(None, kind).alias(name) for name, kind in self.nulls.items() if name not in part.columns
        )

    def write(self, frame: pl.DataFrame) -> Written:
        """Write the file's replacement. No two attempts write the same file."""
        path = self.path.with_suffix(f".{uuid4().hex}.parquet")
        _write(frame, path)
        return Written(path, frame.height, frame.schema)


def _write(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path, compression="lz4", statistics=False)


class Parts:
    """The rows of a table in order, one Parquet file per part. A part can be replaced by one with as many rows."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder.absolute()  # other machines work in other folders
        self._heights: list[int] = []
        self._schemas: list[pl.Schema] = []
        self._nulls: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._heights)

    @property
    def height(self) -> int:
        """Rows of all parts."""
        return sum(self._heights)

    def spans(self) -> list[tuple[int, int]]:
        """The first row of each part, and the row after its last."""
        spans, start = [], 0
        for height in self._heights:
            spans.append((start, start + height))
            start += height
        return spans

    def append(self, frame: pl.DataFrame) -> None:
        """Add a part at the end."""
        self.put(self._one_more(), frame)

    def put(self, number: int, frame: pl.DataFrame) -> None:
        """Write a part again."""
        _write(frame, self._file(number))
        self._heights[number], self._schemas[number] = frame.height, frame.schema

    def file(self, number: int) -> PartFile:
        """The file of a part, or of the next one after the last."""
        return PartFile(self._file(number), dict(self._nulls))

    def take(self, number: int, written: Written) -> None:
        """Put a written part in the place of a part, or after the last."""
        if number == len(self):
            self._one_more()
        written.path.replace(self._file(number))
        self._heights[number], self._schemas[number] = written.height, written.schema

    def _one_more(self) -> int:
        self._heights.append(0)
        self._schemas.append(pl.Schema())
        return len(self) - 1

    def fill(self, schema: Mapping[str, Any]) -> None:
        """Give all rows these columns, filled with nulls; nothing is written."""
        self._nulls |= schema

    def unfill(self) -> None:
        """Remove the columns that `fill` gave."""
        self._nulls.clear()

    def read(self, number: int) -> pl.DataFrame:
        return self.file(number).read()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (self.read(number) for number in range(len(self)))

    def scan(self) -> pl.LazyFrame:
        """All rows. A column that a part lacks is null there."""
        files = [self._file(number) for number in range(len(self))]
        if all(schema == self._schemas[0] for schema in self._schemas):
            rows = pl.scan_parquet(files)
        else:
            rows = pl.concat([pl.scan_parquet(file) for file in files], how="diagonal")
        there = set(self.schema())
        missing = {name: kind for name, kind in self._nulls.items() if name not in there}
        return rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())

    def schema(self) -> pl.Schema:
        """The columns of all parts together, in the order of their first occurrence."""
        return pl.concat([schema.to_frame() for schema in self._schemas], how="diagonal").schema

    def remove(self) -> None:
        shutil.rmtree(self._folder)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06}.parquet"
