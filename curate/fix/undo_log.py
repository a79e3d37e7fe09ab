"""The journal of a file that is fixed in place: one entry per fix; the last entry can be dropped again.

It is `.texsieve/NAME.fixes.jsonl` beside the file NAME. Folders are read without hidden files, so no audit takes it for
labels, and a `.gitignore` beside it keeps it out of repositories.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from curate.base.errors import UserError
from curate.base.given_files import check_kind
from curate.base.locks import try_lock

FOLDER, _ENDING = ".texsieve", ".fixes.jsonl"
#: How a line begins, and what each entry has besides its edits (of a text) or rows (of a table).
_BEGINNING = b'{"texsieve": "'
_KEYS = frozenset({"texsieve", "when", "before", "after", "samples"})


def place_of(file: Path) -> Path:
    """The path of a file's journal."""
    return file.parent / FOLDER / f"{file.name}{_ENDING}"


class UndoLog:
    """An open journal. Every change is on disk when the call returns.

    Raises UserError for a file with anything else than entries: it is somebody's, and would be cut off.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self.entries: list[dict[str, Any]] = []
        self._starts: list[int] = []
        self._end = 0
        file.seek(0)
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n") and (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
                break  # its writer was killed
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}: line {number} is not JSON; move the file away to go on without it") from error
            if not _is_entry(entry) or not line.endswith(b"\n"):
                raise UserError(
                    f"{path}: line {number} is not an entry of `curate fix`; move the file away to go on without it"
                )
            self.entries.append(entry)
            self._starts.append(self._end)
            self._end += len(line)

    def add(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry).encode("ascii") + b"\n"
        self._file.truncate(self._end)
        self._file.seek(self._end)
        self._file.write(line)
        self._sync()
        self.entries.append(dict(entry))
        self._starts.append(self._end)
        self._end += len(line)

    def drop(self) -> None:
        """Remove the last entry."""
        self.entries.pop()
        self._end = self._starts.pop()
        self._file.truncate(self._end)
        self._sync()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and value.keys() >= _KEYS and ("edits" in value or "rows" in value)


@contextmanager
def opened(target: Path) -> Iterator[UndoLog]:
    """The journal of a file, locked. If it has no entries at the end, it is removed; its folder stays.

    Raises UserError if another process has locked it.
    """
    path = place_of(target)
    path.parent.mkdir(exist_ok=True)
    ignore = path.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    if path.exists():
        check_kind(path)
    with path.open("a+b") as file:
        if not try_lock(file) or not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
            raise UserError(f"{target}: another `curate fix` is changing it; try again when that has ended")
        log = UndoLog(file, path)
        try:
            yield log
        finally:
            if not log.entries:
                path.unlink(missing_ok=True)
