"""Writes a shard as a Parquet file with the pictures inside. Knows no format's name and no column besides its own.

The same rows give the same bytes: nothing here depends on the time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate.export.write.pictures import PictureFile
from curate.export.write.shards import Row
from curate.images.stored import name_of

#: Rows of a row group: what `datasets` reads at a time when streaming, and what is buffered before it is written. A
#: group is closed sooner when its pictures and labels reach this many bytes.
ROW_GROUP = 256
GROUP_BYTES = 64 << 20

_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
#: Columns that are written plainly. The others repeat a few values and are written as a dictionary.
_NO_DICTIONARY = ("image", "images", "drawn", "label", "sample_id", "score")


class ParquetShard:
    """One Parquet file below `folder`, written a row group at a time.

    features: column to feature, as in `datasets`. cells: a row's values in the format's additional columns, given
    whether the row has an image.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        features: Mapping[str, Any],
        cells: Callable[[Row, bool], dict[str, Any]],
    ) -> None:
        self._name, self._path, self._cells = name, folder / name, cells
        self._listed = "images" in features
        self._path.parent.mkdir(exist_ok=True)
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        self._schema = pa.schema([(column, _arrow(feature)) for column, feature in features.items()], metadata=metadata)
        self._frame_schema = dict(pl.DataFrame(self._schema.empty_table()).schema)
        leaves = _leaves(self._schema)
        # Pictures are compressed already, and pictures or ids are rarely equal.
        self._writer = pq.ParquetWriter(
            self._path,
            self._schema,
            compression={leaf: "none" if leaf.endswith(".bytes") else "zstd" for leaf in leaves},
            use_dictionary=[leaf for leaf in leaves if leaf.split(".")[0] not in _NO_DICTIONARY],
            write_statistics=["source", "score"],
        )
        self._rows: list[dict[str, Any]] = []
        self._held = 0
        self.size = 0

    def add(self, row: Row, picture: PictureFile) -> None:
        image = None if picture.data is None else {"bytes": picture.data, "path": _file_name(row, picture)}
        self._rows.append(
            {
                **({"images": [] if image is None else [image]} if self._listed else {"image": image}),
                "label": row.label,
                "source": row.source,
                "sample_id": row.sample_id,
                "score": row.score,
                **self._cells(row, image is not None),
            }
        )
        drawn = self._rows[-1].get("drawn") or {}
        self._held += len(picture.data or b"") + len(row.label) + len(drawn.get("bytes", b""))
        if len(self._rows) == ROW_GROUP or self._held >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        # Through polars: pyarrow imports pandas to inspect Python objects, which takes half a second.
        table = pl.DataFrame(self._rows, schema=self._frame_schema).to_arrow().cast(self._schema)
        self.size += table.nbytes
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        self._rows.clear()
        self._held = 0

    def close(self) -> dict[str, Path]:
        """The shard's files by their name in the data set."""
        if self._rows:
            self._flush()
        self._writer.close()
        return {self._name: self._path}


def _arrow(feature: Mapping[str, Any]) -> pa.DataType:
    """The Arrow type of a feature: a picture, a list, a value, or a mapping of fields."""
    kind = feature.get("_type")
    if kind == "Image":
        return _PICTURE
    if kind == "List":
        return pa.list_(_arrow(feature["feature"]))
    if kind == "Value":
        return pa.type_for_alias(feature["dtype"])
    return pa.struct([(name, _arrow(inner)) for name, inner in feature.items()])


def _leaves(schema: pa.Schema) -> list[str]:
    """The columns of a parquet file with this schema, nested ones by their path."""
    found: list[str] = []

    def walk(kind: pa.DataType, path: str) -> None:
        if pa.types.is_struct(kind):
            for at in range(kind.num_fields):
                walk(kind.field(at).type, f"{path}.{kind.field(at).name}")
        elif pa.types.is_list(kind):
            walk(kind.value_type, f"{path}.list.element")
        else:
            found.append(path)

    for field in schema:
        walk(field.type, field.name)
    return found


def _file_name(row: Row, picture: PictureFile) -> str:
    """The image's own name, with the extension of its current format."""
    name = name_of(row.ref or "")
    stem = name.rsplit(".", 1)[0] if "." in name[1:] else name
    return f"{stem}.{picture.extension}"
