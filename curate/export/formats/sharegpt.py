"""JSON lines in the layout of an image folder, which `datasets` loads, with LLaMA-Factory's `dataset_info.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from curate.export.format import FIELDS, LinesFormat

if TYPE_CHECKING:
    from curate.export.write.shards import Row, Shard

INFO = "dataset_info.json"

#: What LLaMA-Factory counts as a place for an image (and the like) in any turn. In mathematics a space draws nothing.
_MARK = re.compile(r"<(image|video|audio)>")


class ShareGpt(LinesFormat):
    name = "sharegpt"
    help = "an image folder with a conversation in each row, for LLaMA-Factory and ms-swift"
    files = "`train/metadata.jsonl` and `train/images/`"
    besides = "`conversations`, `images`, and `dataset_info.json` for LLaMA-Factory"
    page = (
        "LLaMA-Factory takes the folder as its `dataset_dir` and `media_dir`; ms-swift takes `train/metadata.jsonl`, "
        "run in the folder. Both count `<image>`, `<video>` and "
        "`<audio>` in every turn; if a label holds one, its answer gets a space after the `<`, which draws nothing. "
        "Every label needs an image."
    )
    columns = (
        "`image`, `label`, `source`, `sample_id`, `score` (1 is clean), `conversations`, `images`; LLaMA-Factory takes "
        "this folder as its `dataset_dir` and `media_dir`"
    )
    media_type = "application/jsonlines"
    fields: ClassVar[Mapping[str, str]] = {"file_name": "sc:Text", **FIELDS}
    asks = True

    def data_files(self, split: str) -> str:
        return f"{split}/**"

    def lines_file(self, split: str) -> str:
        return f"{split}/metadata.jsonl"

    def picture_folder(self, shard: Shard) -> str:
        return f"{shard.split}/images/{shard.number:05d}/"

    def line(self, row: Row, picture: str, split: str, prompt: str) -> str:
        record = {
            "file_name": picture.removeprefix(f"{split}/"),  # relative to the folder of the lines
            "conversations": [
                {"from": "human", "value": f"<image>{prompt}"},
                {"from": "gpt", "value": _MARK.sub(r"< \1>", row.label)},
            ],
            "images": [picture],  # relative to the folder of dataset_info.json
            "label": row.label,
            "source": row.source,
            "sample_id": row.sample_id,
            "score": row.score,
        }
        return json.dumps(record, ensure_ascii=False)

    def finish(self, folder: Path, shards: Mapping[str, list[Shard]], name: str) -> None:
        """Join the lines of the shards into one file per split, and describe them for LLaMA-Factory."""
        super().finish(folder, shards, name)
        info = {
            f"{name}_{split}": {
                "file_name": self.lines_file(split),
                "formatting": "sharegpt",
                "columns": {"messages": "conversations", "images": "images"},
                "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
            }
            for split in shards
        }
        text = json.dumps(info, ensure_ascii=False, indent=2) + "\n"
        (folder / INFO).write_text(text, encoding="utf-8", newline="\n")

    def finished(self, splits: Iterable[str]) -> list[str]:
        return [*super().finished(splits), INFO]


FORMAT = ShareGpt()
