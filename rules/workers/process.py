"""A helper process as its parent sees it: starts it, gives it orders, watches it, ends it. Knows nothing about the
work.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, BinaryIO

from rules.workers import helper

#: Can helpers be started here at all? Windows lacks what they need of the system.
POSSIBLE = hasattr(signal, "pthread_sigmask") and bool(sys.executable)
#: Seconds that a new process may take, beyond its limit, to import what its first order needs.
_TO_IMPORT = 60.0
_CODE = "import sys; sys.path[:] = {path!r}; from rules.workers.helper import serve; serve({orders}, {mark}, {parent})"


class HelperError(Exception):
    """Helper processes can't be started or used. The text says what happened and what to do."""


@dataclass(frozen=True)
class Death:
    """How a helper ended while working on an order, in words, and the item it was at (None: unknown)."""

    why: str
    place: int | None


def _memory() -> BinaryIO:
    """A file outside any folder, for shared memory."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("texsieve")
    else:
        with tempfile.TemporaryFile() as file:
            number = os.dup(file.fileno())
    shared = os.fdopen(_above_streams(number), "r+b")
    shared.truncate(helper.MARK_BYTES)
    return shared


def _above_streams(number: int) -> int:
    """The open file of this number under one above 2. If a standard stream is closed, the next file gets its number,
    but native code still writes errors to 2, and a helper has streams of its own."""
    import fcntl

    if number > 2:
        return number
    try:
        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(number)


class Process:
    """A helper. It belongs to the thread that creates it: on Linux, the process is killed when that thread ends.

    Raises HelperError if the process ends before it takes orders.
    """

    def __init__(self) -> None:
        ours, theirs = (socket.socket(fileno=_above_streams(end.detach())) for end in socket.socketpair())
        with theirs, _memory() as shared:
            self._mark = memoryview(mmap.mmap(shared.fileno(), helper.MARK_BYTES)).cast("q")
            numbers = (theirs.fileno(), shared.fileno())
            code = _CODE.format(path=sys.path, orders=numbers[0], mark=numbers[1], parent=os.getpid())
            # Each gets one thread for polars, since there is already a process for every core. It isn't forked, because
            # a fork would leave the threads of polars and others in an unusable state.
            environment = os.environ | {"POLARS_MAX_THREADS": "1"}
            # Blocked until the helper ignores them.
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", code, "texsieve-helper"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=numbers,
                    env=environment,
                )
            except OSError as error:
                ours.close()
                raise HelperError(f"no helper process can be started: {error.strerror}; try fewer --workers") from error
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        self._connection = Connection(ours.detach())
        self.pid = self._process.pid

    def await_ready(self) -> None:
        """Wait until the process takes orders. Raises HelperError if it ends instead."""
        try:
            self._connection.recv_bytes()
        except (EOFError, OSError):
            raise HelperError(f"a helper process {self.end()} before it could work; try fewer --workers") from None

    def do(self, work: Callable[[Any], Any], batch: Any, limit: float) -> tuple[bool, Any] | Death:
        """(True, the result), (False, what the work raised), or how the process ended.

        limit: the process is killed after this many seconds without a step to another item.
        """
        order = helper.order(work, batch)
        self._mark[0] = -1
        first = self._mark[1]
        try:
            self._connection.send_bytes(order)
            if not self._answers(limit, first):
                place = self._place()
                self.end(0.0)
                return Death(f"took over {limit:g} s", place)
            done, result = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            place = self._place()
            return Death(self.end(), place)
        return done, result

    def _answers(self, limit: float, first: int) -> bool:
        """Wait for an answer as long as the helper makes progress; `first`: the counter before the order."""
        step, seen, waited = min(limit / 4, 1.0), first, 0.0
        while not self._connection.poll(step):
            now = self._mark[1]
            # Not by the clock: time during which Ctrl-Z suspends the command and its helpers doesn't count.
            waited = waited + step if now == seen else 0.0
            seen = now
            if waited >= (limit + _TO_IMPORT if now == first else limit):
                return False
        return True

    def _place(self) -> int | None:
        place = self._mark[0]
        return place if place >= 0 else None

    def kill(self) -> None:
        """End the process, from any thread, whatever it is doing. Doesn't wait for it."""
        self._process.kill()

    def end(self, patience: float = 5.0) -> str:
        """End the process if it hasn't ended within `patience` seconds, and say in words how it ended."""
        with suppress(subprocess.TimeoutExpired):  # a dying process should report its own exit status
            self._process.wait(patience)
        self._process.kill()
        code = self._process.wait()
        self._connection.close()
        if code >= 0:
            return f"ended with exit code {code}"
        known = {number.value: number.name for number in signal.Signals}
        name = known.get(-code, f"signal {-code}")
        if -code == signal.SIGKILL:
            return f"was killed ({name}), which systems do when memory runs out"
        return f"ended ({name})"
