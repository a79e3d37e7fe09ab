"""Images that are base64 text in JSON lines or a JSON array, a record at a time. Not for labels: `curate.sources`."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

ENDINGS = (".jsonl", ".ndjson", ".json")
#: How a file begins that is one JSON value, rather than one a line.
DOCUMENT = re.compile(rb"\s*(\[|\{\s*\n)")
_BOM = b"\xef\xbb\xbf"


def field_of(file: Path, column: str, row: int) -> Any:
    """A field of a record, which are counted from 0; a line is a record. Raises OSError, ValueError or LookupError."""
    changed = file.stat().st_mtime_ns
    starts = _line_starts(file, changed)
    if starts is None:
        return _records(file, changed)[row][column]
    with file.open("rb") as lines:
        lines.seek(starts[row])
        return json.loads(lines.readline().removeprefix(_BOM))[column]


@lru_cache(maxsize=16)
def _line_starts(file: Path, _changed: int) -> list[int] | None:
    """Where the lines of a file of JSON lines begin; None for another."""
    with file.open("rb") as lines:
        if DOCUMENT.match(lines.read(4096).removeprefix(_BOM)):
            return None
        lines.seek(0)
        return list(accumulate(map(len, lines), initial=0))[:-1]


@lru_cache(maxsize=1)
def _records(file: Path, _changed: int) -> list[Any]:
    value = json.loads(file.read_bytes().removeprefix(_BOM))
    return value if isinstance(value, list) else [value]
