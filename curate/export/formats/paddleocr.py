"""The lists that PaddleOCR's recognisers train on: each line is a picture's path, a TAB and the label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.export.format import LinesFormat

if TYPE_CHECKING:
    from curate.export.write.shards import Row, Shard


class PaddleOcr(LinesFormat):
    name = "paddleocr"
    loader = "polars"
    help = "lines of a picture's path and the label, for PaddleOCR"
    files = "`rec_gt_train.txt` and `train/`"
    page = (
        "PaddleOCR's `SimpleDataSet` takes the folder as its `data_dir` and the lists as its `label_file_list`. A TAB "
        "or line end in a label becomes a space, since a line is a row. Pictures are PNG or JPEG. Ids, sources and "
        "scores are left out. Every label needs an image."
    )
    columns = "the picture's path below this folder, a TAB, the label"
    endings = frozenset({"png", "jpg"})

    def data_files(self, split: str) -> str:
        return self.lines_file(split)

    def lines_file(self, split: str) -> str:
        return f"rec_gt_{split}.txt"

    def picture_folder(self, shard: Shard) -> str:
        return f"{shard.split}/{shard.number:05d}/"

    def line(self, row: Row, picture: str, split: str, prompt: str) -> str:
        from curate.sources.places.file_text import one_line

        return f"{picture}\t{one_line(row.label).replace(chr(9), ' ')}"

    def loading(self, where: str) -> tuple[str, str]:
        how = 'separator="\\t", quote_char=None, has_header=False, new_columns=["image", "label"], infer_schema=False'
        return "import polars as pl", f'dataset = pl.scan_csv("{where}/rec_gt_*.txt", {how})'

    def first_label(self, split: str) -> str:
        return f'dataset.filter(pl.col("image").str.starts_with("{split}/")).first().collect()["label"][0]'


FORMAT = PaddleOcr()
