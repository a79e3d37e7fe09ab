"""JSON lines in the layout of an image folder, which `datasets` loads, with LLaMA-Factory's `dataset_info.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.export.format import ExportFormat, ShardWriter

if TYPE_CHECKING:
    from curate.export.write.pictures import PictureFile
    from curate.export.write.shards import Row, Shard

#: Where the lines of unfinished image folders lie; no split can be called so.
LINES = ".lines"
INFO = "dataset_info.json"

#: What LLaMA-Factory counts as a place for an image (and the like) in any turn. In mathematics a space draws nothing.
_MARK = re.compile(r"<(image|video|audio)>")


class ShareGpt(ExportFormat):
    name = "sharegpt"
    help = "an image folder with a conversation in each row, for LLaMA-Factory"
    files = "`train/metadata.jsonl` and `train/images/`"
    besides = "`conversations`, `images`, and `dataset_info.json` for LLaMA-Factory"
    page = (
        "LLaMA-Factory takes the folder as its `dataset_dir` and `media_dir`. It counts `<image>`, `<video>` and "
        "`<audio>` in every turn; where a label holds one, its answer has a space behind the `<`, which draws nothing. "
        "No label can be without an image."
    )
    columns = (
        "`image`, `label`, `source`, `sample_id`, `score` (1 is clean), `conversations`, `images`; LLaMA-Factory takes "
        "this folder as its `dataset_dir` and `media_dir`"
    )
    picture_files = True
    only_with_images = "an image folder"
    asks = True

    def data_files(self, split: str) -> str:
        return f"{split}/**"

    def shard_name(self, shard: Shard) -> str:
        return f"{shard.split}/images/{shard.number:05d}/"

    def open(self, folder: Path, shard: Shard, prompt: str) -> ShardWriter:
        return _FilesShard(folder, shard, prompt)

    def finish(self, folder: Path, shards: Mapping[str, list[Shard]], name: str) -> None:
        """Put the lines of the shards together, one file a split, and describe them for LLaMA-Factory."""
        info: dict[str, Any] = {}
        for split, parts in shards.items():
            with (folder / _metadata(split)).open("wb") as target:
                for shard in parts:
                    lines = folder / _lines(shard)
                    target.write(lines.read_bytes())
                    lines.unlink()
            info[f"{name}_{split}"] = {
                "file_name": _metadata(split),
                "formatting": "sharegpt",
                "columns": {"messages": "conversations", "images": "images"},
                "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
            }
        (folder / LINES).rmdir()
        text = json.dumps(info, ensure_ascii=False, indent=2) + "\n"
        (folder / INFO).write_text(text, encoding="utf-8", newline="\n")

    def finished(self, splits: Iterable[str]) -> list[str]:
        return [*map(_metadata, splits), INFO]


def _metadata(split: str) -> str:
    return f"{split}/metadata.jsonl"


def _lines(shard: Shard) -> str:
    return f"{LINES}/{shard.name}.jsonl"


class _FilesShard:
    """A folder of picture files, and the JSON lines about them, which are put together when all shards are there."""

    def __init__(self, folder: Path, shard: Shard, prompt: str) -> None:
        self._base = folder
        self._split = shard.split
        self._images = Path("images") / f"{shard.number:05d}"
        (folder / shard.split / self._images).mkdir(parents=True, exist_ok=True)
        lines = folder / _lines(shard)
        lines.parent.mkdir(exist_ok=True)
        self._lines = lines.open("w", encoding="utf-8", newline="\n")
        self._prompt = prompt
        self._files: dict[str, Path] = {_lines(shard): lines}
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
        self._lines.close()
        return self._files


FORMAT = ShareGpt()
