"""Reads pickles of arrays, texts and numbers without Python's `pickle`: nothing that a pickle names is ever called.

A pickle is a program for a small stack machine. This is that machine, for protocols 0 to 5, without the ability to
import or call anything. If a pickle asks for one of the few things that numpy's arrays are made of, a note of what it
would become is made (`pickle_values`); anything else is refused by name. The file is mapped, not read: an array's bytes
stay in it until a picture is made from them.

The instructions are those of `pickletools`; what numpy writes is defined by `ndarray.__reduce__` and, for protocol 5,
by `ndarray.__reduce_ex__`.
"""

from __future__ import annotations

import codecs
import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from curate.archives.pickle_values import Name, PickleError, Spelled, as_key, give_state, made, named

#: Bytes of a number, however it is written.
_MAX_NUMBER = 1000
#: Longer texts are not names: they stay in the file. Protocols before 3 write the bytes of an array as such a text.
_LONG_TEXT = 4096
_MAX_LINE = 1 << 20


class _Mark:
    """Marks where a tuple, list or dictionary begins on the stack."""


def read_pickle(path: Path) -> Any:
    """What a pickle holds: dict, list, tuple, str, bytes (as memoryview, or `Spelled`), numbers, None and `Array`.

    The mapped file stays open as long as any part of it is in use. Raises PickleError and OSError.
    """
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise PickleError("an empty file") from error
    machine = _Machine(memoryview(data))
    try:
        return machine.run()
    except PickleError:
        raise
    except (IndexError, struct.error, ValueError, TypeError, KeyError, AttributeError, UnicodeError) as error:
        raise PickleError(f"damaged at byte {machine.at:,} ({type(error).__name__})") from error


class _Machine:
    """The stack, the memo, and the position in the file."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        data, steps, end = self.data, _STEPS, len(self.data)
        while self.at < end:
            code = data[self.at]
            self.at += 1
            step = steps[code]
            if step is None:
                _refuse(code)
            if code == 0x2E:  # STOP
                return self.stack.pop()
            step(self)
        raise PickleError("cut off before its end")

    def take(self, size: int) -> memoryview:
        """The next bytes. Raises PickleError if there are too few."""
        if size < 0 or self.at + size > len(self.data):
            raise PickleError(f"cut off: {size:,} bytes are missing at byte {self.at:,}")
        piece = self.data[self.at : self.at + size]
        self.at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def line(self) -> str:
        piece = bytes(self.data[self.at : self.at + _MAX_LINE])
        length = piece.find(b"\n")
        if length < 0:
            raise PickleError(f"cut off: a line without an end at byte {self.at:,}")
        self.at += length + 1
        return piece[:length].decode("latin-1")

    def since_mark(self) -> list[Any]:
        for at in range(len(self.stack) - 1, -1, -1):
            if self.stack[at] is _Mark:
                found = self.stack[at + 1 :]
                del self.stack[at:]
                return found
        raise PickleError(f"damaged at byte {self.at:,} (no beginning)")


def _refuse(code: int) -> NoReturn:
    what = {
        0x50: "a reference to something outside it (a persistent id)",
        0x51: "a reference to something outside it (a persistent id)",
        0x82: "an object of Python's extension registry",
        0x83: "an object of Python's extension registry",
        0x84: "an object of Python's extension registry",
        0x97: "a buffer outside the file",
        0x98: "a buffer outside the file",
        0x8F: "a set",
        0x90: "a set",
        0x91: "a set",
        0x92: "an object made with named arguments",
        0x6F: "an object of a class",
    }
    raise PickleError(f"it holds {what.get(code, f'an unknown instruction ({code:#04x})')}")


# What instructions do ------------------------------------------------------------------------------------------------


def _known(machine: _Machine, module: str, name: str) -> None:
    machine.stack.append(named(module, name))


def _global(machine: _Machine) -> None:
    module = machine.line()
    _known(machine, module, machine.line())


def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    _known(machine, _text(module), _text(name))


def _instance(machine: _Machine) -> None:
    module = machine.line()
    _known(machine, module, machine.line())
    raise PickleError("it holds an object of a class")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PickleError("a name that is no text")
    return value


def _reduce(machine: _Machine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise PickleError("it calls something that is not a function")
    machine.stack.append(made(function.what, arguments))


def _build(machine: _Machine) -> None:
    state = machine.stack.pop()
    give_state(machine.stack[-1], state)


def _set_items(machine: _Machine) -> None:
    items = machine.since_mark()
    _update(machine.stack[-1], items)


def _update(target: Any, items: list[Any]) -> None:
    if not isinstance(target, dict) or len(items) % 2:
        raise PickleError("it puts items into something that is not a dictionary")
    target.update(zip(map(as_key, items[::2]), items[1::2], strict=True))


def _set_item(machine: _Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _update(machine.stack[-1], [key, value])


def _dict(machine: _Machine) -> None:
    items = machine.since_mark()
    machine.stack.append({})
    _update(machine.stack[-1], items)


def _extend(machine: _Machine, items: list[Any]) -> None:
    if not isinstance(machine.stack[-1], list):
        raise PickleError("it puts items into something that is not a list")
    machine.stack[-1].extend(items)


def _append(machine: _Machine) -> None:
    value = machine.stack.pop()
    _extend(machine, [value])


def _tuple(size: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        if len(machine.stack) < size:
            raise IndexError
        items = tuple(machine.stack[-size:])
        del machine.stack[-size:]
        machine.stack.append(items)

    return step


def _bytes(length: int) -> Callable[[_Machine], None]:
    """Bytes preceded by their length; they stay in the file."""
    return lambda machine: machine.stack.append(machine.take(machine.number(length)))


def _string(length: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        text = Spelled(machine.take(machine.number(length)))
        machine.stack.append(text if len(text.data) > _LONG_TEXT else text.decoded())

    return step


def _quoted(machine: _Machine) -> None:
    """A Python 2 string, as written in a program."""
    text = machine.line().strip()
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        raise PickleError(f"damaged at byte {machine.at:,} (quotes)")
    machine.stack.append(memoryview(codecs.escape_decode(text[1:-1].encode("latin-1"))[0]))


def _long(length: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        size = machine.number(length)
        if size > _MAX_NUMBER:
            raise PickleError(f"a number of {size:,} bytes")
        machine.stack.append(int.from_bytes(machine.take(size), "little", signed=True))

    return step


def _short(text: str) -> str:
    if len(text) > _MAX_NUMBER:
        raise PickleError(f"a number of {len(text):,} digits")
    return text


def _int(machine: _Machine) -> None:
    text = machine.line().rstrip("L")
    machine.stack.append(text == "01" if text in ("00", "01") else int(_short(text)))


def _put(length: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.memo[machine.number(length)] = machine.stack[-1]

    return step


def _get(length: int) -> Callable[[_Machine], None]:
    return lambda machine: machine.stack.append(machine.memo[machine.number(length)])


def _push(make: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    return lambda machine: machine.stack.append(make(machine))


def _memoize(machine: _Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _skip(length: int) -> Callable[[_Machine], None]:
    """The version, and the length of the next frame, which can be ignored: the whole file is at hand."""

    def step(machine: _Machine) -> None:
        machine.number(length)

    return step


#: By the instruction's byte.
_BY_CODE: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": _skip(1),
    b"\x95": _skip(8),
    b".": lambda machine: None,
    b"(": _push(lambda machine: _Mark),
    b"0": lambda machine: machine.stack.pop(),
    b"1": lambda machine: machine.since_mark(),
    b"2": _push(lambda machine: machine.stack[-1]),
    b"N": _push(lambda machine: None),
    b"\x88": _push(lambda machine: True),
    b"\x89": _push(lambda machine: False),
    b"I": _int,
    b"L": _int,
    b"K": _push(lambda machine: machine.number(1)),
    b"M": _push(lambda machine: machine.number(2)),
    b"J": _push(lambda machine: struct.unpack("<i", machine.take(4))[0]),
    b"\x8a": _long(1),
    b"\x8b": _long(4),
    b"F": _push(lambda machine: float(_short(machine.line()))),
    b"G": _push(lambda machine: struct.unpack(">d", machine.take(8))[0]),
    b"S": _quoted,
    b"U": _bytes(1),
    b"T": _bytes(4),
    b"C": _bytes(1),
    b"B": _bytes(4),
    b"\x8e": _bytes(8),
    b"\x96": _bytes(8),
    b"V": _push(lambda machine: machine.line().encode("latin-1").decode("raw-unicode-escape")),
    b"\x8c": _string(1),
    b"X": _string(4),
    b"\x8d": _string(8),
    b")": _push(lambda machine: ()),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"t": _push(lambda machine: tuple(machine.since_mark())),
    b"]": _push(lambda machine: []),
    b"l": _push(lambda machine: machine.since_mark()),
    b"a": _append,
    b"e": lambda machine: _extend_marked(machine),
    b"}": _push(lambda machine: {}),
    b"d": _dict,
    b"s": _set_item,
    b"u": _set_items,
    b"c": _global,
    b"\x93": _stack_global,
    b"i": _instance,
    b"R": _reduce,
    b"\x81": _reduce,  # NEWOBJ: a class and the arguments of its making
    b"b": _build,
    b"p": lambda machine: machine.memo.__setitem__(int(machine.line()), machine.stack[-1]),
    b"q": _put(1),
    b"r": _put(4),
    b"\x94": _memoize,
    b"g": _push(lambda machine: machine.memo[int(machine.line())]),
    b"h": _get(1),
    b"j": _get(4),
}


def _extend_marked(machine: _Machine) -> None:
    items = machine.since_mark()
    _extend(machine, items)


_STEPS: list[Callable[[_Machine], Any] | None] = [_BY_CODE.get(bytes([code])) for code in range(256)]
