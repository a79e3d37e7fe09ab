"""What pickles of arrays hold: notes of numpy's arrays and types, and the few names that may occur in one.

Nothing here is numpy's own until `Array.values` makes an array from bytes that are known to fit. Not for a pickle's
instructions: see `pickle_reader`.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_MAX_DIMENSIONS = 4
#: numpy's codes for arrays of plain numbers.
_DTYPES = frozenset(["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])

#: … and for texts, which may be names.
_TEXTS = re.compile(r"[US]\d{1,4}")

_CORES = ("numpy.core", "numpy._core")
_NDARRAY, _DTYPE, _RECONSTRUCT, _FROMBUFFER, _SCALAR, _ENCODE, _ORDERED, _BYTES, _BYTEARRAY = (
    "ndarray", "dtype", "_reconstruct", "_frombuffer", "scalar", "encode", "OrderedDict", "bytes", "bytearray",
)  # fmt: skip
_KNOWN = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("collections", "OrderedDict"): _ORDERED,
    ("_codecs", "encode"): _ENCODE,  # how protocols before 3 write bytes
    **{(module, "bytes"): _BYTES for module in ("builtins", "__builtin__")},
    **{(module, "bytearray"): _BYTEARRAY for module in ("builtins", "__builtin__")},
    **{(f"{core}.multiarray", "_reconstruct"): _RECONSTRUCT for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): _SCALAR for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): _FROMBUFFER for core in _CORES},
}


class PickleError(Exception):
    """A pickle is damaged or holds something unreadable. One line of text says what."""


class Name(NamedTuple):
    """One of `_KNOWN`, as it lies on the stack."""

    what: str


class Spelled(NamedTuple):
    """A long text in the file. `is_bytes`: its characters, U+0000 to U+00FF, stand for bytes."""

    data: memoryview
    is_bytes: bool = False

    def tobytes(self) -> bytes:
        return self.decoded().encode("latin-1" if self.is_bytes else "utf-8", "surrogatepass")

    def decoded(self) -> str:
        return bytes(self.data).decode("utf-8", "surrogatepass")


class DType:
    """What `numpy.dtype` would be."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "|"

    def real(self) -> np.dtype[Any]:
        return np.dtype(self.code if self.order == "|" else self.order + self.code)


class Array:
    """What an array would be: its bytes (a view of the file), and how to read them."""

    def __init__(self) -> None:
        self.data: memoryview | Spelled | None = None
        self.shape: tuple[int, ...] = ()
        self.dtype = DType("u1")
        self.fortran = False
        self.axes: tuple[int, ...] | None = None

    def fill(self, shape: Any, dtype: Any, fortran: Any, data: Any) -> None:
        """Raise PickleError if these can't be an array of numbers."""
        if not isinstance(dtype, DType) or not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
            raise PickleError("an array made differently from numpy's")
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise PickleError(f"an array of the shape {str(shape)[:60]}")
        held = len(_as_bytes(data))
        size = dtype.real().itemsize * math.prod(shape)
        if held != size:
            raise PickleError(f"an array of {size:,} bytes, of which the file holds {held:,}")
        self.data = data if isinstance(data, memoryview | Spelled) else _as_bytes(data)
        self.shape, self.dtype, self.fortran = shape, dtype, bool(fortran)

    def values(self) -> npt.NDArray[Any]:
        """The array itself. Raises PickleError if it was never filled."""
        if self.data is None:
            raise PickleError("an array without contents")
        flat = np.frombuffer(_as_bytes(self.data), self.dtype.real())
        values = flat.reshape(self.shape, order="F" if self.fortran else "C")
        return values if self.axes is None else values.transpose(self.axes)


def _as_bytes(value: Any) -> memoryview:
    if isinstance(value, memoryview):
        return value
    if isinstance(value, Spelled):
        return memoryview(value.decoded().encode("latin-1"))
    raise PickleError(f"an array whose bytes have the type {type(value).__name__}")


def named(module: str, name: str) -> Name:
    """One of the few things that a pickle may name. Raises PickleError, with the name, for any other."""
    what = _KNOWN.get((module, name))
    if what is None:
        raise PickleError(
            f"it holds {module[:100]}.{name[:100]}, which is not read: only arrays, texts and numbers are"
        )
    return Name(what)


def made(what: str, arguments: tuple[Any, ...]) -> Any:
    """What a call of one of `_KNOWN` returns, or a note of it."""
    match what, arguments:
        case ("_reconstruct", (Name(what="ndarray"), _, _)):
            return Array()
        case ("_frombuffer", (data, DType() as dtype, shape, order)) if order in ("C", "F"):
            array = Array()
            array.fill(shape, dtype, order == "F", data)
            return array
        case ("_frombuffer", (data, DType() as dtype, tuple() as shape, "K", tuple() as axes)):
            if sorted(axes) != list(range(len(shape))):
                raise PickleError("an array with an unknown order of axes")
            array = Array()
            array.fill(shape, dtype, False, data)
            array.axes = axes
            return array
        case ("dtype", (code, *_)):
            code = bytes(code).decode("latin-1") if isinstance(code, memoryview) else code
            if code not in _DTYPES and not _TEXTS.fullmatch(str(code)):
                held = "Python objects" if str(code).startswith("O") else f"the type {str(code)[:30]!r}"
                raise PickleError(f"it holds arrays of {held}, which are not read: only arrays of numbers are")
            return DType(code)
        case ("scalar", (DType() as dtype, data)):
            array = Array()
            array.fill((), dtype, False, data)
            return array.values().item()
        case ("encode", (str() as text, "latin1" | "latin-1")):
            return memoryview(text.encode("latin-1"))
        case ("encode", (Spelled(data=data), "latin1" | "latin-1")):
            return Spelled(data, is_bytes=True)
        case ("OrderedDict", ()):
            return {}
        case ("OrderedDict", (list() as pairs,)):
            return {as_key(key): value for key, value in pairs}
        case ("bytes" | "bytearray", ()):
            return memoryview(b"")
        case ("bytearray", (memoryview() as data,)):
            return data
        case ("bytearray", (str() as text, "latin-1" | "latin1")):
            return memoryview(text.encode("latin-1"))
    raise PickleError(f"it calls {what} in a way that numpy doesn't")


def give_state(target: Any, state: Any) -> None:
    """What a call of `__setstate__` would do to a note. Raises PickleError."""
    match target, state:
        case (Array(), (_, shape, dtype, fortran, data)) | (Array(), (shape, dtype, fortran, data)):
            target.fill(shape, dtype, fortran, data)
        case (DType(), (_, order, None, None, None, *_)):
            order = bytes(order).decode("latin-1") if isinstance(order, memoryview) else order
            if order not in ("<", ">", "=", "|"):
                raise PickleError("an array with an unknown byte order")
            target.order = order
        case _:
            raise PickleError("it gives a state to something that has none")


def as_key(value: Any) -> Any:
    """A key that isn't a view of the file, which can't be hashed. Names in Python 2 pickles are bytes."""
    if isinstance(value, memoryview | bytes):
        data = bytes(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("latin-1")
    if isinstance(value, str | int | float | None):
        return value
    raise PickleError(f"a dictionary with keys of the type {type(value).__name__}")
