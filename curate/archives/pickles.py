"""Copies the pictures in a pickle to a zip file, as files that any image reader opens. Runs nothing in the pickle."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.archives import cache, names
from curate.archives.contents import MAX_MEMBERS, MAX_PICTURE
from curate.archives.pickle_reader import read_pickle
from curate.archives.pickle_values import Array, PickleError, Spelled
from curate.base.errors import UserError

SHAPE = "values that are not pictures: not 2-D, nor with 1 or 3 channels"
KIND = "values that are not pictures: not uint8 or bool"
NO_PICTURE = "values that are neither an array nor the bytes of a picture file"

_ENCODED = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_CHECK = 256 << 20
_GREYS = bytes(level for grey in range(256) for level in (grey, grey, grey, 0))


def repack(path: Path, target: Path) -> None:
    """Write a pickle's pictures under their names: `{name: array}`, `[(name, array)]`, or a list of arrays.

    An array is a grey picture (h, w) or one with 1 or 3 channels, first (as WAP has them) or last; the pictures of a
    list are called 0, 1, …. Raises UserError for any other pickle, saying what it holds.
    """
    left_out: Counter[str] = Counter()
    written = checked = 0
    try:
        value = read_pickle(path)
        with target.open("wb") as file, zipfile.ZipFile(file, "w") as out:
            for name, held in _pairs(value):
                if (refused := _write(name, held, out)) is not None:
                    left_out[refused] += 1
                    continue
                written += 1
                if written > MAX_MEMBERS:
                    raise PickleError(f"more than {MAX_MEMBERS:,} pictures")
                if file.tell() >= checked:
                    cache.check_room(target, _CHECK)
                    checked = file.tell() + _CHECK
            out.comment = json.dumps({"archive": os.fsdecode(path)[:1000], "left_out": left_out}).encode()
    except PickleError as error:
        raise UserError(f"{path}: not read as a pickle of pictures: {error}") from error
    if not written:
        why = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "it is empty"
        raise UserError(f"{path}: this pickle holds no picture: {why}")


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """(name, presumed picture) for each item of a pickle."""
    if isinstance(value, dict):
        yield from ((str(name), held) for name, held in value.items())
        return
    if not isinstance(value, list | tuple):
        raise PickleError(f"it holds {_told(value)}, not pictures with names")
    for number, item in enumerate(value):
        if isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str):
            yield item[0], item[1]
        else:
            yield str(number), item


def _told(value: Any) -> str:
    kind = {
        "memoryview": "bytes",
        "Spelled": "text",
        "Array": "one array",
        "NoneType": "nothing",
        "int": "a number",
        "float": "a number",
    }
    return kind.get(type(value).__name__, "something")


def _write(name: str, held: Any, out: zipfile.ZipFile) -> str | None:
    """Add one picture, or return why it can't be added."""
    name, refused = names.tidy(name)
    if refused is not None:
        return refused
    if name in out.NameToInfo:
        return names.TWICE
    if isinstance(held, Array):
        pixels = _pixels(held)
        if isinstance(pixels, str):
            return pixels
        data, method = bitmap(pixels), zipfile.ZIP_DEFLATED
    elif isinstance(held, memoryview | Spelled):
        data, method = held.tobytes(), zipfile.ZIP_STORED
        if not data.startswith(_ENCODED):
            return NO_PICTURE
    else:
        return NO_PICTURE
    if len(data) > MAX_PICTURE:
        return names.TOO_LARGE
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    out.writestr(info, data, compresslevel=1)
    return None


def _pixels(array: Array) -> npt.NDArray[np.uint8] | str:
    """An array as (h, w) or (h, w, 3), or why it isn't a picture."""
    values = array.values()
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if values.dtype != np.uint8:
        return KIND
    shape = values.shape
    if len(shape) == 3:
        if shape[0] == 1:
            values = values[0]
        elif shape[2] == 1:
            values = values[:, :, 0]
        elif shape[0] == 3 and shape[2] != 3:
            values = values.transpose(1, 2, 0)
        elif shape[2] != 3:
            return SHAPE
    return values if len(shape) in (2, 3) and values.size else SHAPE


def bitmap(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A BMP file: 8-bit grey for (h, w), 24-bit for (h, w, 3) in the order red, green, blue."""
    height, width = pixels.shape[:2]
    grey = pixels.ndim == 2
    row = width if grey else 3 * width
    stride = (row + 3) & ~3
    rows = np.zeros((height, stride), np.uint8)
    rows[:, :row] = pixels[::-1] if grey else pixels[::-1, :, ::-1].reshape(height, row)
    palette = _GREYS if grey else b""
    start = 54 + len(palette)
    size = start + rows.size
    head = struct.pack("<2sIHHI", b"BM", size, 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8 if grey else 24, 0, rows.size, 2835, 2835, 0, 0)
    return head + info + palette + rows.tobytes()
