"""A folder of images with a metadata file, as `datasets` reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import TRIED, Columns, find_column
from curate.sources.delimited import read_delimited
from curate.sources.format import SourceFormat
from curate.sources.image_paths import resolve_images
from curate.sources.json_rows import read_json
from curate.sources.look import Look
from curate.sources.model import Job, Part, with_split, wrong_shape
from curate.sources.places.file_text import Change
from curate.sources.places.json_labels import in_json
from curate.sources.places.output import Files
from curate.sources.places.table_fields import in_table
from curate.sources.splits import name_parts
from curate.sources.tables import read_parquet

_METADATA = re.compile(r"metadata\.(jsonl|csv|parquet)(\.gz)?")


class FolderOfImages(SourceFormat):
    name = "imagefolder"
    shape = "a folder of images with `metadata.jsonl`, `.csv` or `.parquet`"
    page = """
`file_name` is relative to the metadata file's folder. A folder in the data set with a metadata file of its own is a
split.
"""
    layouts = (
        ("datasets", "images with `metadata.csv`, `.jsonl` or `.parquet`, in a folder or in one for each split"),
    )
    example = (
        ("train/metadata.jsonl", '{"file_name": "a.png", "text": "x ^ { 2 }"}\n{"file_name": "b.png", "text": "y"}\n'),
        ("train/a.png", ""),
        ("train/b.png", ""),
    )
    general = True
    endings = (".jsonl", ".csv", ".parquet")
    columns = TRIED

    def recognise(self, look: Look) -> float | None:
        if look.is_dir:
            return 0.97 if _metadata(look.path) else None
        if not _METADATA.fullmatch(look.path.name):
            return None
        names = list(look.records[0]) if look.records and isinstance(look.records[0], dict) else []
        names = names or (look.lines[0].split(",") if look.lines else [])
        return 0.9 if find_column(names, self.columns["image"]) else None

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir():
            return [Part(path)]
        files = _metadata(path)
        if not files:
            raise wrong_shape(
                path, self.name, "no metadata.jsonl, metadata.csv or metadata.parquet in it or in a folder of it"
            )
        parts = name_parts(files, path)
        return [Part(part.path, None if part.path.parent == path else part.path.parent.name) for part in parts]

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        kind = _kind(part.path)
        if kind == "parquet":
            frame = read_parquet(part.path, job)
        else:
            frame = read_json(part.path, job) if kind == "json" else read_delimited(part.path, ",", job)
        return resolve_images(with_split(frame, part), job, part.path, part.split)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        kind = _kind(path)
        if kind == "parquet":
            return files.table(path, columns).change(changes)
        if kind == "json":
            return in_json(files.text(path), changes, columns)
        return in_table(files.text(path), changes, ",", columns)


def _kind(path: Path) -> str:
    suffix = path.name.removesuffix(".gz").rpartition(".")[2]
    return {"jsonl": "json", "json": "json", "parquet": "parquet"}.get(suffix, "csv")


def _metadata(path: Path) -> list[Path]:
    look = Look(path)
    return [folder.path / name for folder in look.tree for name in folder.names[0] if _METADATA.fullmatch(name)]


FORMAT = FolderOfImages()
