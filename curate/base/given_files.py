"""Reads small files that users name, such as settings and baselines, and says in plain words why JSON can't be read.

Data sets, which may be large, are read elsewhere; only `check_kind` is for their files, too.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import BinaryIO

from curate.base.errors import UserError

_KINDS = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def kind_of(path: Path) -> str:
    """What is at a path, such as `a file`, `a folder` or `a pipe`. Raises OSError if nothing is."""
    return _KINDS.get(stat.S_IFMT(path.stat().st_mode), "a device")


def no_folder(path: Path) -> str:
    """What is wrong with a path that is no folder: `no such folder`, or `is a file, not a folder` and the like."""
    try:
        return f"is {kind_of(path)}, not a folder"
    except OSError:
        return "no such folder"


def check_kind(path: Path) -> None:
    """Raises OSError, and UserError if a path isn't a regular file: a reader may wait for a pipe for ever."""
    if (kind := kind_of(path)) != "a file":
        raise UserError(f"{path}: is {kind}, not a file; write what it holds to a file, and name that")


def open_file(path: Path) -> BinaryIO:
    """A regular file, opened. Raises OSError, and UserError for anything else."""
    check_kind(path)
    return path.open("rb")


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a regular file, of a pipe such as a shell's `<(…)`, or of /dev/null.

    Raises OSError, UnicodeDecodeError, and UserError for anything else, such as a pipe that nobody writes to: an
    ordinary reader would wait for it for ever.
    """
    if stat.S_ISFIFO(path.stat().st_mode):
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAIT)) as pipe:
            os.set_blocking(pipe.fileno(), True)
            if held := pipe.read():
                return held.decode(encoding)
        raise UserError(f"{path}: is a pipe that nobody writes to")
    if path.samefile(os.devnull):
        return ""
    with open_file(path) as file:
        return file.read().decode(encoding)


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
