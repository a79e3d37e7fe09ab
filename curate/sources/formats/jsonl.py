"""JSON of any data set: lines, an array, or one object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import TRIED, Columns, find_column
from curate.sources.format import FileFormat
from curate.sources.image_paths import resolve_images
from curate.sources.json_rows import read_json
from curate.sources.look import Look
from curate.sources.model import Job, Part, with_split
from curate.sources.places.file_text import Change
from curate.sources.places.json_labels import in_json
from curate.sources.places.output import Files


class Jsonl(FileFormat):
    name = "jsonl"
    shape = "JSON lines, a JSON array of objects or labels, one object `{image: label}`, or a table"
    page = """
A record is an object with a label under one of the [names](#columns) above, or a string, which is the label itself.
`curate fix` changes the label's string and keeps every other byte: numbers, spaces and the order of keys stay.

What pandas' `to_json` writes is read in every form but one: by columns (the default: `{"latex": {"0": …}, …}`),
`index`, `split`, `table` and `records`, and lists by column, as `to_dict("list")` gives them. pandas' index becomes the
column `index`, or `image` if it names image files. The form `values` has no names of columns, and is an error. In an
object of labels by number, as a Series is written, the numbers are [ids](#columns).
"""
    layouts = (("TexTeller", "`formulas.jsonl` of `img_name` and `formula` with `images`"),)
    example = (
        (
            "train.jsonl",
            '{"id": "a", "image": "a.png", "latex": "x ^ { 2 }"}\n{"id": "b", "image": "b.png", "latex": "y"}\n',
        ),
        ("images/a.png", ""),
        ("images/b.png", ""),
    )
    general = True
    endings = (".json", ".jsonl", ".ndjson")
    columns = TRIED
    file_kind = "JSON file"

    def recognise_file(self, look: Look) -> float | None:
        records = look.records
        if not records:
            return 0.3 if look.suffix in self.endings and look.lines else None
        if all(isinstance(record, str) for record in records):
            return 0.6
        names = list(dict.fromkeys(name for record in records if isinstance(record, dict) for name in record))
        if find_column(names, self.columns["label"]) is None:
            return 0.5
        # As certain as a table with such a header: a folder that holds both could be either.
        return 0.8 if find_column(names, self.columns["image"]) else 0.6

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        return resolve_images(with_split(read_json(part.path, job), part), job, part.path, part.split)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return in_json(files.text(path), changes, columns)


FORMAT = Jsonl()
