"""Writes data sets that are in memory to files that can be read as sources: polars frames and `datasets`' own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.atomic_files import new_file
from curate.base.column_names import TRIED
from curate.base.errors import UserError
from curate.sources.spec import SourceSpec, check_name, parse_source

#: Classes of `datasets` that are saved as they are.
_DATA_SETS = ("Dataset", "DatasetDict")


@dataclass(frozen=True)
class Given:
    """A source to be read, and the folder that its image paths start from, if the source doesn't say."""

    spec: SourceSpec
    images: Path | None = None


def sources_of(data: Any, folder: Path, image_column: str | None = None) -> list[Given]:
    """The sources that `data` stands for.

    data: a SOURCE as the command line has it, a path, a polars frame, a `datasets.Dataset` or `DatasetDict`, or a
    mapping of names to these. What is in memory is written below `folder`; paths in it start from the working folder.
    image_column: the column with the images, where its name doesn't say so. Raises UserError for anything else.
    """
    if not isinstance(data, Mapping) or _of_datasets(data):
        return [_source(data, folder, None, image_column)]
    given: list[Given] = []
    for name, one in data.items():
        check_name(name)
        if isinstance(one, Mapping) and not _of_datasets(one):
            raise UserError(f"{name}: a mapping inside a mapping; give each name one data set")
        given.append(_source(one, folder, name, image_column))
    return given


def _source(data: Any, folder: Path, name: str | None, image_column: str | None) -> Given:
    if isinstance(data, str | Path):
        spec = parse_source(str(data))
        return Given(spec if name is None else replace(spec, name=name))
    name = name or "data"
    if isinstance(data, pl.LazyFrame):
        data = data.collect()
    if isinstance(data, pl.DataFrame):
        path = folder / f"{name}.parquet"
        with new_file(path) as temporary:
            data.write_parquet(temporary)
        wanted = (image_column,) if image_column else TRIED["image"]
        named = next((column for column in wanted if column in data.columns), None)
        paths = named is not None and data.schema[named] == pl.String
        return Given(SourceSpec(name, "parquet", str(path), None), Path.cwd() if paths else None)
    if _of_datasets(data):
        path = folder / name
        data.save_to_disk(str(path))
        return Given(SourceSpec(name, "hf", str(path), None))
    raise UserError(
        f"{type(data).__name__}: not a data set; give a path, a polars frame, a datasets.Dataset or DatasetDict, "
        "or a mapping of names to these"
    )


def _of_datasets(data: Any) -> bool:
    # Without importing it: who has such an object has imported it.
    package = sys.modules.get("datasets")
    return package is not None and isinstance(data, tuple(getattr(package, name) for name in _DATA_SETS))
