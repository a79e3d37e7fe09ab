"""Images stored as base64 text in JSON lines or a JSON array, one record at a time. Not for labels."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from curate.images.cells import bytes_in
from curate.images.errors import MISSING, ImageError, error_text
from curate.images.in_tables import CELL

ENDINGS = (".jsonl", ".ndjson", ".json")
#: How a file begins that is one JSON value rather than one per line.
DOCUMENT = re.compile(rb"\s*(\[|\{\s*\n)")
_BOM = b"\xef\xbb\xbf"


def read_field(file: Path, cell: str) -> bytes:
    """The bytes of an image in a record. cell: `FIELD:ROW`; a line is a record, counted from 0. Raises ImageError."""
    named = CELL.fullmatch(cell)
    if named is None:
        raise ImageError(f"{cell!r} names no FIELD:ROW of {file.name}")
    try:
        data = bytes_in(_field_of(file, named["column"], int(named["row"])))
    except FileNotFoundError as error:
        raise ImageError(MISSING) from error
    except (IndexError, TypeError) as error:
        raise ImageError(f"{file.name} has no row {named['row']}") from error
    except KeyError as error:
        raise ImageError(f"{file.name} has no field {named['column']!r}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ImageError(error_text(error)) from error
    if not data:
        raise ImageError(f"row {named['row']} of {file.name} holds no image")
    return data


def _field_of(file: Path, column: str, row: int) -> Any:
    changed = file.stat().st_mtime_ns
    starts = _line_starts(file, changed)
    if starts is None:
        return _records(file, changed)[row][column]
    with file.open("rb") as lines:
        lines.seek(starts[row])
        return json.loads(lines.readline().removeprefix(_BOM))[column]


@lru_cache(maxsize=16)
def _line_starts(file: Path, _changed: int) -> list[int] | None:
    """The offsets of the lines in a file of JSON lines; None for other files."""
    with file.open("rb") as lines:
        if DOCUMENT.match(lines.read(4096).removeprefix(_BOM)):
            return None
        lines.seek(0)
        return list(accumulate(map(len, lines), initial=0))[:-1]


@lru_cache(maxsize=1)
def _records(file: Path, _changed: int) -> list[Any]:
    value = json.loads(file.read_bytes().removeprefix(_BOM))
    return value if isinstance(value, list) else [value]
