"""M2E: handwritten homework with layout tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.sources.format import FileFormat
from curate.sources.image_paths import resolve_images
from curate.sources.json_rows import read_json
from curate.sources.look import Look
from curate.sources.model import Job, Part, with_split
from curate.sources.named_lines import SPACE_TAB, named_share, read_named_lines, share
from curate.sources.places.file_text import Change
from curate.sources.places.json_labels import in_json
from curate.sources.places.label_lines import in_lines
from curate.sources.places.output import Files

_LAYOUT = re.compile(r"(^|[ \t])\\[nt]( |$)")


class M2E(FileFormat):
    name = "m2e"
    shape = 'JSON lines `{"name": "0.jpg", "tex": "…"}`, or `name<TAB>label`'
    page = r"""
`\n` and `\t` in labels are layout tokens (next line, next block of lines). They are not LaTeX, but they carry
information: rules ESC001 to ESC003 report them, and nothing deletes them.
"""
    layouts = (("M²E", "`train.jsonl`, `val.jsonl`, `test.jsonl` with `images` or `Images`"),)
    example = (
        (
            "train.json",
            r"""
{"name": "0.jpg", "tex": "1 5 . 4 \\times 4 \\n = 6 1 . 6"}
{"name": "1.jpg", "tex": "x \\t = 2"}
""".lstrip(),
        ),
        ("images/0.jpg", ""),
        ("images/1.jpg", ""),
    )
    endings = (".json", ".jsonl", ".txt", ".tsv", ".lst", "")
    columns = TRIED
    file_kind = "M2E label file"

    def recognise_file(self, look: Look) -> float | None:
        records = [record for record in look.records if isinstance(record, dict)]
        if records and all("name" in record and "tex" in record for record in records):
            return 0.95
        if named_share(look) < 0.8:
            return None
        return 0.9 if share(look, _LAYOUT) and look.share(SPACE_TAB) < 0.5 else 0.6

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        if Look(part.path).records:
            return resolve_images(with_split(read_json(part.path, job), part), job, part.path, part.split)
        return read_named_lines(part, job)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        if Look(path).records:
            return in_json(files.text(path), changes, columns)
        return in_lines(files.text(path), changes)


FORMAT = M2E()
