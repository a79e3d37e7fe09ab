"""Hugging Face data sets: a `save_to_disk` folder, parquet shards, or an id on the hub (through `datasets`)."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.base.errors import UserError
from curate.base.extras import require
from curate.base.given_files import read_text
from curate.base.visible import clip, visible
from curate.sources.format import Remote, SourceFormat
from curate.sources.look import Look
from curate.sources.model import Job, Part, with_split, wrong_shape
from curate.sources.places.file_text import Change, FileText
from curate.sources.places.output import Copied, Files, Output
from curate.sources.places.table_file import TableFile
from curate.sources.splits import folder_split, name_parts
from curate.sources.tables import SHARD, parquet_files, read_arrow, read_parquet


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_text(path))
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the hub's own log lines about retries off the terminal: our error reports what went wrong, once."""
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "datasets", "httpx", "urllib3", "fsspec")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


#: An id on the hub, its configuration, and its branch, tag or commit.
_ID = re.compile(r"(?P<name>\w[\w.-]*(/\w[\w.-]*)?)(:(?P<config>[\w.-]+))?(@(?P<revision>\w[\w./-]*))?")
_SYNTAX = "hf:ORG/NAME:CONFIG@REVISION; CONFIG and REVISION are only needed if there are several"


def hub_parts(target: str) -> tuple[list[Part], Path]:
    """Fetch a hub data set, `org/name[:CONFIG][@REVISION]`, through `datasets`: its cached Arrow files and their root.

    Raises UserError if it can't be fetched.
    """
    asked = _ID.fullmatch(target)
    if asked is None:
        raise UserError(f"hf:{target}: not the id of a data set on the hub; it is written {_SYNTAX}")
    require("datasets", f"hf:{target}: reading from the Hugging Face hub")
    import datasets

    try:
        with _quiet():
            loaded = datasets.load_dataset(asked["name"], asked["config"], revision=asked["revision"])
    except Exception as error:  # the library raises whatever its back ends raise; all of it means "can't be loaded"
        said = clip(visible(" ".join(str(error).split())), 300) or type(error).__name__
        raise UserError(
            f"hf:{target}: can't be loaded from the Hugging Face hub: {said} (a data set is written {_SYNTAX})"
        ) from error
    found: list[Part] = []
    for split, data in dict(loaded).items():
        files = [Path(entry["filename"]) for entry in data.cache_files]
        found += [Part(file, str(split)) for file in files]
    if not found:
        raise UserError(f"hf:{target}: the data set has no files in the local cache to read from")
    root = Path(os.path.commonpath([part.path.parent for part in found]))
    return found, root


class HuggingFace(SourceFormat):
    name = "hf"
    shape = "an id on the Hugging Face hub (`hf:ORG/NAME`), a `save_to_disk` folder, or parquet shards"
    page = """
An id is fetched through `datasets`, which the extra `[hub]` brings; files need no extra. `hf:ORG/NAME:CONFIG` picks a
configuration, `hf:ORG/NAME@REVISION` a branch, tag or commit, `hf:ORG/NAME:CONFIG@REVISION` both. Images stay unread
until they are needed. `curate fix` writes files, so save a data set of the hub first (`save_to_disk`). It writes a
saved data set as one that can be loaded again, with the splits that were read. Rows that are conversations are read as
[`chat`](#chat) says.
"""
    layouts = (("datasets", "what `Dataset.save_to_disk` and `DatasetDict.save_to_disk` write"),)
    general = True
    endings = (".arrow", ".parquet")
    columns = TRIED
    remote = Remote(
        _ID,
        "a data set on the Hugging Face hub",
        hub_parts,
        "this is an id on the hub; fetch it first: datasets.load_dataset({id!r}).save_to_disk(FOLDER)",
    )

    def recognise(self, look: Look) -> float | None:
        if not look.is_dir:
            return 0.9 if look.suffix == ".arrow" else None
        if _saved(look):
            return 0.98
        return 0.9 if any(SHARD.search(file.name) for file in parquet_files(look)) else None

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir():
            return [Part(path)]
        look = Look(path)
        saved = _saved(look)
        if saved:
            parts = [part for folder in saved for part in _saved_parts(folder)]
            if len(saved) > 1:  # several saved sets in one folder: their own folders tell their splits apart
                return [Part(part.path, folder_split(part.path.parent, path)) for part in parts]
            return parts
        files = parquet_files(look)
        if files:
            return name_parts(files, path)
        raise wrong_shape(path, self.name, "the folder was not written by save_to_disk and holds no parquet file")

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        read = read_parquet if part.path.suffix == ".parquet" else read_arrow
        return with_split(read(part.path, job), part)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return files.table(path, columns).change(changes)

    def companions(self, folder: Path, files: Mapping[str, Output]) -> dict[str, Output]:
        """For a `save_to_disk` folder: its splits (those that were written) and their states."""
        found: dict[str, Output] = {}
        inner = dict.fromkeys(Path(name).parent for name in files)
        for above in dict.fromkeys(split.parent for split in inner):
            splits = folder / above / "dataset_dict.json"
            if splits.is_file():
                whole = FileText.read(splits)
                whole.of_copies = True  # beside the other splits, they are named still
                mine = [split.name for split in inner if split.parent == above]
                whole.replace(0, len(whole.text), json.dumps({"splits": mine}))
                found[(above / splits.name).as_posix()] = whole
        for split in inner:
            info, state = folder / split / "dataset_info.json", folder / split / "state.json"
            if info.is_file():
                found[(split / info.name).as_posix()] = Copied(info)
            if state.is_file():
                tables = [file for name, file in files.items() if Path(name).parent == split]
                found[(split / state.name).as_posix()] = _state(state, tables)
        return found


def _saved(look: Look) -> list[Path]:
    """The folders that `save_to_disk` wrote, in `folder` or itself; for a data set with splits, its own folder."""
    found: list[Path] = []
    for folder in look.tree:
        inside = any(folder.path.is_relative_to(other) for other in found)
        whole = folder.has("dataset_dict.json") or (folder.has("state.json") and folder.has("dataset_info.json"))
        if whole and not inside:
            found.append(folder.path)
    return found


def _saved_parts(folder: Path) -> list[Part]:
    if not (folder / "dataset_dict.json").is_file():
        return [Part(file) for file in _arrow_files(folder)]
    splits = _json(folder / "dataset_dict.json").get("splits", [])
    if not isinstance(splits, list):
        raise UserError(f"{folder / 'dataset_dict.json'}: its `splits` is not a list")
    for split in splits:
        if split not in Look(folder).names[1]:  # "../other" would lead out of the folder
            raise UserError(
                f"{folder / 'dataset_dict.json'}: it names the split {split!r}, but there is no such folder beside it"
            )
    return [Part(file, split) for split in splits for file in _arrow_files(folder / split)]


def _state(path: Path, tables: Sequence[Output]) -> FileText:
    """state.json with another fingerprint where a label changes: `datasets` caches what it computes by that."""
    file = FileText.read(path)
    new = [(at, sorted(table.new.items())) for at, table in enumerate(tables) if isinstance(table, TableFile)]
    mark = re.search(r'"_fingerprint":\s*"([0-9a-f]+)"', file.text)
    if mark and any(labels for _, labels in new):
        file.replace(*mark.span(1), hashlib.sha256(f"{mark[1]}{new}".encode()).hexdigest()[: len(mark[1])])
    return file


FORMAT = HuggingFace()
