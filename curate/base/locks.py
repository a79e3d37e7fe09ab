"""Takes locks that are released when their process ends, however it ends. `decisions` has its own, which wait."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def try_lock(file: IO[Any] | int) -> bool:
    """Take the lock of an open file (or its descriptor) without waiting; closing the file releases it.

    False if another process has it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: callers must avoid having two writers at once
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def held_folder(folder: Path) -> Iterator[bool | None]:
    """Hold the lock of a folder, without waiting, for the duration of the block.

    Yields False if another process has it, and None if that can't be known: the folder can't be opened, or the system
    (Windows) or file system (NFS) can't lock folders.
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
