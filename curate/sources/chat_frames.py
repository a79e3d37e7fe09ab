"""Turns conversations, from JSON records or a table, into a part's frame. Images in a table stay unread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.images.in_json import ENDINGS
from curate.sources.chat_layout import IMAGES, Layout, label_beside, layout_of, plain_label
from curate.sources.chat_rows import PACKED_IMAGE, WEB_IMAGE, Stored, Unfit, is_web, label_of, sample_of
from curate.sources.columns import IMAGE_NOT_PATH, add_others, rows_frame
from curate.sources.model import STORED_IMAGE, Job

if TYPE_CHECKING:
    import pyarrow as pa

NOT_OBJECT = "not a JSON object"
#: Columns of the frame that don't come from the records.
_OWN = ("label", "image", "question", "system")
#: How much of a record that is not a sample is shown.
_SHOWN = 200


def chat_frame(
    lines: Sequence[int],
    records: Iterable[Any],
    path: Path,
    job: Job,
    layout: Layout | None = None,
    *,
    table: bool = False,
) -> pl.DataFrame:
    """A part's frame from records that are conversations; those that are not samples are counted by reason.

    Besides a part's columns: `question`, `system` if present, and any other columns of the records. layout: the layout
    all records share; None if each has its own. table: the records are rows of a table and may hold bytes.
    """
    given = job.columns.given.get("image")
    others: dict[tuple[str, ...], list[str]] = {}
    columns: dict[str, list[Any]] = {name: [] for name in _OWN}
    stored: dict[int, str] = {}
    inside = job.in_root(path)
    places: list[int] = []
    extras: list[dict[str, Any]] = []
    for line, record in zip(lines, records, strict=True):
        try:
            if not isinstance(record, dict):
                raise Unfit(NOT_OBJECT)
            sample = sample_of(record, layout, given)
            if isinstance(sample.image, Stored) and not table:
                if not sample.image.text:
                    raise Unfit(IMAGE_NOT_PATH)
                if (
                    path.suffix.lower() not in ENDINGS
                ):  # in a gzip file, every image would mean reading it from the start again
                    raise Unfit(PACKED_IMAGE)
        except Unfit as unfit:
            job.bad(path, line, str(unfit), repr(record)[:_SHOWN])
            continue
        places.append(line)
        columns["label"].append(sample.label)
        columns["image"].append(None if isinstance(sample.image, Stored) else sample.image)
        if isinstance(sample.image, Stored):
            stored[line] = f"{inside}#{sample.image.column}:{line - 1}"
        columns["question"].append(sample.question)
        columns["system"].append(sample.system)
        keys = tuple(record)
        if keys not in others:
            others[keys] = _others(record, layout, given)
        extras.append({name: record[name] for name in others[keys]})
    job.notes[WEB_IMAGE] += sum(1 for image in columns["image"] if image is not None and is_web(image))
    if not any(text is not None for text in columns["system"]):
        del columns["system"]
    add_others(columns, (name for names in others.values() for name in names), extras, job)
    own = replace(job, columns=_own_columns(job))
    frame = rows_frame(columns, places, own, path)
    job.id_column = own.id_column
    refs = [stored.get(line) for line in frame["line"].to_list()] if stored else []
    return frame.with_columns(pl.Series(STORED_IMAGE, refs, dtype=pl.String)) if stored else frame


def chat_table(path: Path, job: Job, batches: Iterable[pa.RecordBatch], layout: Layout | None = None) -> pl.DataFrame:
    """A part's frame from table rows that are conversations. Images inside stay unread, and files unresolved."""
    records = list(_records(batches, job.left()))
    job.rows += len(records)
    return chat_frame(range(1, len(records) + 1), records, path, job, layout, table=True)


def chat_layout(schema: pa.Schema, columns: Columns, told: Layout | None = None) -> Layout | None:
    """The layout of a table whose rows are conversations; None if they have a label of their own."""
    import pyarrow as pa

    beside = label_beside(tuple(schema.names))
    text = beside is not None and schema.field(beside).type in (pa.string(), pa.large_string(), pa.string_view())
    return None if "label" in columns.given or text else told or layout_of(schema.names)


def chat_columns(schema: pa.Schema, columns: Columns, told: Layout | None = None) -> list[str]:
    """The columns to read from a table of conversations: its own and any that aren't nested. None for other tables."""
    import pyarrow as pa

    layout = chat_layout(schema, columns, told)
    wanted = {*layout.used, columns.given.get("image")} if layout else set()
    heavy = [
        pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) for kind in schema.types
    ]
    named = zip(schema.names, heavy, strict=True)
    return [name for name, is_heavy in named if name in wanted or not is_heavy] if layout else []


def answers(batches: Iterable[pa.RecordBatch], layout: Layout) -> list[str | None]:
    """The answers of all rows of a table; None for rows that are not samples."""
    found: list[str | None] = []
    for record in _records(batches, None):
        try:
            label = label_of(record, layout)[0]
        except Unfit:
            label = None
        found.append(label if isinstance(label, str) else None)
    return found


def _records(batches: Iterable[pa.RecordBatch], left: int | None) -> Iterator[dict[str, Any]]:
    for batch in batches:
        if left is not None:
            batch = batch.slice(0, left)
            left -= batch.num_rows
        values = [_light(column).to_pylist() for column in batch.columns]
        for row in zip(*values, strict=True):
            yield dict(zip(batch.schema.names, row, strict=True))
        if left == 0:
            return


def _light(array: pa.Array) -> pa.Array:
    """An array with HELD in place of bytes, so that images don't become Python objects. A null list becomes empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pc.greater(pc.fill_null(pc.binary_length(array), 0), 0)
    if pa.types.is_struct(kind) and _has_bytes(kind):
        fields = [_light(inner) for inner in array.flatten()]
        return pa.StructArray.from_arrays(fields, [kind.field(at).name for at in range(kind.num_fields)])
    if pa.types.is_list(kind) and _has_bytes(kind):
        return pa.ListArray.from_arrays(array.offsets, _light(array.values))
    if pa.types.is_large_list(kind) and _has_bytes(kind):
        return pa.LargeListArray.from_arrays(array.offsets, _light(array.values))
    return array


def _has_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    return any(_has_bytes(kind.field(at).type) for at in range(kind.num_fields))


def _others(record: Mapping[str, Any], layout: Layout | None, image: str | None) -> list[str]:
    """The keys of a record that become columns unchanged."""
    layout = layout or layout_of(list(record))
    used = {*(layout.used if layout else IMAGES), image, plain_label(record)}
    return [name for name in record if name not in used]


def _own_columns(job: Job) -> Columns:
    """The extra columns of `chat_frame` by role; an id and a split as named by the user, or by the usual names."""
    given = {role: name for role, name in job.columns.given.items() if role in ("id", "split")}
    return Columns({**given, "label": "label", "image": "image"}, TRIED)
