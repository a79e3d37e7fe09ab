"""Images inside parquet and Arrow files, one row group at a time. Not for their labels: see `curate.sources`."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from curate.base.read_apart import first_line
from curate.images.cells import bytes_in
from curate.images.errors import MISSING, ImageError, error_text

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".parquet", ".arrow")

#: `COLUMN:ROW`, rows counted from 0.
CELL = re.compile(r"(?P<column>.+):(?P<row>\d+)")


def read_cell(file: Path, cell: str) -> bytes:
    """The bytes of an image in a table. cell: `COLUMN:ROW`, rows counted from 0. Raises ImageError."""
    named = CELL.fullmatch(cell)
    if named is None:
        raise ImageError(f"{cell!r} names no COLUMN:ROW of {file.name}")
    name, row = named["column"], int(named["row"])
    try:
        changed = file.stat().st_mtime_ns
        if file.suffix == ".arrow":
            column, at = open_arrow(file).column(name), row
        else:
            groups = _row_groups(file, changed)
            group = next((at for at, (start, size) in enumerate(groups) if start <= row < start + size), None)
            if group is None:
                raise IndexError(row)
            column, at = _row_group(file, changed, name, group), row - groups[group][0]
        data = bytes_in(column[at].as_py())
    except FileNotFoundError as error:
        raise ImageError(MISSING) from error
    except IndexError as error:
        raise ImageError(f"{file.name} has no row {row}") from error
    except KeyError as error:
        raise ImageError(f"{file.name} has no column {name!r}") from error
    except (OSError, ValueError) as error:
        raise ImageError(error_text(error)) from error
    except (MemoryError, SystemError) as error:  # pyarrow's, about a damaged table
        raise ImageError(f"{file.name} is damaged: {first_line(error)}") from error
    if not data:
        raise ImageError(f"row {row} of {file.name} holds no image")
    return data


def open_arrow(path: Path) -> pa.Table:
    """A memory-mapped Arrow file, in the streaming format (as `datasets` writes it) or the file format; copies nothing.

    Raises OSError, ValueError (pyarrow's ArrowInvalid is one) or MemoryError if it can't be read or is damaged.
    """
    return _arrow(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _arrow(path: Path, _changed: int) -> pa.Table:
    import pyarrow as pa  # takes half a second to import, and is only needed for images inside tables

    mapped = pa.memory_map(str(path))
    try:
        table = pa.ipc.open_stream(mapped).read_all()
    except pa.ArrowInvalid:
        mapped.seek(0)
        table = pa.ipc.open_file(mapped).read_all()
    table.validate(full=True)  # reading a damaged table's cells would crash, or read other memory
    return table


@lru_cache(maxsize=16)
def _row_groups(path: Path, _changed: int) -> list[tuple[int, int]]:
    """(first row, rows) of each row group of a parquet file."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    groups: list[tuple[int, int]] = []
    start = 0
    for group in range(metadata.num_row_groups):
        groups.append((start, metadata.row_group(group).num_rows))
        start += groups[-1][1]
    return groups


@lru_cache(maxsize=2)
def _row_group(path: Path, _changed: int, column: str, group: int) -> pa.ChunkedArray:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, columns=[column]).column(column)
