"""Reads JSON lines, a JSON array or one JSON object into records. Not for choosing columns.

JSON is decoded exactly once, by `json`: `\\\\t` in the file is the two characters backslash and t, `\\t` is a TAB.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.errors import UserError
from curate.images.in_json import DOCUMENT
from curate.sources.chat_frames import chat_frame
from curate.sources.chat_layout import is_chat
from curate.sources.columns import kept_columns, rows_frame
from curate.sources.json_tables import VALUES, table_of
from curate.sources.lines import read_all, read_blocks, read_lines
from curate.sources.look import IMAGE_ENDINGS, Look
from curate.sources.model import NOT_UTF8, Job
from curate.sources.numbered_pictures import pictures_of

NOT_JSON = "not valid JSON"
NOT_RECORD = "not a JSON object or a label"
CUT_OFF = "not valid JSON; nothing after this place could be read"

_GAP = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


def read_json(path: Path, job: Job) -> pl.DataFrame:
    """A part's frame from a file of JSON lines, an array of objects or labels, or one object: {image name: label}, or a
    table as `curate.sources.json_tables` describes it.

    Objects may be conversations: see `curate.sources.chat_rows`. `line` is the line number in JSON lines, and the
    position of the item, counted from 1, in an array.
    Raises UserError if no record has a label column.
    """
    lines, records = read_records(path, job)
    return records_frame(lines, records, path, job)


def read_records(path: Path, job: Job) -> tuple[list[int], list[Any]]:
    """The JSON values of a file with their lines, or their positions in an array; invalid JSON is counted."""
    head = Look(path).head[:4096].lstrip()
    whole = DOCUMENT.match(head) is not None or (head.startswith(b"{") and _is_one_long_line(path))
    return _document(path, job) if whole else _lines(path, job)


def _is_one_long_line(path: Path) -> bool:
    """Is the file a single line, longer than a record may be? Then the line is the data set."""
    if b"\n" in Look(path).head.rstrip():
        return False
    blocks = read_blocks(path)
    first = next(blocks, None)
    return first is not None and first.long and next(blocks, None) is None


def records_frame(lines: list[int], records: list[Any], path: Path, job: Job) -> pl.DataFrame:
    """A part's frame from decoded JSON values: objects, or strings that are labels themselves."""
    key = _keys_of(records[0], path, job) if len(records) == 1 and isinstance(records[0], dict) else None
    if key:
        job.rows -= 1
        pairs = list(records[0].items())[: job.left()]
        job.rows += len(pairs)
        lines = list(range(1, len(pairs) + 1))
        return rows_frame({key: [name for name, _ in pairs], "label": [text for _, text in pairs]}, lines, job, path)
    table = table_of(records[0], job.columns) if len(records) == 1 else None
    if table:
        job.rows -= 1
        records = table.records[: job.left()]
        job.rows += len(records)
        lines = list(range(1, len(records) + 1))
    elif records and all(isinstance(record, list) for record in records):
        raise UserError(f"{path}: {VALUES}")
    elif len(records) == 1 and isinstance(records[0], dict):
        _refuse_holder(records[0], path, job)
    if "label" not in job.columns.given and sum(map(_is_chat, records)) * 2 > len(records):
        return chat_frame(lines, records, path, job)
    label = job.columns.given.get("label", "label")
    keys: dict[str, None] = {}
    good: list[dict[str, Any]] = []
    places: list[int] = []
    for line, record in zip(lines, records, strict=True):
        if isinstance(record, str):
            record = {label: record}
        elif not isinstance(record, dict):
            job.bad(path, line, NOT_RECORD, repr(record)[:200])
            continue
        keys.update(dict.fromkeys(record))
        good.append(record)
        places.append(line)
    if not good:
        return rows_frame({label: []}, [], job, path)
    columns = {key: [record.get(key) for record in good] for key in kept_columns(list(keys), job)}
    clean = {key.encode("utf-8", "backslashreplace").decode(): values for key, values in columns.items()}
    return rows_frame(clean, places, job, path)


def _refuse_holder(record: dict[str, Any], path: Path, job: Job) -> None:
    """Raise UserError if a single object holds the records: in one of its lists, or as objects by name."""
    if job.columns.label(list(record)) in record or is_chat(record):
        return

    def are_records(values: Any) -> bool:
        return isinstance(values, list) and any(
            isinstance(item, dict) and (job.columns.label(list(item)) in item or is_chat(item)) for item in values[:20]
        )

    def are_pairs(values: Any) -> bool:
        return isinstance(values, dict) and _is_mapping(values, job)

    lists = [key for key, values in record.items() if are_records(values) or are_pairs(values)]
    if lists:
        shown = ", ".join(map(repr, lists[:5]))
        raise UserError(
            f"{path}: one object that holds its records under {shown}; write each of these to a JSON file of its own, "
            "named after its split"
        )
    others = [key for key, values in record.items() if isinstance(values, list) and _objects(values)]
    if others:
        shown = ", ".join(map(repr, others[:5]))
        raise UserError(
            f"{path}: one object that holds objects under {shown}, none with a label of its own; write a line "
            '{"image": "NAME", "latex": "LABEL"} for each image'
        )
    if are_records(list(record.values())):
        raise UserError(
            f"{path}: one object that holds a record for each name; write it as {{NAME: LABEL}}, or the records with "
            'their names as JSON lines: {"image": "NAME", "latex": "LABEL"}'
        )


def _objects(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(item, dict) for item in values[:20])


def _is_chat(record: Any) -> bool:
    return isinstance(record, dict) and is_chat(record)


def _lines(path: Path, job: Job) -> tuple[list[int], list[Any]]:
    frame = read_lines(path, job, blank=False)
    lines: list[int] = []
    records: list[Any] = []
    decoder = json.JSONDecoder()
    for line, text in frame.iter_rows():
        try:
            value, end = decoder.raw_decode(text) if text[:1] == "{" else (None, -1)
            if end != len(text):  # white space around it, or something that the slower way must judge
                value = decoder.decode(text)
            records.append(value)
            lines.append(line)
        except (ValueError, RecursionError):
            job.bad(path, line, NOT_JSON, text)
    return lines, records


def _document(path: Path, job: Job) -> tuple[list[int], list[Any]]:
    data = read_all(path)
    try:
        text, raw_bytes = data.decode(), False
    except UnicodeDecodeError:
        text, raw_bytes = data.decode("utf-8", "surrogateescape"), True
    del data
    try:
        value = json.loads(text)
        values, rest = (value, None) if isinstance(value, list) else ([value], None)
    except (ValueError, RecursionError):
        values, rest = _salvage(text)
    left = job.left()
    if left is not None and len(values) >= left:
        values, rest = values[:left], None
    job.rows += len(values)
    lines: list[int] = []
    records: list[Any] = []
    for at, item in enumerate(values, 1):
        if raw_bytes and _has_surrogates(item):
            job.bad(path, at, NOT_UTF8, str(item)[:200])
        else:
            records.append(item)
            lines.append(at)
    if rest is not None:
        job.rows += 1
        job.bad(path, len(values) + 1, CUT_OFF, rest)
    return lines, records


def _salvage(text: str) -> tuple[list[Any], str | None]:
    """The items of a broken JSON array before the break, and the text at the break."""
    decoder = json.JSONDecoder()
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] != "[":
        return [], text[start : start + 200]
    values: list[Any] = []
    at = start + 1
    while True:
        at = _GAP.match(text, at).end()  # type: ignore[union-attr]
        if text[at : at + 1] == "]":
            tail = text[at + 1 :].strip()
            return values, tail[:200] if tail else None
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return values, text[at : at + 200]
        values.append(value)


def _has_surrogates(item: Any) -> bool:
    """Whether a value holds a byte that was not UTF-8 (kept as a lone surrogate)."""
    try:
        json.dumps(item, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _keys_of(record: dict[str, Any], path: Path, job: Job) -> str | None:
    """What the keys are of a single object that is the whole data set: `image`, or `id` if all are numbers.

    None if it is one record. Numbers may also be those of a vocabulary, so there must be images with numbers, or the
    file must be the source.
    """
    if _is_mapping(record, job):
        return "image"
    if "label" in job.columns.given or not record or not all(key.isdecimal() and key.isascii() for key in record):
        return None
    texts = all(isinstance(value, str) for value in record.values())
    root = job.root if job.images_given else None
    return "id" if texts and (path == job.path or pictures_of(path, root)) else None


def _is_mapping(record: dict[str, Any], job: Job) -> bool:
    """Whether a single object is the whole data set, {image name: label}, rather than one record."""
    if not record or "label" in job.columns.given or any(key.lower() in job.columns.names("label") for key in record):
        return False
    if not all(isinstance(value, str) for value in record.values()):
        return False
    images = sum(key.lower().endswith(IMAGE_ENDINGS) for key in record)
    if not images and len(record) > 1:  # keys without the ending count if there are such images
        stems = {file.stem for file in Look(job.root).all_files(*IMAGE_ENDINGS)}
        images = sum(key in stems for key in record)
    return images * 2 >= len(record)
