"""Where unpacked contents are kept, and for how long. Doesn't unpack: callers make missing entries.

`unpacked/` in the cache folder holds one entry per archive, named after its path, followed by its size and modification
time: an archive that has changed is unpacked again and replaces its old entry. An entry is whole or absent, and all of
them may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from curate.base.cache_folder import cache_folder
from curate.base.errors import UserError
from curate.base.locks import try_lock

#: Increase it when the shape of an entry changes.
_EDITION = "1"
#: How much of the disk stays free, in bytes.
_ROOM = 1 << 30

_used: set[Path] = set()


def folder() -> Path:
    return cache_folder().absolute() / "unpacked"


def entry(archives: Sequence[Path], ending: str, make: Callable[[Path], None]) -> Path:
    """The entry of one archive, or several, with this ending; `make` fills the file or folder that it is given.

    Raises UserError if an archive can't be found or there is no room, and whatever `make` raises.
    """
    path = folder() / f"{_name(archives)}{ending}"
    _used.add(path)
    if path.exists():
        return path
    try:
        with _only_one(path):
            if path.exists():
                return path
            _remove_older(path, ending)
            temporary = path.with_name(f".{path.name}.unfinished")
            try:
                make(temporary)
                temporary.rename(path)
            finally:
                _remove(temporary)
    except OSError as error:
        raise UserError(
            f"{archives[0]}: can't be unpacked in {folder()}: {error.strerror or error}; "
            "set TEXSIEVE_CACHE to a folder with room for it"
        ) from error
    return path


def check_room(path: Path, size: int) -> None:
    """Raise UserError if `size` more bytes would leave too little room on the disk of `path`."""
    free = shutil.disk_usage(path.parent).free
    if free - size < _ROOM:
        raise UserError(
            f"{path.parent}: no room to unpack more ({free / 1e9:.1f} GB free); set TEXSIEVE_CACHE to another folder"
        )


def used() -> int:
    """Size on disk, in bytes, of the entries that this process has used. Never raises."""
    return sum(map(_size, _used))


def kept() -> int:
    """Size on disk, in bytes, of all entries. Never raises."""
    return _size(folder())


def _size(path: Path) -> int:
    size = 0
    with contextlib.suppress(OSError):
        size += path.lstat().st_size
    for place, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                size += os.lstat(f"{place}/{name}").st_size
    return size


def _name(archives: Sequence[Path]) -> str:
    place, state = hashlib.sha256(), hashlib.sha256(_EDITION.encode())
    for archive in archives:
        try:
            real = archive.resolve(strict=True)
            found = real.stat()
        except OSError as error:
            raise UserError(f"{archive}: can't be read: {error.strerror or error}") from error
        place.update(os.fsencode(real) + b"\0")
        state.update(f" {found.st_size} {found.st_mtime_ns}".encode())
    return f"{place.hexdigest()[:20]}-{state.hexdigest()[:12]}"


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Wait until no other process unpacks the same archive; the lock is released when its process dies."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with lock.open("w") as file:
        while not try_lock(file):
            time.sleep(0.1)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _remove_older(path: Path, ending: str) -> None:
    """Remove entries of the archive's earlier states, and what killed processes left behind."""
    place = path.name.partition("-")[0]
    for pattern in (f"{place}-*{ending}", f".{place}-*{ending}.unfinished"):
        for other in path.parent.glob(pattern):
            _remove(other)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
