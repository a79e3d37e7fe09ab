"""Images inside Parquet and Arrow files as rows of a `datasets.Dataset`, memory-mapped, not copied. Decodes none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.base.errors import UserError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa


def packed_images(file: Path, column: str) -> tuple[pa.ChunkedArray, npt.NDArray[np.int64]]:
    """(images as {bytes, path}, for each row of the file the index of its first image or -1).

    The column has bytes, `{bytes, path}`, lists of these, or turns of a conversation with these in their parts. Raises
    UserError if the file can't be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks: list[pa.Array] = []
    places: list[npt.NDArray[np.int64]] = []
    done = 0
    for array in _column(file, column).chunks:
        leaves, starts = _leaves(array, np.arange(len(array) + 1))
        if leaves is None:
            places.append(np.full(len(array), -1))
            continue
        sizes = pc.fill_null(pc.binary_length(leaves.field(0)), 0)
        there = np.flatnonzero(sizes.to_numpy(zero_copy_only=False))
        at = np.searchsorted(there, starts[:-1])
        first = np.append(there, -1)[at]
        places.append(np.where((first >= 0) & (first < starts[1:]), first + done, -1))
        chunks.append(leaves)
        done += len(leaves)
    whole = pa.chunked_array(chunks, type=pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    return whole, np.concatenate(places) if places else np.zeros(0, np.int64)


def _column(file: Path, column: str) -> pa.ChunkedArray:
    import datasets

    try:
        if file.suffix == ".arrow":
            from curate.images.in_tables import open_arrow

            return open_arrow(file).column(column)
        # `datasets` writes it to an Arrow file in its cache, which can be memory-mapped.
        return datasets.Dataset.from_parquet(str(file), columns=[column]).data.column(column)
    except Exception as error:  # the library passes on any errors of its back ends
        first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UserError(f"{file}: can't be read: {first[:300]}") from error


def _leaves(array: pa.Array, starts: npt.NDArray[np.int64]) -> tuple[Any, npt.NDArray[np.int64]]:
    """(the innermost {bytes, path} of an array or None, the index in them at which each row begins, and the end)."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _image_struct(array, pa.nulls(len(array), pa.string())), starts
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _leaves(array.values, array.offsets.to_numpy()[starts])
    if not pa.types.is_struct(kind):
        return None, starts
    fields: Sequence[pa.Array] = array.flatten()
    names = [kind.field(at).name for at in range(kind.num_fields)]
    if "bytes" in names and "path" in names:
        path = fields[names.index("path")]
        return _image_struct(fields[names.index("bytes")], path.cast(pa.string())), starts
    for inner in fields:
        found, inner_starts = _leaves(inner, starts)
        if found is not None:
            return found, inner_starts
    return None, starts


def _image_struct(data: pa.Array, path: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.StructArray.from_arrays([data.cast(pa.binary()), path], ["bytes", "path"])
