"""Catches faults in texsieve itself, so that one label doesn't end a whole command. Knows no rule and no metric.

A rule, a key or a metric that raises is a fault in texsieve. The code that catches the exception calls `caught`, and
the rest goes on. A command runs inside `collected`, which counts and names the faults. Library code has no collector,
so each fault is a Python warning. In strict mode (`--debug`, or the environment variable TEXSIEVE_STRICT) the first
fault ends the work.
"""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from rules.toolkit.wording import clip

_VARIABLE = "TEXSIEVE_STRICT"
#: Not faults in texsieve: somebody stopped the work, or memory ran out.
_NOT_OURS = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)
#: Characters: of a label that is shown, and of an error's message that is kept.
_SHOWN, _KEPT = 60, 300


class FaultError(Exception):
    """A fault in strict mode. The text says what failed on which label, and has the traceback."""


class FaultWarning(UserWarning):
    """A fault outside `collected`."""


@dataclass(frozen=True)
class Fault:
    """A part of texsieve that raised, once or several times in the same way.

    part: what raised, such as `rule SEM017`. kind: the exception's name. message: the first exception's message.
    first: the text it failed on first; for a metric, a pair of texts; None if it failed on no single text. count: how
    many texts or pairs it failed on. of: what they are, in the singular. where: the name of the first, once it is
    known. trace: the first traceback.
    """

    part: str
    kind: str
    message: str
    first: str | tuple[str, str] | None
    count: int = 1
    of: str = "label"
    where: str | None = None
    trace: str = ""

    @property
    def error(self) -> str:
        """The exception's name and message."""
        return f"{self.kind}: {self.message}" if self.message else self.kind

    def __str__(self) -> str:
        shown = self.where
        if shown is None and self.first is not None:
            text = self.first if isinstance(self.first, str) else self.first[0]
            shown = repr(clip(text, _SHOWN))
        first = "" if shown is None else f" ({'first: ' if self.count > 1 else ''}{shown})"
        number = f"{self.count:,} {self.of}{'' if self.count == 1 else 's'}"
        return f"a fault in texsieve: {self.part} failed on {number}{first}: {self.error}; please report it"

    def as_json(self) -> dict[str, str | int | None]:
        """The entry in summary.json and metrics.json."""
        return {
            "part": self.part,
            "error": self.kind,
            "message": self.message,
            "count": self.count,
            "of": self.of,
            "first": self.where,
        }


class Faults:
    """Collects faults. Faults of the same part and kind are counted as one."""

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self._found: dict[tuple[str, str, str], Fault] = {}

    def add(self, fault: Fault) -> None:
        key = (fault.part, fault.kind, fault.of)
        known = self._found.get(key)
        self._found[key] = fault if known is None else replace(known, count=known.count + fault.count)

    def all(self) -> list[Fault]:
        """All faults, ordered by part."""
        return [self._found[key] for key in sorted(self._found)]

    def name(self, where: Callable[[str | tuple[str, str]], str | None]) -> None:
        """Set `where` of each fault: the function returns the name of its first text, or None if it knows none."""
        for key, fault in self._found.items():
            if fault.first is not None and fault.where is None:
                self._found[key] = replace(fault, where=where(fault.first))


_collector: ContextVar[Faults | None] = ContextVar("faults", default=None)


def _is_strict(collector: Faults | None) -> bool:
    return bool(os.environ.get(_VARIABLE)) if collector is None else collector.strict


@contextmanager
def collected(*, strict: bool | None = None) -> Iterator[Faults]:
    """Inside this block, faults go into the `Faults` that it yields, instead of being warnings.

    strict: whether the first fault raises; None: as the environment variable says.
    """
    found = Faults(_is_strict(None) if strict is None else strict)
    token = _collector.set(found)
    try:
        yield found
    finally:
        _collector.reset(token)


@contextmanager
def passed_on() -> Iterator[Faults]:
    """Collects faults as `collected` does, and passes them on to the collector outside when the block ends, however it
    ends."""
    found = Faults()
    try:
        with collected(strict=_is_strict(_collector.get())) as found:
            yield found
    finally:
        for fault in found.all():
            tell(fault)


def check_ours(error: BaseException) -> None:
    """Raises `error` again if it isn't a fault in texsieve."""
    if isinstance(error, (*_NOT_OURS, FaultError)):
        raise error


def caught(
    part: str, error: BaseException, first: str | tuple[str, str] | None = None, *, count: int = 1, of: str = "label"
) -> Fault:
    """Counts a fault. Call it in the `except` of work that can go on without the part that failed.

    Catch BaseException: a panic in Rust isn't an Exception. Raises `error` again if it isn't a fault in texsieve, and
    FaultError in strict mode.
    """
    check_ours(error)
    message = " ".join(str(error).split())[:_KEPT]
    trace = "".join(traceback.format_exception(error))
    fault = Fault(part, type(error).__name__, message, first, count, of, trace=trace)
    tell(fault)
    return fault


def tell(fault: Fault) -> None:
    """Hand a fault, perhaps from another process, to the collector. Raises FaultError in strict mode."""
    collector = _collector.get()
    if _is_strict(collector):
        raise FaultError(f"{fault}\n{fault.trace}")
    if collector is None:
        warnings.warn(str(fault), FaultWarning, stacklevel=2)
    else:
        collector.add(fault)
