"""Starts processes that help this one, and ends them. Knows nothing of what they do; needs the standard library only.

A helper takes orders from its parent alone. Ctrl-C and the end of the terminal, which reach every process of a command,
are for the parent to tell of: it has its helpers leave, also in the midst of work.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Lock, Thread, current_thread, main_thread
from typing import TypeVar

_Result = TypeVar("_Result")

_DEAF_TO = {getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)}
#: In a helper, held from when work is done until the next begins: its result is on its way, and half of one would have
#: the parent wait for the rest.
_sending = Lock()


class Helpers(ProcessPoolExecutor):
    """At most so many processes, each started when work is submitted that no other is free for.

    `shutdown`, which leaving a `with` block calls, waits for no work. Don't cancel single futures: a helper that dies
    after that leaves the rest waiting for ever (CPython 3.11).
    """

    def __init__(self, workers: int) -> None:
        # Spawned, not forked: polars and QuickJS both have threads, which a fork would leave in an unusable state.
        context = get_context("spawn")
        told, self._tell = context.Pipe(duplex=False)
        with _undisturbed():
            super().__init__(workers, mp_context=context, initializer=_settle_in, initargs=(told,))

    def submit(self, work: Callable[..., _Result], /, *args: object, **options: object) -> Future[_Result]:
        with _undisturbed():
            return super().submit(_at_work, work, *args, **options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        self._tell.send_bytes(b"leave")  # never read: each helper sees that there is something
        super().shutdown(wait, cancel_futures=cancel_futures)


def _at_work(work: Callable[..., _Result], /, *args: object, **options: object) -> _Result:
    if _sending.locked():
        _sending.release()
    try:
        return work(*args, **options)
    finally:
        _sending.acquire()


def _settle_in(told: Connection) -> None:
    """In a new helper, before it imports what its work needs."""
    for number in _DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _DEAF_TO)
    Thread(target=_leave, args=(told,), daemon=True).start()


def _leave(told: Connection) -> None:
    """End this process when its parent says so, or when that has ended, killed or not."""
    parent = parent_process()
    assert parent is not None
    while parent.sentinel not in wait([told, parent.sentinel]) and not _sending.acquire(timeout=0.1):
        pass
    os._exit(1)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Inside, what stops this process waits, as a helper that is half started would be forgotten.

    Helpers started inside don't hear of it until they have settled in, and have one thread for polars each, which reads
    the variable when it is imported: there is a process for every core already.
    """
    stops = [signal.SIGTERM, *_DEAF_TO] if current_thread() is main_thread() else []
    # Python calls handlers in the main thread, whichever thread the signal came to, and although it is blocked there.
    handlers = {number: handler for number in stops if callable(handler := signal.getsignal(number))}
    came: list[int] = []
    threads = os.environ.get("POLARS_MAX_THREADS")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        for number in handlers:
            signal.signal(number, lambda number, frame: came.append(number))
        signal.pthread_sigmask(signal.SIG_BLOCK, _DEAF_TO)
        os.environ["POLARS_MAX_THREADS"] = "1"
        yield
    finally:
        if threads is None:
            os.environ.pop("POLARS_MAX_THREADS", None)
        else:
            os.environ["POLARS_MAX_THREADS"] = threads
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)
