"""Asks the system to exchange two folders in one step. The caller decides what to do if it can't."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

#: From <fcntl.h>, <linux/fs.h> and macOS's <stdio.h>.
_AT_FDCWD, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2


@cache
def _libc() -> Any:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no such library
        return None


def exchange(one: Path, other: Path) -> bool:
    """Exchange two paths on one file system, so that neither is absent at any time.

    False if that can't be done for whatever reason, and nothing has changed: the C library is too old, the file system
    doesn't support it (NFS, FAT), a sandbox forbids it, or one of them doesn't exist.
    """
    libc, first, second = _libc(), os.fsencode(one), os.fsencode(other)
    if hasattr(libc, "renameat2"):  # Linux
        return bool(libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0)
    if hasattr(libc, "renamex_np"):  # macOS
        return bool(libc.renamex_np(first, second, _RENAME_SWAP) == 0)
    return False
