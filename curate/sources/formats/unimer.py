"""UniMER: a label a line, and images named by the row number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import Columns
from curate.sources.format import FileFormat
from curate.sources.image_paths import check_inside
from curate.sources.look import Look
from curate.sources.model import Job, Part
from curate.sources.places.file_text import Change
from curate.sources.places.label_lines import in_lines
from curate.sources.places.output import Files
from curate.sources.plain_lines import lines_frame, read_labels

NUMBERED = re.compile(r"(?i)0*(\d+)\.(png|jpe?g|bmp|webp)")


class Unimer(FileFormat):
    name = "unimer"
    shape = "a `.txt` with a label a line, and a folder of images named by the row number (`0000000.png`)"
    page = """
The images are in a folder of the text file's name, in `images`, or beside it. Numbering starts at 0 where an image 0
exists, else at 1.
"""
    example = (
        ("cpe.txt", "x ^ { 2 }\n\\frac { 1 } { 2 }\n"),
        ("cpe/0000000.png", ""),
        ("cpe/0000001.png", ""),
    )
    endings = (".txt",)
    file_kind = ".txt file with a label a line"

    def recognise_file(self, look: Look) -> float | None:
        if look.suffix != ".txt" or not look.lines or look.path.name.endswith(".matching.txt"):
            return None
        if sum("\t" in line for line in look.lines) * 2 > len(look.lines) or _image_folder(look.path) is None:
            return None
        return 0.85

    def recognise_folder(self, look: Look) -> float | None:
        return max((found for file in look.label_files if (found := self.recognise_file(file))), default=None)

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        frame = read_labels(part, job)
        folder = _image_folder(part.path, job.root)
        if folder is None:
            return lines_frame(frame, part)
        images = _numbered(folder)
        first = 0 if 0 in images else 1
        digits = max(len(Path(name).stem) for name in images.values())
        ending = Path(next(iter(images.values()))).suffix
        absolute = folder.absolute().as_posix()
        names = [
            images.get(line - 1 + first, f"{line - 1 + first:0{digits}d}{ending}") for line in frame["line"].to_list()
        ]
        frame = frame.select("line", split=pl.lit(part.split, pl.String), label="text").with_columns(
            name=pl.Series(names, dtype=pl.String),
            image=pl.Series([f"{absolute}/{name}" for name in names], dtype=pl.String),
        )
        return check_inside(frame.select("line", "split", "name", "image", "label"), job, part.path)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return in_lines(files.text(path), changes)


def _numbered(folder: Path) -> dict[int, str]:
    """{number: file name} of the images in a folder that are named by a number."""
    found = {}
    for name in Look(folder).names[0]:
        if match := NUMBERED.fullmatch(name):
            found[int(match[1])] = name
    return found


def _image_folder(labels: Path, root: Path | None = None) -> Path | None:
    """The folder of numbered images that belongs to a label file: of its name, `images`, or its own."""
    stem = labels.name.removesuffix(".gz").rpartition(".")[0]
    for base in (root, labels.parent):
        if base is not None:
            for place in (base / stem, base / f"{stem}_images", base / "images" / stem, base / "images", base):
                if place.is_dir() and _numbered(place):
                    return place
    return None


FORMAT = Unimer()
