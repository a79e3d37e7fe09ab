"""Hugging Face data sets: a `save_to_disk` folder, parquet shards, or an id on the hub (through `datasets`)."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.errors import UserError
from curate.sources.look import Look
from curate.sources.model import Format, Job, Part, with_split, wrong_shape
from curate.sources.parquet import SHARD, parquet_files, read_parquet, table_frame
from curate.sources.splits import name_parts


def sniff(look: Look) -> float | None:
    if not look.is_dir:
        return 0.9 if look.suffix == ".arrow" else None
    if look.has("dataset_dict.json") or (look.has("state.json") and look.has("dataset_info.json")):
        return 0.98
    return 0.9 if any(SHARD.search(file.name) for file in parquet_files(look)) else None


def parts(path: Path) -> list[Part]:
    if not path.is_dir():
        return [Part(path)]
    look = Look(path)
    if look.has("dataset_dict.json"):
        splits = _json(path / "dataset_dict.json").get("splits", [])
        return [Part(file, split) for split in splits for file in _arrow_files(path / split)]
    if look.has("state.json"):
        return [Part(file) for file in _arrow_files(path)]
    files = parquet_files(look)
    if files:
        return name_parts(files, path)
    raise wrong_shape(path, "hf", "the folder was not written by save_to_disk and holds no parquet file")


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: not a JSON object")
    return value


def _arrow_files(folder: Path) -> list[Path]:
    state = _json(folder / "state.json")
    names = [str(entry.get("filename", "")) for entry in state.get("_data_files") or [] if isinstance(entry, dict)]
    files = [folder / name for name in names]
    outside = [name for name in names if not name or "/" in name or os.sep in name]
    if not files or outside:
        raise UserError(f"{folder / 'state.json'}: names no data file, or one outside its folder")
    return files


def read(part: Part, job: Job) -> pl.DataFrame:
    frame = read_parquet(part.path, job) if part.path.suffix == ".parquet" else read_arrow(part.path, job)
    return with_split(frame, part)


def read_arrow(path: Path, job: Job) -> pl.DataFrame:
    """A part's frame from one Arrow file (memory-mapped, images left unread). Raises UserError where it is none."""
    from curate.images.opening import open_arrow

    try:
        table = open_arrow(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read as Arrow: {str(error).splitlines()[0][:200]}") from error
    left = job.left()
    if left is not None:
        table = table.slice(0, left)
    empty = pl.from_arrow(table.schema.empty_table())
    schema = dict(empty.schema) if isinstance(empty, pl.DataFrame) else {}

    def columns(names: list[str]) -> pl.DataFrame:
        frame = pl.from_arrow(table.select(names))
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()

    def inner(column: str) -> list[str | None]:
        return [
            path
            for chunk in table.column(column).chunks
            for path in (chunk.field("path").to_pylist() if "path" in [field.name for field in chunk.type] else [])
        ]

    return table_frame(path, job, schema, columns, inner)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the hub's own log lines about retries off the terminal: what went wrong is told once, in our error."""
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "datasets", "httpx", "urllib3", "fsspec")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def hub_parts(target: str) -> tuple[list[Part], Path]:
    """Fetch a hub data set (`org/name` or `org/name:CONFIG`) through `datasets`: its cached Arrow files, their root.

    Raises UserError where it can't be had.
    """
    name, _, config = target.partition(":")
    try:
        import datasets
    except ImportError as error:
        raise UserError("reading from the Hugging Face hub needs the package datasets: pip install datasets") from error
    try:
        with _quiet():
            loaded = datasets.load_dataset(name, config or None)
    except Exception as error:  # the library raises whatever its back ends raise; all of it is "can't be had"
        first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UserError(
            f"hf:{target}: can't be loaded from the Hugging Face hub: {first[:300]} (a data set with several "
            "configurations is written hf:ORG/NAME:CONFIG)"
        ) from error
    found: list[Part] = []
    for split, data in dict(loaded).items():
        files = [Path(entry["filename"]) for entry in data.cache_files]
        found += [Part(file, str(split)) for file in files]
    if not found:
        raise UserError(f"hf:{target}: the data set has no files in the local cache to read from")
    root = Path(os.path.commonpath([part.path.parent for part in found]))
    return found, root


HF = Format(
    "hf", "an id on the Hugging Face hub (hf:ORG/NAME), a save_to_disk folder, or parquet shards", sniff, parts, read
)
