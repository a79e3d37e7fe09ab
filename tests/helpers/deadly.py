"""Items that end or hang the process that works on them, as native code can. Helper processes import this."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from rules.workers.helper import each
from rules.workers.pool import Lost
from rules.workers.spread import spread

#: Seconds that a test allows an item.
LIMIT = 1.0


def hang() -> None:
    """Wait forever in native code, holding the interpreter's lock, so no Python signal handler runs."""
    library = ctypes.PyDLL(None)
    while True:
        library.sleep(1000)


def crash() -> None:
    """Read from an invalid address."""
    ctypes.string_at(0)


DEADLY = {
    "hang": hang,
    "crash": crash,
    "exit": lambda: os._exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


def done(item: str) -> tuple[str, int]:
    """The item and the process that worked on it. Names in DEADLY do what they say; `once:FILE` kills only once."""
    if item in DEADLY:
        DEADLY[item]()
    if item.startswith("once:") and not Path(item[5:]).exists():
        Path(item[5:]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if item.startswith("fail"):
        raise ValueError(f"{item} is no good")
    return item, os.getpid()


def told(items: Sequence[str]) -> list[tuple[str, int]]:
    """Work that reports which item it is at."""
    return [done(item) for item in each(items)]


def untold(items: Sequence[str]) -> list[tuple[str, int]]:
    """Work that reports nothing."""
    return [done(item) for item in items]


def slow(items: Sequence[str]) -> list[tuple[str, int]]:
    time.sleep(0.05 if items[0] != "0" else 1.0)
    return untold(items)


def still_working(items: Sequence[str]) -> list[int]:
    """Many items that each take half the limit, and together more than the limit."""
    found = []
    for _ in each(items):
        time.sleep(LIMIT / 2)
        found.append(os.getpid())
    return found


def named(lost: Lost) -> list[tuple[str, int]]:
    """The result for a lost item."""
    return [(f"lost: {lost.item}", 0)]


def apart(items: Sequence[str]) -> list[str]:
    """A job that spreads its items itself."""
    return [item for part in spread(untold, [items], 1, lost=named, to="do") for item, _ in part]


def write_to_full_disk(item: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), item)
