"""The layout that TexTeller trains on: `formulas.jsonl` and a folder `images` for each split."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from curate.export.format import LinesFormat

if TYPE_CHECKING:
    from curate.export.write.shards import Row, Shard


class TexTeller(LinesFormat):
    name = "texteller"
    loader = "polars"
    help = "a folder of pictures and a formulas.jsonl for each split, for TexTeller"
    files = "`train/formulas.jsonl` and `train/images/`"
    besides = "`img_name` and `formula` in place of `image` and `label`"
    page = (
        "A split's folder is what TexTeller's `dataset/loader.py` uses as `DIR_URL`. Pictures are PNG or JPEG: it "
        "skips others. Every label needs an image."
    )
    columns = "`img_name` (a file in `images`), `formula`, `source`, `sample_id`, `score` (1 is clean)"
    media_type = "application/jsonlines"
    fields: ClassVar[Mapping[str, str]] = dict.fromkeys(("img_name", "formula", "source", "sample_id"), "sc:Text")
    endings = frozenset({"png", "jpg"})

    def data_files(self, split: str) -> str:
        return self.lines_file(split)

    def lines_file(self, split: str) -> str:
        return f"{split}/formulas.jsonl"

    def picture_folder(self, shard: Shard) -> str:
        return f"{shard.split}/images/"

    def picture_stem(self, shard: Shard, number: int) -> str:
        return f"{shard.number:05d}{number:06d}"  # one folder for all shards: the loader doesn't look into subfolders

    def line(self, row: Row, picture: str, split: str, prompt: str) -> str:
        record = {
            "img_name": picture.rpartition("/")[2],
            "formula": row.label,
            "source": row.source,
            "sample_id": row.sample_id,
            "score": row.score,
        }
        return json.dumps(record, ensure_ascii=False)

    def loading(self, where: str) -> tuple[str, str]:
        scan = f'pl.scan_ndjson("{where}/*/formulas.jsonl", include_file_paths="file")'
        return "import polars as pl", f"dataset = {scan}"

    def first_label(self, split: str) -> str:
        file = f'pl.col("file").str.ends_with("/{self.lines_file(split)}")'
        return f'dataset.filter({file}).first().collect()["formula"][0]'


FORMAT = TexTeller()
