"""Writes the shards of a data set in its format: parquet with pictures inside, or JSON lines with files beside.

`hf` and `messages` are parquet files that `datasets` loads with its `Image` feature; `sharegpt` is JSON lines in the
layout of an image folder, which `datasets` loads too, with the `dataset_info.json` of LLaMA-Factory. The same rows give
the same bytes: nothing here knows the time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate.export.write.pictures import PictureFile
from curate.export.write.shards import Row, Shard

#: Rows of a row group: what `datasets` reads at a time when it streams, and what is held before it is written. A group
#: is closed sooner when it holds so many bytes of pictures and labels.
ROW_GROUP = 256
GROUP_BYTES = 64 << 20

#: What LLaMA-Factory counts as a place for an image (and the like) in any turn. In mathematics a space draws nothing.
_MARK = re.compile(r"<(image|video|audio)>")

_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_PART = pa.struct([("type", pa.string()), ("text", pa.string())])
_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.list_(_PART))])
_STRING: dict[str, Any] = {"dtype": "string", "_type": "Value"}

#: Column to its Arrow type and its feature in `datasets`. Pictures are decoded to RGB whatever their file holds.
_COLUMNS: dict[str, tuple[pa.DataType, Any]] = {
    "image": (_PICTURE, {"mode": "RGB", "_type": "Image"}),
    "label": (pa.string(), _STRING),
    "source": (pa.string(), _STRING),
    "sample_id": (pa.string(), _STRING),
    "score": (pa.float64(), {"dtype": "float64", "_type": "Value"}),
}
_MESSAGES = (
    pa.list_(_MESSAGE),
    {
        "_type": "List",
        "feature": {"role": _STRING, "content": {"_type": "List", "feature": {"type": _STRING, "text": _STRING}}},
    },
)


def columns(form: str) -> dict[str, tuple[pa.DataType, Any]]:
    """The columns of a parquet format: name to Arrow type and feature."""
    return {**_COLUMNS, "messages": _MESSAGES} if form == "messages" else _COLUMNS


def _frame_schema(form: str) -> dict[str, pl.DataType]:
    """The schema of a parquet format's columns as polars has it."""
    empty = pa.Table.from_batches([], schema=pa.schema([(name, kind) for name, (kind, _) in columns(form).items()]))
    return dict(pl.DataFrame(empty).schema)


class ParquetShard:
    """One parquet file, written a row group at a time."""

    def __init__(self, folder: Path, shard: Shard, form: str, prompt: str) -> None:
        self._name = f"data/{shard.name}.parquet"
        self._path = folder / self._name
        self._path.parent.mkdir(exist_ok=True)
        self._form, self._prompt = form, prompt
        kinds = columns(form)
        features = {name: feature for name, (_, feature) in kinds.items()}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        self._schema = pa.schema([(name, kind) for name, (kind, _) in kinds.items()], metadata=metadata)
        # Pictures are compressed already, and hardly two of them, or two ids, are equal.
        self._writer = pq.ParquetWriter(
            self._path,
            self._schema,
            compression={name: "none" if name == "image.bytes" else "zstd" for name in _leaves(self._schema)},
            use_dictionary=["source", *(leaf for leaf in _leaves(self._schema) if leaf.startswith("messages"))],
            write_statistics=["source", "score"],
        )
        self._rows: list[dict[str, Any]] = []
        self._held = 0
        self.size = 0

    def add(self, row: Row, picture: PictureFile) -> None:
        image = None if picture.data is None else {"bytes": picture.data, "path": _file_name(row, picture)}
        record: dict[str, Any] = {
            "image": image,
            "label": row.label,
            "source": row.source,
            "sample_id": row.sample_id,
            "score": row.score,
        }
        if self._form == "messages":
            record["messages"] = _conversation(row, self._prompt, with_image=image is not None)
        self._rows.append(record)
        self._held += len(picture.data or b"") + len(row.label)
        if len(self._rows) == ROW_GROUP or self._held >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        # Through polars: pyarrow imports pandas to look at Python objects, which takes half a second.
        table = pl.DataFrame(self._rows, schema=_frame_schema(self._form)).to_arrow().cast(self._schema)
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


def _leaves(schema: pa.Schema) -> list[str]:
    """The columns of a parquet file of this schema, nested ones by their path."""
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
    """The image's own name, with the extension of what it is now."""
    name = (row.ref or "").replace("\\", "/").rsplit("/", 1)[-1].rsplit("#", 1)[0]
    stem = name.rsplit(".", 1)[0] if "." in name[1:] else name
    return f"{stem}.{picture.extension}"


def _conversation(row: Row, prompt: str, *, with_image: bool) -> list[dict[str, Any]]:
    """A question and its answer in the form that chat templates of vision-language models read."""
    asked = [{"type": "image", "text": None}] if with_image else []
    return [
        {"role": "user", "content": [*asked, {"type": "text", "text": prompt}]},
        {"role": "assistant", "content": [{"type": "text", "text": row.label}]},
    ]


class FilesShard:
    """A folder of picture files, and the JSON lines about them, which are put together when all shards are there."""

    def __init__(self, folder: Path, shard: Shard, form: str, prompt: str) -> None:
        self._base = folder
        self._split = shard.split
        self._images = Path("images") / f"{shard.number:05d}"
        (folder / shard.split / self._images).mkdir(parents=True, exist_ok=True)
        self._lines_name = f"{LINES}/{shard.name}.jsonl"
        (folder / LINES).mkdir(exist_ok=True)
        self._lines = (folder / self._lines_name).open("w", encoding="utf-8", newline="\n")
        self._prompt = prompt
        self._files: dict[str, Path] = {self._lines_name: folder / self._lines_name}
        self._number = 0
        self.size = 0

    def add(self, row: Row, picture: PictureFile) -> None:
        if picture.data is None:
            raise ValueError(f"{row.sample_id}: an image folder holds no row without an image")
        name = (self._images / f"{self._number:06d}.{picture.extension}").as_posix()
        self._number += 1
        path = self._base / self._split / name
        path.write_bytes(picture.data)
        self._files[f"{self._split}/{name}"] = path
        self.size += len(picture.data)
        record = {
            "file_name": name,  # relative to the folder of the lines, as image folders have it
            "conversations": [
                {"from": "human", "value": f"<image>{self._prompt}"},
                {"from": "gpt", "value": _MARK.sub(r"< \1>", row.label)},
            ],
            "images": [f"{self._split}/{name}"],  # relative to the folder of dataset_info.json
            "label": row.label,
            "source": row.source,
            "sample_id": row.sample_id,
            "score": row.score,
        }
        self._lines.write(json.dumps(record, ensure_ascii=False) + "\n")

    def close(self) -> dict[str, Path]:
        """The shard's files by their name in the data set."""
        self._lines.close()
        return self._files


#: Where the lines of unfinished image folders lie; no split can be called so.
LINES = ".lines"


def open_shard(folder: Path, shard: Shard, form: str, prompt: str) -> ParquetShard | FilesShard:
    """A shard to be written below `folder`."""
    return (FilesShard if form == "sharegpt" else ParquetShard)(folder, shard, form, prompt)


def finish_files(folder: Path, shards: Mapping[str, list[Shard]], name: str) -> None:
    """Put the lines of image folders together, one file a split, and describe them for LLaMA-Factory."""
    info: dict[str, Any] = {}
    for split, parts in shards.items():
        with (folder / split / "metadata.jsonl").open("wb") as target:
            for shard in parts:
                lines = folder / LINES / f"{shard.name}.jsonl"
                target.write(lines.read_bytes())
                lines.unlink()
        info[f"{name}_{split}"] = {
            "file_name": f"{split}/metadata.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "images": "images"},
            "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
        }
    (folder / LINES).rmdir()
    text = json.dumps(info, ensure_ascii=False, indent=2) + "\n"
    (folder / "dataset_info.json").write_text(text, encoding="utf-8", newline="\n")
