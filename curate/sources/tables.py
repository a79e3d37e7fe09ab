"""Parquet and Arrow tables from polars, pandas or Hugging Face; images inside stay unread. Not for hub ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.column_names import find_column
from curate.base.errors import UserError
from curate.base.read_apart import damage_told, first_line, read_apart, refuse_bomb
from curate.sources.chat_frames import chat_columns, chat_table
from curate.sources.chat_layout import Layout, layout_of
from curate.sources.columns import (
    free_name,
    image_paths,
    is_image,
    kept_columns,
    label_column,
    looks_like_images,
    named_column,
    note_rivals,
    note_unused_images,
    other_column,
    refuse_json_labels,
)
from curate.sources.image_paths import resolve_images
from curate.sources.look import Look
from curate.sources.model import Job, wrong_shape

#: How many rows of conversations are read at a time.
_BATCH = 2000
SHARD = re.compile(r"-\d{5}-of-\d{5}(-[0-9a-f]+)?\.(parquet|arrow)$")


def read_parquet(path: Path, job: Job, layout: Layout | None = None) -> pl.DataFrame:
    """A part's frame from a parquet file. Raises UserError if it isn't one or has no label column.

    layout: that of its conversations, if known.
    """
    return _apart(_parquet, path, job, layout)


def read_arrow(path: Path, job: Job, layout: Layout | None = None) -> pl.DataFrame:
    """`read_parquet` for one Arrow file (memory-mapped, images left unread). Raises UserError if it isn't one."""
    return _apart(_arrow, path, job, layout)


#: A part's frame, and whether its images are names of files that must be found.
_Read = tuple[pl.DataFrame, bool]
_Reader = Callable[[Path, Job, Layout | None], _Read]


def _apart(read: _Reader, path: Path, job: Job, layout: Layout | None) -> pl.DataFrame:
    frame, has_names, after = read_apart(path, _reported, read, path, job, layout)
    for field in fields(job):
        setattr(job, field.name, getattr(after, field.name))
    return resolve_images(frame, job, path) if has_names else frame


def _reported(read: _Reader, path: Path, job: Job, layout: Layout | None) -> tuple[pl.DataFrame, bool, Job]:
    """What `read` returns, and the job with what was reported to it: a helper works with a copy."""
    frame, has_names = read(path, job, layout)
    return refuse_bomb(path, frame), has_names, job


def _parquet(path: Path, job: Job, layout: Layout | None) -> _Read:
    try:
        schema = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:  # it is given nothing but the file
        raise wrong_shape(path, "parquet", first_line(error)) from error

    if layout or layout_of(list(schema)):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            if chat := chat_columns(file.schema_arrow, job.columns, layout):
                return chat_table(path, job, file.iter_batches(_BATCH, columns=chat), layout), True

    def columns(names: list[str]) -> pl.DataFrame:
        with damage_told(path):
            return pl.read_parquet(path, columns=names, n_rows=job.left(), glob=False)

    return table_frame(path, job, dict(schema), columns, _ParquetImages(path))


class _ParquetImages:
    """What a parquet file says about its images, without their bytes: pyarrow reads a single field of a struct."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _leaf(self, column: str, field: str) -> int | None:
        leaves = self._file().schema
        names = [leaves.column(at).path for at in range(len(leaves))]
        return next(
            (at for at, name in enumerate(names) if name.startswith(f"{column}.") and name.endswith(field)), None
        )

    def _file(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.path)

    def paths(self, column: str) -> list[Any]:
        """What each row holds beside the bytes: `{"path": …}` or a list of these; nothing if there is no path."""
        leaf = self._leaf(column, ".path")
        if leaf is None:
            return []
        file = self._file()
        return list(file.read(columns=[file.schema.column(leaf).path]).column(0).to_pylist())

    def has_bytes(self, column: str) -> bool:
        """Does the file contain any image, according to its own counts?"""
        leaf = self._leaf(column, ".bytes")
        if leaf is None:
            return False
        data = self._file().metadata
        stats = [data.row_group(group).column(leaf) for group in range(data.num_row_groups)]
        counted = [(part.num_values, part.statistics) for part in stats]
        return any(of is None or not of.has_null_count or of.null_count < number for number, of in counted)


class _ArrowImages:
    """The same for an Arrow table: it is memory-mapped, and only the requested fields are read."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def _fields(self, column: str, field: str) -> Iterator[tuple[Any, Any]]:
        """(chunk, field of its structs), where that field exists."""
        for chunk in self.table.column(column).chunks:
            structs = chunk.flatten() if hasattr(chunk, "value_lengths") else chunk
            if field in [inner.name for inner in structs.type]:
                yield chunk, structs.field(field)

    def paths(self, column: str) -> list[Any]:
        paths: list[Any] = []
        for chunk, field in self._fields(column, "path"):
            if hasattr(chunk, "value_lengths"):
                flat = iter(field.to_pylist())
                paths += [list(islice(flat, number or 0)) for number in chunk.value_lengths().to_pylist()]
            else:
                paths += field.to_pylist()
        return paths

    def has_bytes(self, column: str) -> bool:
        return any(field.null_count < len(field) for _, field in self._fields(column, "bytes"))


def _arrow(path: Path, job: Job, layout: Layout | None) -> _Read:
    from curate.images.in_tables import open_arrow

    try:
        table = open_arrow(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read as Arrow: {str(error).splitlines()[0][:200]}") from error
    if chat := chat_columns(table.schema, job.columns, layout):
        return chat_table(path, job, table.select(chat).to_batches(_BATCH), layout), True
    left = job.left()
    if left is not None:
        table = table.slice(0, left)
    empty = pl.from_arrow(table.schema.empty_table())
    schema = dict(empty.schema) if isinstance(empty, pl.DataFrame) else {}
    table = table.rename_columns(list(schema))  # polars names columns that have no name

    def columns(names: list[str]) -> pl.DataFrame:
        frame = pl.from_arrow(table.select(names))
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()

    return table_frame(path, job, schema, columns, _ArrowImages(table))


def table_frame(path: Path, job: Job, schema: dict[str, Any], columns: Any, held: Any) -> _Read:
    """A part's frame from a table with a schema, and whether its images are names of files.

    columns(names) reads columns as a frame; `held` says what structs of images hold.
    """
    names = kept_columns(list(schema), job)
    schema = {name: schema[name] for name in names}
    label = label_column(names, job, path)
    image, stored = _image_column(schema, label, columns, held, job, path)
    job.image_column = image
    rest = [name for name in names if name not in (label, image)]
    ident = other_column("id", rest if stored else [name for name in names if name != label], job, path)
    split = other_column("split", rest, job, path)
    if schema[label] not in (pl.String, pl.Categorical) and not isinstance(schema[label], pl.Enum):
        raise UserError(
            f"{path}: the label column {label!r} holds {schema[label]}, not text; "
            "name another with --columns label:COLUMN"
        )
    extras = [name for name in rest if name not in (ident, split) and not _is_heavy(schema[name])]
    wanted = [label, *extras, *(name for name in (ident, split) if name)]
    if image and not stored and not _is_struct(schema[image]):
        wanted.append(image)
    table = columns(list(dict.fromkeys(wanted)))
    job.rows += table.height
    refuse_json_labels(label, table[label].cast(pl.String).head(200).to_list(), path)
    note_rivals(label, [name for name in names if schema[name] == pl.String], table.height, job)
    if image is None:
        unused = [name for name in rest if _looks_like_images(schema, name, columns, held)]
        note_unused_images(unused, table.height, job)
    line = pl.int_range(1, table.height + 1, dtype=pl.Int64).alias("line")
    bad: dict[int, str] = {}
    values: list[Any] = []
    if image:
        read = stored != "bytes" if _is_struct(schema[image]) or stored else False
        values = (held.paths(image) if read else [] if stored else table[image].to_list())[: table.height]
        values = image_paths(values, bad, job)
    image_text = pl.lit(None, pl.String).alias("image")
    if image and stored:
        image_text = pl.format("{}#{}:{}", pl.lit(job.in_root(path)), pl.lit(image), line - 1).alias("image")
    elif image:
        image_text = pl.lit(pl.Series("image", values, dtype=pl.String)).alias("image")
    if ident:
        name = table[ident].cast(pl.String, strict=False).alias("name")
    else:
        named = values if not stored else _unique_paths(values)
        name = pl.Series("name", named or [None] * table.height, dtype=pl.String)
    frame = table.select(
        line,
        (pl.col(split).cast(pl.String) if split else pl.lit(None, pl.String)).alias("split"),
        name,
        image_text,
        pl.col(label).cast(pl.String).alias("label"),
    )
    free = dict.fromkeys(frame.columns)
    carried: list[pl.Series] = []
    for extra in extras:
        carried.append(table[extra].alias(free_name(extra, free)))
        free[carried[-1].name] = None
    frame = frame.with_columns(*carried)
    for at, reason in sorted(bad.items()):
        job.bad(path, at + 1, reason, frame["label"][at] or "")
    frame = frame.filter(pl.repeat(True, frame.height, eager=True).scatter(sorted(bad), False)) if bad else frame
    return frame, not stored


def _image_column(
    schema: dict[str, Any], label: str, columns: Any, held: Any, job: Job, path: Path
) -> tuple[str | None, str | None]:
    """(image column, how it is stored: "struct" {bytes, path} or "bytes" in the file; None if it holds paths)."""
    job.image_ids = None
    names = [name for name in schema if name != label]
    chosen = named_column("image", names, job, path)
    for wanted in (chosen,) if chosen else job.columns.names("image"):
        found = chosen or find_column(names, (wanted,))
        if found is None:
            continue
        kind = _of_list(schema[found])
        if kind == pl.Binary or _has_bytes(kind, found, held):
            return found, "bytes" if kind == pl.Binary else "struct"
        if not chosen and is_image(wanted, _first_values(schema, found, columns, held), job):
            return found, None
        if chosen and not (kind == pl.String or kind.is_integer() or _is_struct(kind)):
            raise UserError(f"{path}: the image column {found!r} holds {schema[found]}, neither paths nor images")
        if chosen:
            return found, None
    return None, None


def _of_list(kind: Any) -> Any:
    return kind.inner if isinstance(kind, pl.List) else kind


def _is_struct(kind: Any) -> bool:
    """Does a column hold structs as `datasets` stores images, or lists of them?"""
    kind = _of_list(kind)
    return isinstance(kind, pl.Struct) and not {field.name for field in kind.fields}.isdisjoint(("bytes", "path"))


def _has_bytes(kind: Any, name: str, held: Any) -> bool:
    """Does a column of structs contain images rather than only paths?"""
    return _is_struct(kind) and pl.Field("bytes", pl.Binary) in kind.fields and held.has_bytes(name)


def _first_values(schema: dict[str, Any], name: str, columns: Any, held: Any) -> list[Any]:
    """The first values that say where an image is."""
    if _is_struct(schema[name]):
        values = held.paths(name)
    else:
        values = columns([name])[name].head(200).to_list() if not _is_heavy(_of_list(schema[name])) else []
    return [value for value in values[:200] if value is not None]


def _looks_like_images(schema: dict[str, Any], name: str, columns: Any, held: Any) -> bool:
    kind = _of_list(schema[name])
    if kind == pl.Binary or _has_bytes(kind, name, held):
        return True
    return looks_like_images(_first_values(schema, name, columns, held))


def _is_heavy(kind: Any) -> bool:
    """Columns that are not carried along: nested ones, and bytes, which may be more images."""
    return bool(kind.is_nested() or kind in (pl.Binary, pl.Object))


def _unique_paths(paths: Sequence[str | None]) -> list[str | None]:
    """The file names that images had before they were packed, if every row has its own; else nothing."""
    named = [path for path in paths if path]
    return list(paths) if len(named) == len(paths) == len(set(named)) else []


def parquet_files(look: Look) -> list[Path]:
    beside = {path for paths in look.sidecars.values() for path in paths}  # `dropped.parquet` of an export
    return [path for path in look.all_files(".parquet") if path not in beside]
