"""Images that are inside other files: which refs name one, and the bytes behind it. Not for decoding: see `opening`.

A ref is `FILE#INNER`, with FILE below the image folder: the file's ending says what INNER means, and who reads it. The
pictures that are drawn of InkML are read here too, and need no `#INNER`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from curate.images import in_tables, inkml_pictures

#: Who reads the bytes of an image out of a file, by the file's ending. Each raises ImageError.
READERS: Mapping[str, Callable[[Path, str], bytes]] = {
    **dict.fromkeys(in_tables.ENDINGS, in_tables.read_cell),
    inkml_pictures.ENDING: inkml_pictures.read_drawing,
}

_REF = re.compile(rf"(?P<file>.+?(?P<ending>{'|'.join(map(re.escape, READERS))}))#(?P<inner>.+)", re.DOTALL)


class Stored(NamedTuple):
    """An image inside a file: `COLUMN:ROW` of a table, for example."""

    file: Path
    inner: str


def split_ref(ref: str) -> tuple[str, str] | None:
    """(file, inner) of a ref that names an image inside a file; None where a ref is a plain path."""
    if ref.endswith(inkml_pictures.ENDING):
        return ref, ""
    found = _REF.fullmatch(ref) if "#" in ref else None
    return None if found is None else (found["file"], found["inner"])


def in_sequence(ref: str) -> bool:
    """Whether images like this one are best read in order by one process: a table is read a row group at a time."""
    found = split_ref(ref)
    return found is not None and found[0].endswith(in_tables.ENDINGS)


def format_of(stored: Stored) -> str | None:
    """What the format of an image is called that is stored in another than it is read in; None for the others."""
    return inkml_pictures.FORMAT if stored.file.name.endswith(inkml_pictures.ENDING) else None


def read(stored: Stored) -> bytes:
    """The encoded bytes of an image. Raises ImageError with one line of text."""
    ending = next(ending for ending in READERS if stored.file.name.endswith(ending))
    return READERS[ending](stored.file, stored.inner)
