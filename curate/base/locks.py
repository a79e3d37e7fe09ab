"""Takes locks that are released when their process ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    #: Whether the file or folder that a lock is on can be moved while it is held.
    MOVABLE = False
else:
    MOVABLE = True

#: The byte that is locked on Windows. No other process can read a locked byte there, so it lies beyond any file's end.
_FAR = 2**31 - 2


def try_lock(file: IO[Any] | int) -> bool:
    """Take the lock of an open file (or its descriptor) without waiting; closing the file releases it.

    False if another process has it.
    """
    if not MOVABLE:
        return _try_bytes(file if isinstance(file, int) else file.fileno())
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def wait_for_lock(fd: int) -> None:
    """Take the lock of an open file, waiting as long as another process has it."""
    if MOVABLE:
        fcntl.flock(fd, fcntl.LOCK_EX)
        return
    while not _try_bytes(fd):
        time.sleep(0.05)


def _try_bytes(fd: int) -> bool:
    """`try_lock` without `fcntl`. Returns True without a lock if there is no `msvcrt` either."""
    if sys.platform != "win32":
        return True
    import msvcrt

    at = os.lseek(fd, 0, os.SEEK_CUR)
    os.lseek(fd, _FAR, os.SEEK_SET)
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    finally:
        os.lseek(fd, at, os.SEEK_SET)
    return True


@contextmanager
def held_folder(folder: Path) -> Iterator[bool | None]:
    """Hold the lock of a folder, without waiting, for the duration of the block.

    Yields False if another process has it, and None if that can't be known: the folder can't be opened, or the system
    (Windows) or file system (NFS) can't lock folders.
    """
    if not MOVABLE:
        yield None
        return
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
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
