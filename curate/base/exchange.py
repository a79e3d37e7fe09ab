"""Asks the system to let two folders change places in one step. What to do where it can't is the caller's to know."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

#: Of <fcntl.h>, <linux/fs.h> and macOS's <stdio.h>.
_AT_FDCWD, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2


@cache
def _libc() -> Any:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no such library
        return None


def exchange(one: Path, other: Path) -> bool:
    """Let two paths on one file system change places, so that neither is absent at any time.

    False where that can't be done, for whatever reason, and nothing has changed: the C library is too old, the file
    system doesn't know how (NFS, FAT), a sandbox forbids it, or one of them isn't there.
    """
    libc, first, second = _libc(), os.fsencode(one), os.fsencode(other)
    if hasattr(libc, "renameat2"):  # Linux
        return bool(libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0)
    if hasattr(libc, "renamex_np"):  # macOS
        return bool(libc.renamex_np(first, second, _RENAME_SWAP) == 0)
    return False
