"""Pictures that `curate render` drew, known by a mark in the file. They are no part of a data set."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

#: A PNG begins with its signature and the chunk IHDR; the mark is the next chunk.
_HEAD = 8 + 25
_TEXT = b"tEXtSoftware\0texsieve: curate render"
_CHUNK = (len(_TEXT) - 4).to_bytes(4, "big") + _TEXT + zlib.crc32(_TEXT).to_bytes(4, "big")
#: How many PNG files of a folder are opened; only if one has the mark, all are.
_PROBED = 8


def marked(png: bytes) -> bytes:
    """A PNG with the mark."""
    return png[:_HEAD] + _CHUNK + png[_HEAD:]


def drawings_in(folder: Path, names: Iterable[str]) -> set[str]:
    """Which of the files `names` in a folder have the mark."""
    pictures = sorted(name for name in names if name.endswith(".png"))
    probed = {pictures[at * (len(pictures) - 1) // (_PROBED - 1)] for at in range(_PROBED)} if pictures else set()
    if not any(_is_marked(folder / name) for name in probed):
        return set()
    return {name for name in pictures if _is_marked(folder / name)}


def _is_marked(path: Path) -> bool:
    try:
        if not path.is_file():  # opening a pipe would wait
            return False
        with path.open("rb") as file:
            return file.read(_HEAD + len(_CHUNK)).endswith(_CHUNK)
    except OSError:
        return False
