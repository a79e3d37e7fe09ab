"""`curate fix --in-place` and `--undo`: replaces labels by fixed ones in the data set's own files.

This is the only place where an input is changed. A file is replaced in one step. Before that, the change is written to
its journal (`curate.fix.undo_log`), from which it can be undone.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curate import __version__
from curate.base.atomic_files import new_file
from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.fix.job import Fixed
from curate.fix.undo_log import UndoLog, opened, place_of
from curate.sources.encodings import open_raw
from curate.sources.places.file_text import FileText
from curate.sources.places.output import Output
from curate.sources.places.table_file import TableFile


def write_in_place(fixed: Fixed) -> list[Path]:
    """Replace the files whose labels were fixed, each in one step, and return them.

    A file keeps its permissions, and a link stays a link. Raises UserError if a file has changed since it was read, or
    another process is fixing it; files already replaced stay replaced, and can be undone.
    """
    changed = {name: file for name, file in fixed.files.items() if file.is_changed}
    for name, file in changed.items():
        _replace(file, _samples(fixed, name))
    return [file.path for file in changed.values()]


def _samples(fixed: Fixed, name: str) -> list[dict[str, object]]:
    """The journal's rows for the samples of a file; all rows if the file doesn't list samples."""
    ids = set(fixed.source.frame["sample_id"].filter(fixed.source.places["file"] == name))
    return [row for row in fixed.journal if not ids or row["sample_id"] in ids]


def _replace(file: Output, samples: Sequence[Mapping[str, object]]) -> None:
    target = file.path.resolve()
    with opened(target) as log, new_file(target, mode=_mode(target)) as temporary:
        before = _state(target, file)
        entry: dict[str, Any] = {
            "texsieve": __version__,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "before": before,
        }
        if isinstance(file, FileText):
            if FileText.read(file.path, file.encoding).text != file.text:
                raise _changed_meanwhile(file.path)
            entry |= {"encoding": file.encoding, "edits": file.backwards()}
        elif isinstance(file, TableFile):
            entry |= {"columns": dict(file.columns.given), "tried": dict(file.columns.tried), "rows": file.backwards()}
        file.write_as(temporary, compressed=_is_gzip(target))
        if _state(target, file) != before:
            raise _changed_meanwhile(file.path)
        log.add({**entry, "after": _state_after(temporary, file), "samples": list(samples)})


def undo(path: Path) -> tuple[int, int]:
    """Take back the last `write_in_place` of a file. Returns how many changes were taken back, and how many more times
    this can be done.

    A text file is restored to the byte, a compressed file in its content, a table in its values. Raises UserError if
    there is nothing to take back, or the file has changed since.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name the files to undo in it")
    target = path.resolve()
    if not place_of(target).is_file():
        raise UserError(f"{path}: nothing to undo: there is no {place_of(path)}")
    with opened(target) as log:
        last = _last_done(log, target)
        if last is None:
            raise UserError(f"{path}: nothing to undo: it is the same as before `curate fix`")
        file = _undone(target, last)
        if _state(target, file) != last["after"]:
            raise UserError(
                f"{path}: has changed since `curate fix` wrote it ({last['when']}), so that can't be undone; "
                f"{place_of(path)} has the old labels"
            )
        with new_file(target, mode=_mode(target)) as temporary:
            file.write_as(temporary, compressed=_is_gzip(target))
            if _state_after(temporary, file) != last["before"]:
                raise UserError(f"{path}: {place_of(path)} doesn't lead back to the old file; nothing is changed")
        log.drop()
        return len(last.get("edits") or last["rows"]), len(log.entries)


def _last_done(log: UndoLog, target: Path) -> dict[str, Any] | None:
    """The last entry that was carried out; entries whose process ended before that are dropped."""
    while log.entries:
        last = log.entries[-1]
        now = _state(target, _undone(target, last, checked=False))
        if now == last["after"] or now != last["before"]:
            return last
        log.drop()
    return None


def _undone(target: Path, entry: Mapping[str, Any], *, checked: bool = True) -> FileText | TableFile:
    """The file with an entry's changes taken back, not yet written."""
    if "rows" in entry:
        table = TableFile(target, Columns(entry["columns"], entry["tried"]))
        if checked:
            table.change([(row, after, before) for row, after, before in entry["rows"]])
        return table
    text = FileText.read(target, entry["encoding"])
    text.spans = [(start, start + len(after), before) for start, after, before in entry["edits"]]
    return text


def _state(path: Path, file: Output) -> str:
    """A hash that tells whether a file is unchanged: of its uncompressed content, or of a table's labels."""
    if isinstance(file, TableFile):
        return file.labels_hash(changed=False)
    return _hash(path)


def _state_after(written: Path, file: Output) -> str:
    """The same for the file that replaces it."""
    return file.labels_hash(changed=True) if isinstance(file, TableFile) else _hash(written)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with open_raw(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _changed_meanwhile(path: Path) -> UserError:
    return UserError(f"{path}: changed while it was being fixed, so it is left alone; try again")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
