"""A label a line: plain text without images, and UniMER, whose images are named by the row number."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from curate.sources.image_paths import check_inside
from curate.sources.lines import read_lines
from curate.sources.look import Look
from curate.sources.model import BLANK_LINE, Format, Job, Part
from curate.sources.splits import file_or_folder

NUMBERED = re.compile(r"(?i)0*(\d+)\.(png|jpe?g|bmp|webp)")
_ENDINGS = (".txt", ".lst", ".tex", ".formulas", ".labels", ".norm", "")


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


def sniff_unimer(look: Look) -> float | None:
    if look.suffix != ".txt" or not look.lines or look.path.name.endswith(".matching.txt"):
        return None
    if sum("\t" in line for line in look.lines) * 2 > len(look.lines) or _image_folder(look.path) is None:
        return None
    return 0.85


def _read_unimer(part: Part, job: Job) -> pl.DataFrame:
    frame = read_lines(part.path, job)
    frame = job.reject(frame, pl.col("text").str.strip_chars() == "", BLANK_LINE, part.path)
    folder = _image_folder(part.path, job.root)
    if folder is None:
        return _lines_frame(frame, part)
    images = _numbered(folder)
    first = 0 if 0 in images else 1
    digits = max(len(Path(name).stem) for name in images.values())
    ending = Path(next(iter(images.values()))).suffix
    absolute = folder.absolute().as_posix()
    names = [images.get(line - 1 + first, f"{line - 1 + first:0{digits}d}{ending}") for line in frame["line"].to_list()]
    frame = frame.select("line", split=pl.lit(part.split, pl.String), label="text").with_columns(
        name=pl.Series(names, dtype=pl.String),
        image=pl.Series([f"{absolute}/{name}" for name in names], dtype=pl.String),
    )
    return check_inside(frame.select("line", "split", "name", "image", "label"), job, part.path)


def sniff_text(look: Look) -> float | None:
    if look.is_dir or look.suffix not in _ENDINGS or not look.lines or look.records:
        return None
    text = "".join(look.lines)
    odd = sum(1 for char in text if char < " " and char not in "\t\r\x0b\x0c\x07\x08") + text.count("\ufffd")
    return 0.2 if odd * 10 <= len(text) and not text.lstrip().startswith("<?xml") else None


def _read_text(part: Part, job: Job) -> pl.DataFrame:
    frame = read_lines(part.path, job)
    return _lines_frame(job.reject(frame, pl.col("text").str.strip_chars() == "", BLANK_LINE, part.path), part)


def _lines_frame(frame: pl.DataFrame, part: Part) -> pl.DataFrame:
    return frame.select(
        "line",
        split=pl.lit(part.split, pl.String),
        name=pl.col("line").cast(pl.String),
        image=pl.lit(None, pl.String),
        label="text",
    )


def _sniff_unimer(look: Look) -> float | None:
    if not look.is_dir:
        return sniff_unimer(look)
    return max((found for file in look.label_files if (found := sniff_unimer(file))), default=None)


UNIMER = Format(
    "unimer",
    "a .txt with a label a line, and a folder of images named by the row number (0000000.png)",
    _sniff_unimer,
    file_or_folder("unimer", sniff_unimer, (".txt",), ".txt file with a label a line"),
    _read_unimer,
)
TEXT = Format(
    "text",
    "a label a line",
    sniff_text,
    file_or_folder("text", lambda look: 0.5 if sniff_text(look) else None, _ENDINGS, "text file"),
    _read_text,
)
