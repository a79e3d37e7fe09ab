"""The one place that writes files and folders so that they are whole or absent. Not for append-only logs.

A folder takes the place of another in one step where the system can do that (`exchange`), else in two that are undone
if anything goes wrong between them. What a writer that was killed leaves is found by the next one, and by whoever opens
the folder (`leftovers`).
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp, mkstemp

from curate.base import exchange
from curate.base.errors import UserError
from curate.base.leftovers import UNFINISHED, aside_of, clear_away, discard, real, restore
from curate.base.locks import held_folder

#: More files than this are flushed to disk all at once: one by one takes milliseconds each.
MANY = 1000


def flush_to_disk(path: Path) -> None:
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
def new_file(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; it takes the place of `path` when the block ends without an error.

    Without `flush` it isn't flushed to disk first: for what can be made again faster than that takes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
    os.close(fd)
    temporary = Path(name)
    try:
        yield temporary
        if flush:
            flush_to_disk(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, replace: bool = False, logs: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a temporary sibling folder that becomes `path` when the block ends without an error.

    With `replace` an existing folder gives way to it, so that a crash leaves the old one or the new one, never a
    mixture and never neither; a link stays, and the folder that it leads to is replaced. Without it an existing `path`
    raises UserError before any work is done, or after it if it came to be there meanwhile. What a writer that was
    killed left beside `path` is put back where `path` is absent, else removed.

    logs: names of append-only files that the block carries over from an existing `path`. A folder that holds lines of
    them which the new one lacks is kept, and a note says where. Raises NotADirectoryError where `path` is a file.
    """
    path = real(path)
    if restore(path, logs):
        if not replace:
            raise _already_there(path)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_away(path, logs)
    temporary = Path(mkdtemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent))
    made = temporary.stat()
    try:
        with held_folder(temporary):
            yield temporary
            _finish(temporary)
            if replace and path.exists():
                _swap(temporary, path)
            else:
                _rename(temporary, path)
            flush_to_disk(path.parent)
    finally:
        _discard(temporary, path, logs, made)


def _discard(temporary: Path, path: Path, logs: Sequence[str], made: os.stat_result) -> None:
    """Remove what lies at `temporary`: the unfinished folder, or the old one where they have changed places."""
    with suppress(FileNotFoundError):
        if os.path.samestat(temporary.stat(), made):
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            discard(temporary, path, logs)


def put_in_place(folder: Path, path: Path) -> None:
    """Make a finished folder, on the same file system, the folder `path`: flushed to disk, then renamed.

    Raises UserError where there is something at `path`.
    """
    _finish(folder)
    _rename(folder, path)
    flush_to_disk(path.parent)


def _finish(folder: Path) -> None:
    """Flush a folder to disk with all that is in it, and give it the usual rights."""
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
    return UserError(f"{path}: already there, and left alone; remove it or name another place")


def _swap(new: Path, path: Path) -> None:
    """Let a finished folder and the one at `path` change places. If anything is raised, each is whole at one of them.

    A process that is killed between the two renames leaves `path` absent: `leftovers` says where the old folder is.
    """
    if exchange.exchange(new, path):
        return
    home = aside_of(path)
    old = home / path.name
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
            with suppress(OSError):
                home.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
