"""The one place that writes files and folders so that they are whole or absent. Not for append-only logs."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from curate.base.locks import try_lock

#: More files than this are flushed to disk all at once: one by one takes milliseconds each.
MANY = 1000

_UNFINISHED = ".tmp"
#: A folder that is younger may belong to a writer that has not come to hold it yet.
_JUST_MADE_S = 60.0


def _sync(path: Path) -> None:
    """Flush a file or folder to disk; folders can't be opened for this on every system, and then it is skipped."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError:
        pass
    finally:
        os.close(fd)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; it takes the place of `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_UNFINISHED, dir=path.parent)
    os.close(fd)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary sibling folder that becomes `path` when the block ends without an error.

    With `replace` an existing folder is moved aside first and removed last, so that a crash leaves the old one or the
    new one, never a mixture. Without it an existing `path` raises FileExistsError before any work is done. What a
    writer that was killed left beside `path` is removed by the next one.
    """
    if path.exists() and not replace:
        raise FileExistsError(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_away(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_UNFINISHED, dir=path.parent))
    try:
        with _held(temporary):
            yield temporary
            put_in_place(temporary, path, replace=replace)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _clear_away(path: Path) -> None:
    """Remove what writers of `path` left half written that were killed: they hold their folders no more."""
    for entry in path.parent.glob(f".{escape(path.name)}.*{_UNFINISHED}"):
        try:
            if time.time() - entry.stat().st_mtime < _JUST_MADE_S:
                continue
            with _held(entry) as held:
                if held:
                    shutil.rmtree(entry, ignore_errors=True)
        except OSError:  # gone by now, or not ours to open
            continue


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Inside, no other process clears the folder away. False where it is another's, or folders can't be held here."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, AttributeError):
        yield False
        return
    try:
        yield try_lock(fd)
    finally:
        os.close(fd)


def put_in_place(folder: Path, path: Path, *, replace: bool = False) -> None:
    """Make a finished folder, on the same file system, the folder `path`: flushed to disk, then renamed.

    An existing `path` is moved aside with `replace` and raises FileExistsError without it.
    """
    files = [entry for entry in folder.rglob("*") if entry.is_file()]
    if len(files) > MANY and hasattr(os, "sync"):
        os.sync()
    else:
        for file in files:
            _sync(file)
    folder.chmod(0o777 & ~_umask())
    if path.exists():
        if not replace:
            raise FileExistsError(path)
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
        path.rename(old / path.name)
        folder.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    else:
        folder.rename(path)
    _sync(path.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
