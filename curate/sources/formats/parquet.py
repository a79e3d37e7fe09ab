"""Parquet of any data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.sources.format import SourceFormat
from curate.sources.look import Look
from curate.sources.model import Job, Part, with_split, wrong_shape
from curate.sources.places.file_text import Change
from curate.sources.places.output import Files
from curate.sources.splits import name_parts
from curate.sources.tables import SHARD, parquet_files, read_parquet


class Parquet(SourceFormat):
    name = "parquet"
    shape = "parquet with a label column; images as paths or as bytes inside"
    page = """
Images inside are a column of bytes or of `{bytes, path}`, and stay unread until they are needed. Files named
`…-00000-of-00002` are one split. `curate fix` writes a table of the same schema and keeps every other column. Rows
that are conversations are read as [`chat`](#chat) says.
"""
    layouts = (("im2latex (parquet)", "`train.parquet` … with `formula` and `image` (`{bytes, path}`)"),)
    general = True
    endings = (".parquet",)
    columns = TRIED

    def recognise(self, look: Look) -> float | None:
        if not look.is_dir:
            return 0.95 if look.head.startswith(b"PAR1") else 0.4 if look.suffix == ".parquet" else None
        files = parquet_files(look)
        if not files:
            return None
        return 0.7 if any(SHARD.search(file.name) for file in files) else 0.8

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir():
            return [Part(path)]
        files = parquet_files(Look(path))
        if not files:
            raise wrong_shape(path, self.name, "the folder holds no .parquet file")
        return name_parts(files, path)

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        return with_split(read_parquet(part.path, job), part)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return files.table(path, columns).change(changes)


FORMAT = Parquet()
