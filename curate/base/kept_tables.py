"""Tables in the cache folder that save work between runs. Whatever is wrong with one, it counts as missing.

A file is a Parquet table with its SHA-256 behind it. Without that, a wrong bit could be read as a wrong measure, or
make polars panic or ask for so much memory that the process ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import polars as pl

from curate.base.atomic_files import new_file
from curate.base.leftovers import clear_files
from curate.base.no_room import NoRoom

_DIGEST = 32


def edition(code: Iterable[Path], *packages: str) -> str:
    """Text for a file name that changes with everything that made a table: files of code and data, and packages."""
    made_by = hashlib.sha256(b"".join(path.read_bytes() for path in code))
    made_by.update(" ".join(map(version, packages)).encode())
    return made_by.hexdigest()[:16]


def read_kept(path: Path | None, schema: pl.Schema, *, key: list[str]) -> pl.DataFrame:
    """The table at `path`; an empty one if it is missing, damaged, foreign or not allowed to be read, if it has another
    schema, or two rows with one key."""
    empty = pl.DataFrame(schema=schema)
    if path is None:
        return empty
    clear_files(path)  # a killed writer's: whoever finds the table whole may not write it again
    try:
        data = path.read_bytes()
        table = data[:-_DIGEST]
        if hashlib.sha256(table).digest() != data[-_DIGEST:]:
            return empty
        frame = pl.read_parquet(table)
    except Exception:
        return empty  # whatever the reason, its content can be made again
    return frame if frame.schema == schema and not frame.select(key).is_duplicated().any() else empty


def write_kept(path: Path, frame: pl.DataFrame, *, alone: bool = False) -> bool:
    """Write a table, and say whether it was written: a full disk or a folder that is read-only is no error.

    alone: remove the folder's other tables, which are those of other versions.
    """
    with suppress(OSError, NoRoom):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with new_file(path) as file:
            frame.write_parquet(file, compression="zstd")
            with file.open("r+b") as whole:
                whole.write(hashlib.file_digest(whole, "sha256").digest())
        for other in path.parent.glob("*.parquet") if alone else ():
            if other != path:
                other.unlink(missing_ok=True)
        return True
    return False
