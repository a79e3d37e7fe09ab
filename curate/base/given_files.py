"""Reads small files that users name, such as settings and baselines, and says in plain words why JSON can't be read.

Not for data sets, which may be large.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8.

    A pipe is read to its end; one that nobody writes to is empty, where an ordinary reader would wait for ever. Raises
    OSError, and UnicodeDecodeError.
    """
    with open(path, "rb", opener=_opened) as file:
        if _NO_WAIT:
            os.set_blocking(file.fileno(), True)
        return file.read().decode("utf-8")


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAIT)


def why_not_json(error: ValueError | RecursionError) -> str:
    """Why `json.loads`, or decoding the bytes before it, raised this error."""
    if isinstance(error, json.JSONDecodeError):
        line = f"line {error.lineno}, " if "\n" in error.doc else ""
        return f"{error.msg} at {line}column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "a number in it has thousands of digits"
