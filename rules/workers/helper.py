"""What runs in a helper process: takes orders from its parent, and says where in them it is. Starts no process.

It imports the standard library only; what an order needs is imported with the order. Work tells the item that it has
come to by `each` or `now_at`, so that one which kills or hangs the process is known at once.
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

#: Memory shared with the parent: the place of the item in work (-1: none), and a count that moves with each step.
MARK_BYTES = 16
_PR_SET_PDEATHSIG = 1

_mark: memoryview | None = None


def each(items: Iterable[Item]) -> Iterator[Item]:
    """The items of a batch, the parent being told in a helper which one is in work. Elsewhere only the items."""
    return iter(items) if _mark is None else _marked(items, _mark)


def _marked(items: Iterable[Item], mark: memoryview) -> Iterator[Item]:
    for place, item in enumerate(items):
        mark[0] = place
        mark[1] += 1
        yield item
    now_at(-1)


def now_at(place: int) -> None:
    """Tell the parent which item of the batch is in work; -1: the batch as a whole."""
    if _mark is not None:
        _mark[0] = place
        _mark[1] += 1


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Inside, garbage is seldom collected: a batch is lists of small lists and no cycle, and looking for one costs a
    tenth of the time."""
    thresholds = gc.get_threshold()
    gc.set_threshold(max(thresholds[0], 200_000) if thresholds[0] else 0, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def serve(orders: int, mark: int, parent: int) -> None:
    """The life of a helper. orders: the descriptor of its connection; mark: that of the shared memory."""
    global _mark
    _end_with(parent)
    # Ctrl-C and the end of the terminal reach every process of a command; they are for the parent to tell of.
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
    except (EOFError, OSError):  # the parent ended, or let go of this process
        os._exit(0)


def _answer(order: bytes) -> bytes:
    try:
        work, batch = pickle.loads(order)
        now_at(-1)  # what the work needs is imported
        return pickle.dumps((True, work(batch)), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:
        error.add_note("".join(traceback.format_exception(error)).rstrip())  # its traceback stays here
        try:
            answer = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
            pickle.loads(answer)
        except Exception:  # there are errors that can't be sent, or not be made again
            answer = pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _end_with(parent: int) -> None:
    """Have this process end when its parent does, however that ends."""
    if not _killed_with_parent():
        Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before
        os._exit(0)


def _killed_with_parent() -> bool:
    """Have the kernel kill this process, even in the midst of native code. Linux alone can."""
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
    """What `serve` understands."""
    return pickle.dumps((work, batch), pickle.HIGHEST_PROTOCOL)
