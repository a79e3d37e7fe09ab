"""Stops a command in the same way for Ctrl-C, SIGTERM and the end of the terminal. Prints nothing."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds after which a command that goes on in spite of a stop is stopped again.
AGAIN = 1.0


class Ended(KeyboardInterrupt):
    """Raised in a command that a person, the system or a batch queue asks to end."""

    def __init__(self, signum: int) -> None:
        self.signum = signum


@contextmanager
def ended_in_order() -> Iterator[list[int]]:
    """Inside, SIGTERM and the end of the terminal stop a command as Ctrl-C does, and half-written output is removed.

    Yields the signals received. Native code may turn the exception into an error of its own, or swallow it, as a
    destructor does. So it is raised again a second later, unless cleaning up is under way.
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def stop(signum: int, frame: object) -> None:
        asked.append(signum)
        if hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, again):
            signal.signal(signal.SIGALRM, again)
            signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)
        raise Ended(signum)

    def again(signum: int, frame: object) -> None:
        if not _is_undone():
            raise Ended(asked[-1])

    # A signal that the caller ignores, as nohup does, stays ignored.
    wanted = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
    found = {getattr(signal, name): usual for name, usual in wanted.items() if hasattr(signal, name)}
    before = {number: usual for number, usual in found.items() if signal.getsignal(number) == usual}
    for number in before:
        signal.signal(number, stop)
    try:
        yield asked
    finally:
        if asked and hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is again:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for number, usual in before.items():
            signal.signal(number, usual)


def _is_undone() -> bool:
    """Whether a KeyboardInterrupt is propagating through the `finally` or `except` that is running now."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False
