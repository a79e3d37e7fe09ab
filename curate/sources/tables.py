"""Parquet and Arrow tables from polars, pandas or Hugging Face, images inside left unread. Not for hub ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.column_names import find_column
from curate.base.errors import UserError
from curate.sources.chat_frames import chat_columns, chat_table
from curate.sources.chat_layout import Layout, layout_of
from curate.sources.columns import free_name, label_column, named_column, other_column
from curate.sources.image_paths import resolve_images
from curate.sources.look import IMAGE_ENDINGS, Look
from curate.sources.model import Job, wrong_shape

#: Conversations are read so many rows at a time.
_BATCH = 2000
SHARD = re.compile(r"-\d{5}-of-\d{5}(-[0-9a-f]+)?\.(parquet|arrow)$")


def read_parquet(path: Path, job: Job, layout: Layout | None = None) -> pl.DataFrame:
    """A part's frame from a parquet file. Raises UserError where it is none or has no label column.

    layout: that of its conversations, if it was told.
    """
    try:
        schema = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise wrong_shape(path, "parquet", _first_line(error)) from error

    if layout or layout_of(list(schema)):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            if chat := chat_columns(file.schema_arrow, job.columns, layout):
                return chat_table(path, job, file.iter_batches(_BATCH, columns=chat), layout)

    def columns(names: list[str]) -> pl.DataFrame:
        try:
            return pl.read_parquet(path, columns=names, n_rows=job.left(), glob=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise UserError(f"{path}: can't be read: {_first_line(error)}") from error

    def inner(column: str) -> list[str | None]:
        import pyarrow.parquet as pq  # pyarrow reads one field of a struct without the bytes beside it

        field = pq.read_table(path, columns=[f"{column}.path"], partitioning=None).column(0)
        return [value.get("path") if isinstance(value, dict) else value for value in field.to_pylist()]

    return table_frame(path, job, dict(schema), columns, inner)


def read_arrow(path: Path, job: Job, layout: Layout | None = None) -> pl.DataFrame:
    """`read_parquet` for one Arrow file (memory-mapped, images left unread). Raises UserError where it is none."""
    from curate.images.in_tables import open_arrow

    try:
        table = open_arrow(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read as Arrow: {str(error).splitlines()[0][:200]}") from error
    if chat := chat_columns(table.schema, job.columns, layout):
        return chat_table(path, job, table.select(chat).to_batches(_BATCH), layout)
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


def table_frame(path: Path, job: Job, schema: dict[str, Any], columns: Any, inner: Any) -> pl.DataFrame:
    """A part's frame from a table with a schema.

    columns(names) reads columns as a frame; inner(column) reads the `path` field of an image struct.
    """
    names = list(schema)
    label = label_column(names, job, path)
    image, stored = _image_column(schema, label, columns, job, path)
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
    if image and not stored:
        wanted.append(image)
    table = columns(list(dict.fromkeys(wanted)))
    job.rows += table.height
    line = pl.int_range(1, table.height + 1, dtype=pl.Int64).alias("line")
    image_text = pl.lit(None, pl.String).alias("image")
    paths: list[str | None] = []
    if image and stored:
        image_text = pl.format("{}#{}:{}", pl.lit(job.in_root(path)), pl.lit(image), line - 1).alias("image")
        if stored == "struct" and not ident:
            paths = _unique_paths(inner(image)[: table.height])
    elif image:
        image_text = pl.col(image).cast(pl.String).alias("image")
    if paths:
        name = pl.Series("name", paths, dtype=pl.String)
    else:
        source = ident or (image if not stored else None)
        name = (
            table[source].cast(pl.String, strict=False).alias("name")
            if source
            else pl.Series("name", [None] * table.height, dtype=pl.String)
        )
    frame = table.select(
        line,
        (pl.col(split).cast(pl.String) if split else pl.lit(None, pl.String)).alias("split"),
        name,
        image_text,
        pl.col(label).cast(pl.String).alias("label"),
    )
    for extra in extras:
        frame = frame.with_columns(table[extra].alias(free_name(extra, dict.fromkeys(frame.columns))))
    return frame if stored else resolve_images(frame, job, path)


def _image_column(
    schema: dict[str, Any], label: str, columns: Any, job: Job, path: Path
) -> tuple[str | None, str | None]:
    """(image column, how it is stored: "struct" {bytes, path} or "bytes" in the file; None where it holds paths)."""
    names = [name for name in schema if name != label]
    chosen = named_column("image", names, job, path)
    for wanted in job.columns.names("image"):
        found = chosen or find_column(names, (wanted,))
        if found is None:
            continue
        kind = schema[found]
        if isinstance(kind, pl.Struct) and {"bytes"} <= {field.name for field in kind.fields}:
            return found, "struct"
        if kind == pl.Binary:
            return found, "bytes"
        if kind == pl.String:
            if chosen or wanted not in ("path", "name"):
                return found, None
            texts = columns([found])[found].drop_nulls().head(200)
            if texts.str.to_lowercase().str.contains(f"({'|'.join(map(re.escape, IMAGE_ENDINGS))})$").sum() * 2 >= max(
                1, len(texts)
            ):
                return found, None
        elif chosen:
            raise UserError(f"{path}: the image column {found!r} holds {kind}, neither paths nor images")
    return None, None


def _is_heavy(kind: Any) -> bool:
    """Columns that are not carried along: nested ones and bytes, which may be more images."""
    return bool(kind.is_nested() or kind in (pl.Binary, pl.Object))


def _unique_paths(paths: Sequence[str | None]) -> list[str | None]:
    """The file names that images had before they were packed, where every row has one of its own; else nothing."""
    named = [path for path in paths if path]
    return list(paths) if len(named) == len(paths) == len(set(named)) else []


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0][:200]


def parquet_files(look: Look) -> list[Path]:
    return look.all_files(".parquet")
