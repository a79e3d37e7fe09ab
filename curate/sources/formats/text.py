"""Plain text, one label per line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import Columns
from curate.sources.format import FileFormat
from curate.sources.look import Look
from curate.sources.model import Job, Part
from curate.sources.places.file_text import Change
from curate.sources.places.label_lines import in_lines
from curate.sources.places.output import Files
from curate.sources.plain_lines import lines_frame, read_labels

#: Other names in use for a text file of labels.
_ODD_ENDINGS = (".formulas", ".labels", ".norm", "")
_LAYOUT_CHARACTERS = "\t\r\x0b\x0c\x07\x08"


class TextFormat(FileFormat):
    name = "text"
    shape = "a label a line"
    page = """
Labels without images. A sample is named after its line number. Blank lines count, and are unreadable rows.
"""
    example = (("labels.txt", "x ^ { 2 }\n\\frac { 1 } { 2 }\n"),)
    general = True
    endings = (".txt", ".lst", ".tex")
    file_kind = "text file"

    def recognise_file(self, look: Look) -> float | None:
        if look.suffix not in (*self.endings, *_ODD_ENDINGS) or not look.lines or look.records:
            return None
        text = "".join(look.lines)
        odd = sum(1 for char in text if char < " " and char not in _LAYOUT_CHARACTERS) + text.count("\ufffd")
        return 0.2 if odd * 10 <= len(text) and not text.lstrip().startswith("<?xml") else None

    def recognise_folder(self, look: Look) -> float | None:
        return None  # a folder with a text file in it may be anything

    def belongs(self, look: Look) -> bool:
        return self.recognise_file(look) is not None

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        return lines_frame(read_labels(part, job), part)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return in_lines(files.text(path), changes)


FORMAT = TextFormat()
