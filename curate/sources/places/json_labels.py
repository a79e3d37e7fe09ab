"""Labels in JSON lines, in a JSON array, and in one JSON object. Every other byte of the file is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from curate.base.column_names import Columns
from curate.sources.chat_layout import Layout, layout_of
from curate.sources.chat_rows import Unfit, label_of
from curate.sources.json_tables import label_spans, table_of
from curate.sources.places.file_text import Change, FileText, lost

_SPACE = re.compile(r"[ \t\r\n]*")


#: The keys and indexes that lead from a record to a text in it.
Steps = Sequence[str | int]
#: Where a record's label is, and any copies of its text; empty if it has none.
Place = Callable[[Any], Sequence[Steps]]


def in_json(file: FileText, changes: Sequence[Change], columns: Columns, place: Place | None = None) -> list[str]:
    """For JSON lines, a JSON array of objects or labels, one object {image: label}, and one that is a whole table.

    place: finds a record's label; without it, the label has one of the usual names or is a conversation's answer.
    """
    text = file.text
    head = text[:4096].lstrip("\ufeff \t\r\n")
    items: list[int] | None = None
    if head.startswith("["):
        items = _items(text)
    elif place is None and (pairs := _mapping(text, columns)) is not None:
        return _in_values(file, changes, pairs)
    elif re.match(r"\{\s*\n", head):
        items = [text.index("{")]
    ascii_only = text.isascii()
    for number, label, new in changes:
        try:
            start = items[number - 1] if items is not None else _begin(file, number)
            again: list[tuple[int, int]] = []
            if place is None:
                start, end = _label_span(text, start, columns)
            else:
                (start, end), *again = _spans_at(text, start, place)
            held = scanstring(text, start + 1)[0] if text[start : start + 1] == '"' else None
        except (ValueError, LookupError) as error:  # no longer JSON, or the array became shorter
            raise lost(file, number) from error
        if held != label:
            raise lost(file, number)
        file.replace(start, end, json.dumps(new, ensure_ascii=ascii_only))
        for span in again:
            file.replace_too(*span, json.dumps(new, ensure_ascii=ascii_only))
    return [new for _, _, new in changes]


def _begin(file: FileText, number: int) -> int:
    """Where the JSON value of a line begins."""
    start, end = file.line(number)
    line = file.text[start:end]
    return start + len(line) - len(line.lstrip("\ufeff \t\r\n"))


def _items(text: str) -> list[int]:
    """Where the items of an array begin; for a broken one, those before the break."""
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    starts: list[int] = []
    while True:
        at = re.compile(r"[ \t\r\n,]*").match(text, at).end()  # type: ignore[union-attr]
        try:
            end = decoder.raw_decode(text, at)[1]
        except ValueError:
            return starts
        starts.append(at)
        at = end


def _members(text: str, at: int) -> list[tuple[str, int, int]]:
    """(key, start, end) of the values of the object that begins at `at`."""
    decoder = json.JSONDecoder()
    found: list[tuple[str, int, int]] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        key, at = scanstring(text, at + 1)
        at = _skip(text, _skip(text, at) + 1)  # over the colon
        end = decoder.raw_decode(text, at)[1]
        found.append((key, at, end))
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _label_span(text: str, at: int, columns: Columns) -> tuple[int, int]:
    """(start, end) of the label's JSON string in the record that begins at `at`: the record, or its label field."""
    if text[at : at + 1] == '"':
        return at, scanstring(text, at + 1)[1]
    spans = _last(_members(text, at))
    if "label" not in columns.given and layout_of(list(spans)):
        return _spans_at(text, at, answer_place)[0]
    column = columns.label(list(spans))
    return spans.get(column or "", (at, at))


def answer_place(record: Any, layout: Layout | None = None) -> Sequence[Steps]:
    """Where the answer of a conversation is."""
    try:
        return [label_of(record, layout)[1]] if isinstance(record, dict) else []
    except Unfit:
        return []


def _spans_at(text: str, at: int, place: Place) -> list[tuple[int, int]]:
    """(start, end) of the values that places lead to, in the record at `at`; an empty place is the record."""
    found = []
    for steps in place(json.JSONDecoder().raw_decode(text, at)[0]):
        start = end = at
        for step in steps:
            if isinstance(step, int):
                start, end = _elements(text, start)[step]
            else:
                start, end = {key: span for key, *span in _members(text, start)}[step]
        found.append((start, end))
    return found or [(at, at)]


def _elements(text: str, at: int) -> list[tuple[int, int]]:
    """(start, end) of the values of the array that begins at `at`."""
    decoder = json.JSONDecoder()
    found: list[tuple[int, int]] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        end = decoder.raw_decode(text, at)[1]
        found.append((at, end))
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
    return found


def _mapping(text: str, columns: Columns) -> list[tuple[int, int]] | None:
    """The spans of the labels if the whole text is one object {image: label} or a table, else None."""
    at = _skip(text, len(text) - len(text.lstrip("\ufeff")))
    if text[at : at + 1] != "{":
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(text, at)
    except ValueError:
        return None
    if text[end:].strip() or not value:
        return None
    if table := table_of(value, columns):
        return label_spans(table, at, lambda at: _last(_members(text, at)), lambda at: _elements(text, at))
    if "label" in columns.given or any(key.lower() in columns.names("label") for key in value):
        return None
    if not all(isinstance(label, str) for label in value.values()):
        return None
    return list(_last(_members(text, at)).values())


def _last(members: Sequence[tuple[str, int, int]]) -> dict[str, tuple[int, int]]:
    """The spans by key: for a repeated key, the last one counts."""
    return {key: (start, end) for key, start, end in members}


def _in_values(file: FileText, changes: Sequence[Change], pairs: list[tuple[int, int]]) -> list[str]:
    ascii_only = file.text.isascii()
    for number, label, new in changes:
        start, end = pairs[number - 1] if number <= len(pairs) else (0, 0)
        if end == 0 or file.text[start] != '"' or scanstring(file.text, start + 1)[0] != label:
            raise lost(file, number)
        file.replace(start, end, json.dumps(new, ensure_ascii=ascii_only))
    return [new for _, _, new in changes]
