"""Reads labels for `curate check` from lines: one label per line, or JSON lines. Not for data sets.

It is stricter than the readers of data sets: the first bad line ends it, and every line is a label, even a blank one.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curate.base.column_names import LABEL_COLUMNS, LABELS_TRIED, find_column
from curate.base.errors import UserError
from curate.base.given_files import why_not_json
from curate.base.surrogates import check_characters

if TYPE_CHECKING:
    from curate.findings.locate import TextPlace

#: An id in its JSON type, so that users find their own rows in the output.
Id = str | int

#: The beginning of a broken JSON object: an error is better than taking it for a label.
_BROKEN_ROW = re.compile(r'\s*\{\s*"\w+"\s*:')


def read_labels(place: str) -> tuple[list[Id], list[str]]:
    """(ids, labels) of a file or, for `-`, of standard input: one label a line, or JSON lines with a label under one of
    LABEL_COLUMNS and an `id`.

    A label without an id gets the number of its line, from 1, as a string. Raises UserError, naming the line, if a line
    is not UTF-8 or, in JSON lines, not such an object.
    """
    name = "standard input" if place == "-" else place
    lines = _bytes(place).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    texts = []
    for number, line in enumerate(lines, 1):
        try:
            texts.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError as error:
            raise UserError(f"{name}: line {number} is not valid UTF-8 (byte {error.start + 1})") from error
    if is_row(next((text for text in texts if text.strip()), "")):
        return _json_rows(name, texts)
    return [str(number) for number in range(1, len(texts) + 1)], texts


def _bytes(place: str) -> bytes:
    if place == "-":
        if sys.stdin is None:
            raise UserError("standard input is closed; name a file, or give a label with --latex")
        return sys.stdin.buffer.read()
    return Path(place).read_bytes()


def is_row(text: str) -> bool:
    """Whether this is a JSON object. `{}` is a label: an empty group."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return _BROKEN_ROW.match(text) is not None
    return isinstance(row, dict) and bool(row)


def _json_rows(name: str, texts: Sequence[str]) -> tuple[list[Id], list[str]]:
    ids: list[Id] = []
    labels: list[str] = []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        place = f"{name}: line {number}"
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"{place} is not JSON: {error.msg} at column {error.colno}") from error
        except (ValueError, RecursionError) as error:
            raise UserError(f"{place} is JSON that can't be read: {why_not_json(error)}") from error
        label = row.get(find_column(list(row), LABEL_COLUMNS)) if isinstance(row, dict) else None
        if not isinstance(label, str):
            raise UserError(f"{place} has no string under {LABELS_TRIED}")
        identity = row.get("id")
        if identity is None:
            identity = str(number)
        if isinstance(identity, bool) or not isinstance(identity, str | int):
            raise UserError(f"{place}: its id is neither a string nor a whole number")
        check_characters(label, f"{place}: its label")
        check_characters(str(identity), f"{place}: its id")
        labels.append(label)
        ids.append(identity)
    return ids, labels


def lines_of(path: Path) -> list[int]:
    """The lines of the labels that `read_labels` read from a file, in order; in JSON lines, blank lines are skipped."""
    texts = _texts(path)
    is_json = is_row(next((text for text in texts if text.strip()), ""))
    return [number for number, text in enumerate(texts, 1) if text.strip() or not is_json]


def places_in(path: Path, labels: Sequence[str]) -> dict[int, TextPlace]:
    """The places in their file of the labels that `read_labels` read, by their order."""
    from curate.findings.locate import located

    first = next((text for text in _texts(path) if text.strip()), "")
    is_json = is_row(first)
    key = find_column(list(json.loads(first)), LABEL_COLUMNS) if is_json else None
    columns = {"label": key} if key is not None else {}
    return located(path, "jsonl" if is_json else "text", lines_of(path)[: len(labels)], labels, columns)


def _texts(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff").split("\n")
