"""What goes wrong in texsieve itself, caught so that one label doesn't end everything. Knows no rule and no metric.

A rule, a key or a metric that raises is a fault of ours. `caught` is called where it raised, and the rest goes on;
whoever runs the whole (`collected`) counts the faults and names them. In a library's use nobody collects, and each is
a Python warning. In strict mode (`--debug`, or the environment variable TEXSIEVE_STRICT) the first one ends the work.
"""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

_VARIABLE = "TEXSIEVE_STRICT"
#: These are no faults of ours: somebody wants the work to end, or the machine has no room for it.
_NOT_OURS = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)
#: Characters of a label that a line shows, and of an error's message that are kept.
_SHOWN, _KEPT = 60, 300


class FaultError(Exception):
    """A fault in strict mode; the text says what failed on what, and holds the traceback of where."""


class FaultWarning(UserWarning):
    """A fault that nobody collects."""


@dataclass(frozen=True)
class Fault:
    """Something of ours that raised.

    part: what raised, such as `rule SEM017`. kind: the exception's name. message: what the first one said. first: the
    text that it failed on first, a pair of texts for a metric, None where it was no single one. count: how many it
    failed on. of: what these are, in the singular. where: the name of the first, once somebody knows it. trace: the
    first one's traceback.
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
        """The exception in words."""
        return f"{self.kind}: {self.message}" if self.message else self.kind

    def __str__(self) -> str:
        shown = self.where
        if shown is None and self.first is not None:
            text = self.first if isinstance(self.first, str) else self.first[0]
            shown = repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
        first = "" if shown is None else f" ({'first: ' if self.count > 1 else ''}{shown})"
        number = f"{self.count:,} {self.of}{'' if self.count == 1 else 's'}"
        return f"a fault in texsieve: {self.part} failed on {number}{first}: {self.error}; please report it"

    def as_json(self) -> dict[str, str | int | None]:
        """What summary.json and metrics.json say of it."""
        return {
            "part": self.part,
            "error": self.kind,
            "message": self.message,
            "count": self.count,
            "of": self.of,
            "first": self.where,
        }


class Faults:
    """Faults as they are caught: those of one part and one kind are one."""

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self._found: dict[tuple[str, str, str], Fault] = {}

    def add(self, fault: Fault) -> None:
        key = (fault.part, fault.kind, fault.of)
        known = self._found.get(key)
        self._found[key] = fault if known is None else replace(known, count=known.count + fault.count)

    def all(self) -> list[Fault]:
        """In the order of their parts."""
        return [self._found[key] for key in sorted(self._found)]

    def name(self, where: Callable[[str | tuple[str, str]], str | None]) -> None:
        """Give each its name: `where` says what the first is called that it failed on, None for unknown."""
        for key, fault in self._found.items():
            if fault.first is not None and fault.where is None:
                self._found[key] = replace(fault, where=where(fault.first))


_collector: ContextVar[Faults | None] = ContextVar("faults", default=None)


def _is_strict(collector: Faults | None) -> bool:
    return bool(os.environ.get(_VARIABLE)) if collector is None else collector.strict


@contextmanager
def collected(*, strict: bool | None = None) -> Iterator[Faults]:
    """Inside, faults are put into what this gives, in place of being warnings.

    strict: the first one raises; None: as the environment says.
    """
    found = Faults(_is_strict(None) if strict is None else strict)
    token = _collector.set(found)
    try:
        yield found
    finally:
        _collector.reset(token)


@contextmanager
def passed_on() -> Iterator[Faults]:
    """Inside, faults are collected as by `collected`; at the end, however it comes, they go on to whoever collects
    outside."""
    found = Faults()
    try:
        with collected(strict=_is_strict(_collector.get())) as found:
            yield found
    finally:
        for fault in found.all():
            tell(fault)


def check_ours(error: BaseException) -> None:
    """Raises `error` again where it is none of our faults."""
    if isinstance(error, (*_NOT_OURS, FaultError)):
        raise error


def caught(
    part: str, error: BaseException, first: str | tuple[str, str] | None = None, *, count: int = 1, of: str = "label"
) -> Fault:
    """Called in the `except` of what may go on without: counts the fault. Raises `error` again where it is none.

    Catch BaseException: what Rust panics with is no Exception. Raises FaultError in strict mode.
    """
    check_ours(error)
    message = " ".join(str(error).split())[:_KEPT]
    trace = "".join(traceback.format_exception(error))
    fault = Fault(part, type(error).__name__, message, first, count, of, trace=trace)
    tell(fault)
    return fault


def tell(fault: Fault) -> None:
    """Hand a fault, which may be from another process, to whoever collects. Raises FaultError in strict mode."""
    collector = _collector.get()
    if _is_strict(collector):
        raise FaultError(f"{fault}\n{fault.trace}")
    if collector is None:
        warnings.warn(str(fault), FaultWarning, stacklevel=2)
    else:
        collector.add(fault)
