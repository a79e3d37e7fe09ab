"""Images that are inside other files: which refs name one, and the bytes behind it. Not for decoding: see `opening`.

A ref is `FILE#INNER`, with FILE below the image folder: the file's ending says what INNER means, and who reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from curate.images import in_archives, in_tables

#: Who reads the bytes of an image out of a file, by the file's ending. Each raises ImageError.
READERS: Mapping[str, Callable[[Path, str], bytes]] = {
    **dict.fromkeys(in_tables.ENDINGS, in_tables.read_cell),
    **dict.fromkeys(in_archives.ENDINGS, in_archives.read_member),
}

#: What a ref of such an image matches, for polars too.
PATTERN = rf"(?is)^(.+?(?:{'|'.join(map(re.escape, READERS))}))#(.+)$"
_REF = re.compile(PATTERN)


class Stored(NamedTuple):
    """An image inside a file: `COLUMN:ROW` of a table, for example."""

    file: Path
    inner: str


def split_ref(ref: str) -> tuple[str, str] | None:
    """(file, inner) of a ref that names an image inside a file; None where a ref is a plain path."""
    found = _REF.match(ref) if "#" in ref else None
    return None if found is None else (found[1], found[2])


def in_sequence(ref: str) -> bool:
    """Whether images like this one are best read in order by one process: a table is read a row group at a time."""
    found = split_ref(ref)
    return found is not None and found[0].endswith(in_tables.ENDINGS)


def read(stored: Stored) -> bytes:
    """The encoded bytes of an image. Raises ImageError with one line of text."""
    ending = next(ending for ending in READERS if stored.file.name.lower().endswith(ending))
    return READERS[ending](stored.file, stored.inner)
