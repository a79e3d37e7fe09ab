"""The only place that writes files and folders so that they are whole or absent. Not for append-only logs.

A folder replaces another in one step if the system can do that (`exchange`), else in two steps that are undone if
anything fails between them. What a killed writer leaves behind is found by the next one, and by whoever opens the
folder (`leftovers`).
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.base import exchange
from curate.base.errors import UserError
from curate.base.given_files import kind_of
from curate.base.leftovers import ASIDE, UNFINISHED, beside, clear_away, clear_files, discard, real, restore
from curate.base.locks import held_folder, try_lock
from curate.base.no_room import room_for

#: With more files than this, everything is flushed to disk at once: one by one takes milliseconds each.
MANY = 1000


def flush_to_disk(path: Path) -> None:
    """Flush a file or folder to disk; skipped for folders on systems that can't open them for this."""
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
def new_file(path: Path, *, flush: bool = True, mode: int | None = None) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that replaces `path` when the block ends without an error.

    Without `flush` it isn't flushed to disk first: for files that can be made again faster than that takes. mode: the
    permissions that the file gets, by default those of any new one. Raises UserError if `path` is a device or a pipe:
    who may write to /dev would replace /dev/null.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: is {kind_of(path)}, not a file; name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_files(path)
    temporary = beside(path, UNFINISHED)
    fd = None
    try:
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try_lock(fd)  # so that no other process takes it for a leftover
        with room_for(path):
            yield temporary
        if flush:
            flush_to_disk(temporary)
        temporary.chmod(0o666 & ~_umask() if mode is None else mode)
        temporary.replace(path)
    finally:
        if fd is not None:
            os.close(fd)
        temporary.unlink(missing_ok=True)


def new_text(path: Path, text: str) -> None:
    """Write a file in UTF-8 with the line ends of `text`, whole or not at all. Raises what `new_file` raises."""
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def new_folder(path: Path, *, replace: bool = False, logs: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a temporary sibling folder that becomes `path` when the block ends without an error.

    With `replace` it takes the place of an existing folder, so that a crash leaves the old one or the new one, never a
    mixture and never neither; a link stays, and its target is replaced. Without it, an existing `path` raises UserError
    before any work is done, or afterwards if it appeared meanwhile. What a killed writer left beside `path` is put back
    if `path` is absent, and removed otherwise.

    logs: names of append-only files that the block carries over from an existing `path`. If the old folder's logs have
    lines that the new one's lack, the old folder is kept, and a note says where. Raises NotADirectoryError if `path` is
    a file.
    """
    path = real(path)
    if path.is_symlink():
        raise UserError(f"{path}: is a symbolic link that leads to itself; remove it")
    if restore(path, logs):
        if not replace:
            clear_away(path, logs)
            raise _already_there(path)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_away(path, logs)
    temporary = beside(path, UNFINISHED)
    made = None
    try:
        temporary.mkdir(mode=0o700)
        made = temporary.stat()
        with held_folder(temporary):
            with room_for(path):
                yield temporary
            _finish(temporary)
            if replace and path.exists():
                _swap(temporary, path)
            else:
                _rename(temporary, path)
            flush_to_disk(path.parent)
    finally:
        _discard(temporary, path, logs, made)


def _discard(temporary: Path, path: Path, logs: Sequence[str], made: os.stat_result | None) -> None:
    """Remove what is at `temporary`: the unfinished folder, or the old one if they were exchanged."""
    with suppress(FileNotFoundError):
        if made is None or os.path.samestat(temporary.stat(), made):
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            discard(temporary, path, logs)


def put_in_place(folder: Path, path: Path) -> None:
    """Turn a finished folder, on the same file system, into `path`: flushed to disk, then renamed.

    Raises UserError if something is at `path`.
    """
    _finish(folder)
    _rename(folder, path)
    flush_to_disk(path.parent)


def _finish(folder: Path) -> None:
    """Flush a folder with all its contents to disk, and give it the usual permissions."""
    entries = [entry for entry in folder.rglob("*") if entry.is_file() or entry.is_dir()]
    if len(entries) > MANY and hasattr(os, "sync"):
        os.sync()
    else:
        for entry in entries:
            flush_to_disk(entry)
    folder.chmod(0o777 & ~_umask())
    flush_to_disk(folder)


def _rename(folder: Path, path: Path) -> None:
    if path.exists():
        raise _already_there(path)
    folder.rename(path)


def _already_there(path: Path) -> UserError:
    return UserError(f"{path}: already exists and was left alone; remove it or choose another place")


def _swap(new: Path, path: Path) -> None:
    """Exchange a finished folder with the one at `path`. If anything is raised, each is whole at one of the two places.

    If the process is killed between the two renames, `path` is absent: `leftovers` says where the old folder is.
    """
    if exchange.exchange(new, path):
        return
    home = beside(path, ASIDE)
    old = home / path.name
    try:
        home.mkdir(mode=0o700)
        with held_folder(home):
            try:
                path.rename(old)
                new.rename(path)
            finally:
                # By what is there, not by what was done: an interrupt may come right after a step.
                if old.exists():
                    if not path.exists():
                        old.rename(path)
                    elif not new.exists():
                        old.rename(new)
    finally:
        with suppress(OSError):
            home.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
