"""The picture of an InkML file, as bytes: its strokes, drawn. Not for how they are read or drawn.

A ref is the path of the file and, after a `#`, the settings that differ from the defaults: `train/4f2a.inkml#pen=2`. So
the ref in a run gives the same picture in any process.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.base.errors import UserError
from curate.images.errors import ImageError, error_text
from curate.images.stroke_drawing import draw
from curate.images.stroke_settings import StrokeSettings, from_spelling, spelled
from curate.images.traces import MAX_BYTES, InkError, read_traces

ENDING = ".inkml"
#: The name of such a picture's format in the facts about images.
FORMAT = "INKML"
#: The palette of a bitmap whose bytes are grey levels: blue, green, red, 0 for each.
_GREYS = b"".join(bytes((level, level, level, 0)) for level in range(256))


def ref_of(path: str, settings: StrokeSettings) -> str:
    """The ref of an InkML file's picture: its path below the image folder, and how it is drawn."""
    drawn = spelled(settings)
    return f"{path}#{drawn}" if drawn else path


def read_drawing(file: Path, settings: str) -> bytes:
    """The strokes of a file as an 8-bit grey bitmap. settings: as in a ref. Raises ImageError."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
        pixels = draw(read_traces(data), _settings(settings))
    except (InkError, UserError, OSError, MemoryError) as error:
        raise ImageError(error_text(error)) from error
    return _bitmap(pixels)


def _bitmap(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Grey levels as a BMP file: it opens fastest, and exports make a PNG from it without decoding.

    Written by hand: Pillow makes the palette in Python, which takes longer than drawing a short formula.
    """
    height, width = pixels.shape
    rows = np.zeros((height, (width + 3) & ~3), np.uint8)
    rows[:, :width] = pixels[::-1]
    start = 54 + len(_GREYS)
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", start + rows.size, 0, start, 40, width, height, 1, 8, 0, rows.size,
                       2835, 2835, 256, 0)  # fmt: skip
    return head + _GREYS + rows.tobytes()


@lru_cache(maxsize=64)
def _settings(text: str) -> StrokeSettings:
    return from_spelling(text)
