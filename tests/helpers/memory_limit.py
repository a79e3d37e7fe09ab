"""A pytest plugin that ends a test that fills the memory, before the kernel ends another process. Not for measuring.

A thread watches the memory that the process holds. Above the limit it raises in the test, which then fails like any
other. If the test continues anyway, in a library or because it catches everything, the process ends, and pytest-xdist
names the test. A limit of the operating system (RLIMIT_AS, RLIMIT_DATA) would not do: torch, polars and Chromium
reserve far more than they use, and every process that a test starts would inherit it. Does nothing if there is no
/proc (macOS).
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

_STATM = Path("/proc/self/statm")
#: Seconds between two looks. In this time, a Python loop fills less than a gigabyte.
_EVERY = 0.1
#: Seconds that a test has to fail after the exception, and how far it may exceed the limit in that time.
_GRACE = 10.0
_HARD = 1.5
_EXIT = 70
_SIGNAL = signal.SIGUSR2


class TooMuchMemory(BaseException):
    """A test holds too much memory. Not an `Exception`, since Hypothesis and tests would catch that and continue."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--memory-limit",
        type=float,
        default=4.0,
        metavar="GIB",
        help="fail a test whose process holds more memory than this (default: 4 GiB; Linux only)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if _STATM.exists():
        limit = int(config.getoption("memory_limit") * 2**30)
        config.pluginmanager.register(_Watcher(limit), "memory-limit-watcher")


def _held() -> int:
    """The memory that this process holds, in bytes."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class _Watcher:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running: str | None = None
        self._told: float | None = None
        self._stderr = os.dup(2)  # while a test runs, pytest replaces it with a file
        signal.signal(_SIGNAL, self._raise)
        threading.Thread(target=self._watch, name="memory-limit", daemon=True).start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._told, self._running = None, item.nodeid
        try:
            return (yield)
        finally:
            self._running = None
            if self._told is not None:
                _let_go()

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self._running is not None:
            raise TooMuchMemory(f"the test's process holds {_gib(_held())}, more than {_gib(self._limit)}")

    def _watch(self) -> None:
        while True:
            time.sleep(_EVERY)
            test, told, held = self._running, self._told, _held()
            if test is None or held <= self._limit:
                continue
            if told is None:
                self._told = time.monotonic()
                signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
            elif held > _HARD * self._limit or time.monotonic() - told > _GRACE:
                said = f"{test} holds {_gib(held)}, more than {_gib(self._limit)}, and does not stop: its process ends"
                os.write(self._stderr, f"\n{said}\n".encode())
                os._exit(_EXIT)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _let_go() -> None:
    """Free what a failed test held, so that the next test doesn't pay for it."""
    for name in ("last_value", "last_traceback", "last_exc"):  # pytest keeps the failure's frames there
        if hasattr(sys, name):
            delattr(sys, name)
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
