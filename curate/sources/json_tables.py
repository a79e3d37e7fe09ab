"""A whole table as one JSON value, as pandas' `to_json` and `to_dict` write it: its records, and where its labels are.

Not for JSON lines and arrays of records, which are `orient="records"`. Reads no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from curate.base.column_names import Columns
from curate.sources.image_names import has_ending

#: pandas' names of its forms; "list" is `to_dict("list")`.
Form = Literal["columns", "index", "split", "table", "list"]
VALUES = (
    'rows without the names of their columns, as pandas writes them with orient="values"; write the table with '
    'frame.to_json(FILE, orient="records", lines=True)'
)
#: The column that gets pandas' index, unless there is one of that name or the index names images.
_INDEX, _IMAGE = "index", "image"


@dataclass(frozen=True)
class JsonTable:
    """form: how the value is built. label: the column of the labels. records: one for each row, in order.

    position: the label's place in each row, for the form "split".
    """

    form: Form
    label: str
    records: list[dict[str, Any]]
    position: int = 0


def table_of(value: Any, columns: Columns) -> JsonTable | None:
    """The table that a JSON object holds; None if it is something else."""
    if not isinstance(value, dict) or not value:
        return None
    for read in (_split, _table, _columns, _index):
        if found := read(value, columns):
            return found
    return None


def _label(names: Sequence[str], columns: Columns) -> str | None:
    label = columns.label(names)
    return label if label in names else None


def _columns(value: dict[str, Any], columns: Columns) -> JsonTable | None:
    """`{"latex": {"0": …, "1": …}, …}`, or with lists."""
    label = _label(list(value), columns)
    if label is None:
        return None
    held = value[label]
    if isinstance(held, dict):
        keys = list(held)
        if not all(isinstance(cells, dict) and cells.keys() == held.keys() for cells in value.values()):
            return None
        rows: list[dict[str, Any]] = [{name: cells[key] for name, cells in value.items()} for key in keys]
        return JsonTable("columns", label, _with_index(rows, keys))
    if isinstance(held, list) and _are_texts(held):
        if not all(isinstance(cells, list) and len(cells) == len(held) for cells in value.values()):
            return None
        return JsonTable(
            "list", label, [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]
        )
    return None


def _index(value: dict[str, Any], columns: Columns) -> JsonTable | None:
    """`{"0": {"latex": …, …}, "1": …}`."""
    rows = list(value.values())
    if not all(isinstance(row, dict) for row in rows):
        return None
    label = _label(list(dict.fromkeys(name for row in rows for name in row)), columns)
    if label is None or not _are_texts([row.get(label) for row in rows]):
        return None
    return JsonTable("index", label, _with_index([dict(row) for row in rows], list(value)))


def _split(value: dict[str, Any], columns: Columns) -> JsonTable | None:
    """`{"columns": ["latex", …], "index": [0, …], "data": [[…], …]}`."""
    names, data, keys = value.get("columns"), value.get("data"), value.get("index")
    if not value.keys() <= {"columns", "index", "data"} or not (isinstance(names, list) and isinstance(data, list)):
        return None
    named = len(set(map(repr, names))) == len(names) and all(isinstance(name, str) for name in names)
    label = _label(names, columns) if names and named else None
    if label is None or not all(isinstance(row, list) and len(row) == len(names) for row in data):
        return None
    rows = [dict(zip(names, row, strict=True)) for row in data]
    if isinstance(keys, list) and len(keys) == len(rows):
        rows = _with_index(rows, keys)
    return JsonTable("split", label, rows, names.index(label))


def _table(value: dict[str, Any], columns: Columns) -> JsonTable | None:
    """`{"schema": {"fields": […], …}, "data": [{…}, …]}`."""
    schema, rows = value.get("schema"), value.get("data")
    if value.keys() != {"schema", "data"} or not (isinstance(schema, dict) and isinstance(schema.get("fields"), list)):
        return None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    label = _label(list(dict.fromkeys(name for row in rows for name in row)), columns)
    return None if label is None else JsonTable("table", label, rows)


def _are_texts(values: Sequence[Any]) -> bool:
    """Is there a text among the values, and nothing but texts and nulls?"""
    return any(isinstance(value, str) for value in values) and all(
        value is None or isinstance(value, str) for value in values
    )


def _with_index(rows: list[dict[str, Any]], keys: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows with pandas' index as a column: `image` if it names image files."""
    names = {name for row in rows for name in row}
    images = all(isinstance(key, str) and has_ending(key) for key in keys)
    column = _IMAGE if images and _IMAGE not in names else _INDEX
    return rows if column in names else [{**row, column: key} for row, key in zip(rows, keys, strict=True)]


def label_spans(
    table: JsonTable,
    start: int,
    members: Callable[[int], dict[str, tuple[int, int]]],
    elements: Callable[[int], list[tuple[int, int]]],
) -> list[tuple[int, int]]:
    """(start, end) of the label of each row in the text of the table, which begins at `start`; (0, 0) for none.

    members, elements: the spans of the values in the object or array that begins at a place.
    """
    outer = members(start)
    if table.form == "columns":
        return list(members(outer[table.label][0]).values())
    if table.form == "list":
        return elements(outer[table.label][0])
    if table.form == "split":
        return [elements(row)[table.position] for row, _ in elements(outer["data"][0])]
    rows = list(outer.values()) if table.form == "index" else elements(outer["data"][0])
    return [members(row).get(table.label, (0, 0)) for row, _ in rows]
