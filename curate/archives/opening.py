"""The only way into an archive or pickle of any kind: its contents. Doesn't care what a data set makes of them."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from curate.archives import cache, names, pickles, tars
from curate.archives.contents import Contents, open_zip
from curate.base.errors import UserError


def open_archive(path: Path) -> Contents:
    """What an archive or pickle holds. A zip file is read in place; others are copied into the cache once.

    Raises UserError, in one line, if it can't be read, is damaged or hostile, or if there is no room.
    """
    name = path.name.lower()
    if name.endswith(".zip"):
        return open_zip(path)
    if not names.is_archive(name):
        raise UserError(f"{path}: not an archive of a known kind ({', '.join(names.ENDINGS)})")
    found = path.stat() if path.exists() else None
    copy = _copy(path, os.getpid(), found and found.st_size, found and found.st_mtime_ns)
    return open_zip(copy if copy.exists() else _unpacked(path), path)


@lru_cache(maxsize=64)
def _copy(path: Path, _process: int, _size: int | None, _changed: int | None) -> Path:
    return _unpacked(path)


def _unpacked(path: Path) -> Path:
    if names.is_archive(path.name, names.PICKLES):
        return cache.entry([path], ".zip", lambda target: pickles.repack(path, target))
    return cache.entry([path], ".zip", lambda target: tars.repack(path, target))
