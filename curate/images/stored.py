"""Images inside other files: which refs name one, and the bytes behind it. Not for decoding: see `opening`.

A ref is `FILE#INNER`, with FILE below the image folder: the file's ending decides what INNER means and who reads it.
Pictures drawn from InkML are read here too and need no `#INNER`. In an archive INNER may itself be a ref: of an image
in a table that is packed with others, for example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from curate.archives import tree
from curate.archives.names import OF_DATA_SETS
from curate.images import in_archives, in_json, in_tables, inkml_pictures

#: The function that reads an image's bytes out of a file, by the file's ending. Each raises ImageError.
READERS: Mapping[str, Callable[[Path, str], bytes]] = {
    **dict.fromkeys(in_tables.ENDINGS, in_tables.read_cell),
    **dict.fromkeys(in_json.ENDINGS, in_json.read_field),
    **dict.fromkeys(in_archives.ENDINGS, in_archives.read_member),
    inkml_pictures.ENDING: inkml_pictures.read_drawing,
}

_FILE = rf"(?:{'|'.join(map(re.escape, READERS))})"
_REF = re.compile(rf"(?is)(?P<file>.+?{_FILE})#(?P<inner>.+)")
#: What `split_ref` finds, for polars.
PATTERN = rf"(?is)^.+?{_FILE}#.|{re.escape(inkml_pictures.ENDING)}$"


class Stored(NamedTuple):
    """An image inside a file: `COLUMN:ROW` of a table or of JSON, or the name of an archive's member."""

    file: Path
    inner: str


def split_ref(ref: str) -> tuple[str, str] | None:
    """(file, inner) of a ref that names an image inside a file; None if the ref is a plain path."""
    if "#" in ref and (found := _REF.fullmatch(ref)):
        return found["file"], found["inner"]
    return (ref, "") if ref.endswith(inkml_pictures.ENDING) else None


def name_of(ref: str) -> str:
    """An image's name: the last part of its path, in the archive or on disk; for a table, the table's."""
    found = split_ref(ref)
    if found is not None:
        ref = name_of(found[1]) if found[0].lower().endswith(in_archives.ENDINGS) else found[0]
    return ref.replace("\\", "/").rpartition("/")[2]


def in_sequence(ref: str) -> bool:
    """Whether such images are best read in order by one process: a table is read one row group at a time."""
    found = split_ref(ref)
    return found is not None and found[0].endswith(in_tables.ENDINGS)


def format_of(stored: Stored) -> str | None:
    """The name of the format if an image is stored in a different one than it is read in; None otherwise."""
    name = stored.inner.partition("#")[0] if stored.file.name.lower().endswith(OF_DATA_SETS) else stored.file.name
    return inkml_pictures.FORMAT if name.endswith(inkml_pictures.ENDING) else None


def stood_for(file: Path) -> Stored | None:
    """The image in an archive that a file in the cache stands for; None for any other file."""
    found = tree.stood_for(file)
    return None if found is None else Stored(*found)


def read(stored: Stored) -> bytes:
    """The encoded bytes of an image. Raises ImageError with one line of text."""
    name = stored.file.name.lower()
    if name.endswith(OF_DATA_SETS) and (inner := split_ref(stored.inner)):
        return read(Stored(in_archives.member_file(stored.file, inner[0]), inner[1]))
    ending = next(ending for ending in READERS if name.endswith(ending))
    return READERS[ending](stored.file, stored.inner)
