"""Takes locks that die with their process, however that ends. Decisions, which wait for theirs, are in `decisions`."""

from __future__ import annotations

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
