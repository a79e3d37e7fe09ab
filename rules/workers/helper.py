"""Runs in a helper process: takes orders from its parent and reports its progress. Starts no process.

It imports only the standard library; an order brings the imports that it needs. The work reports its current item with
`each` or `now_at`, so that an item that kills or hangs the process is known at once.
"""

from __future__ import annotations

import gc
import mmap
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, TypeVar

Item = TypeVar("Item")

#: Memory shared with the parent: the index of the current item (-1: none), and a counter that changes with each step.
MARK_BYTES = 16
_PR_SET_PDEATHSIG = 1

_mark: memoryview | None = None


def each(items: Iterable[Item]) -> Iterator[Item]:
    """The items of a batch. In a helper, the parent is told which item is being worked on."""
    return iter(items) if _mark is None else _marked(items, _mark)


def _marked(items: Iterable[Item], mark: memoryview) -> Iterator[Item]:
    for place, item in enumerate(items):
        mark[0] = place
        mark[1] += 1
        yield item
    now_at(-1)


def now_at(place: int) -> None:
    """Tell the parent which item of the batch is being worked on; -1: the batch as a whole."""
    if _mark is not None:
        _mark[0] = place
        _mark[1] += 1


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Collects garbage less often inside. Batches have no cycles, and searching for cycles takes a tenth of the
    time.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(max(thresholds[0], 200_000) if thresholds[0] else 0, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def serve(orders: int, mark: int, parent: int) -> None:
    """The main loop of a helper. orders: the descriptor of its connection; mark: that of the shared memory."""
    global _mark
    _end_with(parent)
    # Ctrl-C and the end of the terminal reach every process of a command. Only the parent reports them.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _mark = memoryview(mmap.mmap(mark, MARK_BYTES)).cast("q")
    connection = Connection(orders)
    try:
        connection.send_bytes(b"ready")
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))
    except (EOFError, OSError):  # the parent ended or closed the connection
        os._exit(0)


def _answer(order: bytes) -> bytes:
    try:
        work, batch = pickle.loads(order)
        now_at(-1)  # the imports of the work are done
        return pickle.dumps((True, work(batch)), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:
        error.add_note("".join(traceback.format_exception(error)).rstrip())  # the traceback itself isn't sent
        try:
            answer = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
            pickle.loads(answer)
        except Exception:  # some errors can't be pickled or unpickled
            answer = pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _end_with(parent: int) -> None:
    """Make this process end when its parent does, for whatever reason."""
    if not _killed_with_parent():
        Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it has already ended
        os._exit(0)


def _killed_with_parent() -> bool:
    """Have the kernel kill this process when its parent ends, even inside native code. Only Linux can."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def order(work: Any, batch: Any) -> bytes:
    """An order for `serve`."""
    return pickle.dumps((work, batch), pickle.HIGHEST_PROTOCOL)
