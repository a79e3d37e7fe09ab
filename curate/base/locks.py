"""Takes locks that die with their process, however that ends. Decisions, which wait for theirs, are in `decisions`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def try_lock(file: IO[Any] | int) -> bool:
    """Take the lock of an open file (or its descriptor), without waiting; it goes when that is closed.

    False where another has it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: two writers to one place at once are the caller's to avoid
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def held_folder(folder: Path) -> Iterator[bool | None]:
    """Hold the lock of a folder, without waiting, for as long as the block lasts.

    Yields False where another has it, and None where that can't be known: the folder can't be opened, or the system
    (Windows) or the file system (NFS) locks no folders.
    """
    try:
        import fcntl

        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (ImportError, OSError):
        yield None
        return
    try:
        held: bool | None = True
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        except OSError:
            held = None
        yield held
    finally:
        os.close(fd)
