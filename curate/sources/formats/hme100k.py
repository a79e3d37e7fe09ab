"""HME100K: photographs of handwriting, a name, a TAB and a label a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import Columns
from curate.sources.format import FileFormat
from curate.sources.look import Look
from curate.sources.model import Job, Part
from curate.sources.named_lines import SPACE_TAB, named_share, read_named_lines
from curate.sources.places.file_text import Change
from curate.sources.places.label_lines import in_lines
from curate.sources.places.output import Files


class Hme100k(FileFormat):
    name = "hme100k"
    shape = "`image<TAB>label` lines (a space may stand before the TAB)"
    page = """
The first TAB ends the name. Spaces before it belong to neither name nor label; everything after it is the label.
"""
    layouts = (
        (
            "HME100K",
            "`train_labels.txt` with `train_images`, `test_labels.txt` with `test_images`; or a folder for each",
        ),
        ("PaddleOCR", "`rec_gt_train.txt`, `rec_gt_test.txt` of `train/word_1.png<TAB>label`"),
        ("PaddleX", "`train.txt`, `val.txt` of `images/NAME<TAB>label`"),
    )
    example = (
        ("train_labels.txt", "train_0.jpg \t\\frac { 1 } { 2 }\ntrain_1.jpg \tx ^ { 2 }\n"),
        ("train_images/train_0.jpg", ""),
        ("train_images/train_1.jpg", ""),
    )
    endings = (".txt", ".tsv", ".lst", "")
    file_kind = "file of image<TAB>label lines"

    def recognise_file(self, look: Look) -> float | None:
        if named_share(look) < 0.8:
            return None
        return 0.97 if look.share(SPACE_TAB) >= 0.5 else 0.75

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        return read_named_lines(part, job)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return in_lines(files.text(path), changes)


FORMAT = Hme100k()
