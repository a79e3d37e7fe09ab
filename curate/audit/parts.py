"""A table of an audit that is under way: on disk in parts of rows, in the unfinished run folder. Knows no column.

Stages read a part at a time, or scan the columns that they need of all parts; memory holds no more than that.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

#: Rows of a part: eight of the engine's largest batches.
ROWS = 128_000
#: Workers that a part keeps busy. On a cluster parts are larger.
_WORKERS = 4


def part_rows(workers: int) -> int:
    """Rows of a part where so many workers share the batches of each."""
    return ROWS * max(1, workers // _WORKERS)


class Parts:
    """The rows of a table in order, a parquet file for each part. A part can be replaced, by one of as many rows."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
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
        """The first row of each part, and that after its last."""
        spans, start = [], 0
        for height in self._heights:
            spans.append((start, start + height))
            start += height
        return spans

    def append(self, frame: pl.DataFrame) -> None:
        """Add a part at the end."""
        self._heights.append(0)
        self._schemas.append(frame.schema)
        self.put(len(self) - 1, frame)

    def put(self, number: int, frame: pl.DataFrame) -> None:
        """Write a part anew."""
        frame.write_parquet(self._file(number), compression="lz4", statistics=False)
        self._heights[number], self._schemas[number] = frame.height, frame.schema

    def fill(self, schema: Mapping[str, Any]) -> None:
        """Give all rows these columns, which are null in each; nothing is written."""
        self._nulls |= schema

    def unfill(self) -> None:
        """Take back what `fill` gave."""
        self._nulls.clear()

    def read(self, number: int) -> pl.DataFrame:
        schema = self._schemas[number]
        nulls = (pl.lit(None, kind).alias(name) for name, kind in self._nulls.items() if name not in schema)
        return pl.read_parquet(self._file(number)).with_columns(nulls)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (self.read(number) for number in range(len(self)))

    def scan(self) -> pl.LazyFrame:
        """All rows. Columns that some parts lack are null there."""
        files = [self._file(number) for number in range(len(self))]
        if all(schema == self._schemas[0] for schema in self._schemas):
            rows = pl.scan_parquet(files)
        else:
            rows = pl.concat([pl.scan_parquet(file) for file in files], how="diagonal")
        there = set(self.schema())
        missing = {name: kind for name, kind in self._nulls.items() if name not in there}
        return rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())

    def schema(self) -> pl.Schema:
        """The columns of all parts together, in the order in which they come."""
        return pl.concat([schema.to_frame() for schema in self._schemas], how="diagonal").schema

    def remove(self) -> None:
        shutil.rmtree(self._folder)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06}.parquet"
