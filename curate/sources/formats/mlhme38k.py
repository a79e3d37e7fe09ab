"""MLHME-38K: handwriting of several lines, as lines of a file or one text file per image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import Columns
from curate.sources.format import SourceFormat
from curate.sources.image_paths import resolve_images
from curate.sources.lines import note_encoding, open_bytes, read_lines
from curate.sources.look import IMAGE_ENDINGS, IMAGE_NAME, Look
from curate.sources.model import (
    BLANK_LINE,
    LONG_LABEL,
    MAX_LABEL,
    NOT_UTF8,
    NUL_BYTE,
    PART_SCHEMA,
    Job,
    Part,
    wrong_shape,
)
from curate.sources.named_lines import SPACE_TAB, TAB, read_named_lines, share
from curate.sources.places.file_text import Change
from curate.sources.places.label_lines import in_lines, in_whole
from curate.sources.places.output import Files
from curate.sources.splits import name_parts, split_name

_SPACE = re.compile(rf"[^\t ]+{IMAGE_NAME} [^\t]*$")
_SEVERAL_LINES = re.compile(r"\\\\|\\begin *\{")


class Mlhme38k(SourceFormat):
    name = "mlhme38k"
    shape = "`image<TAB or space>label` lines with labels of several lines, or a folder of one `.txt` per image"
    page = r"""
Labels of several lines hold `\\` or an environment. In a folder of one `.txt` per image the file is the label, and
the image is the one with the same stem, in the same folder, in one in it, or in an image folder beside it.
"""
    example = (
        ("a.txt", "x = 1 \\\\ y = 2\n"),
        ("a.jpg", ""),
        ("b.txt", "\\begin{cases} 1 \\\\ 2 \\end{cases}\n"),
        ("b.jpg", ""),
    )
    endings = (".txt",)

    def recognise(self, look: Look) -> float | None:
        if not look.is_dir:
            return _recognise_lines(look)
        return 0.92 if len(_pairs(look.path)) >= 2 else self.recognise_folder(look)

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir() or _pairs(path):
            return [Part(path)]
        inner = [look.path for look in Look(path).folders if len(_pairs(look.path)) >= 2]
        if inner:
            return [Part(folder, split_name(folder, path)) for folder in inner]
        files = [look.path for look in Look(path).label_files if (_recognise_lines(look) or 0) >= 0.5]
        if not files:
            raise wrong_shape(path, self.name, "the folder holds no label file, and no text file per image")
        return name_parts(files, path)

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        if part.path.is_dir():
            return _read_folder(part, job)
        # Some copies have one space where others have a TAB; the image ending says where the name stops.
        spaced = pl.col("text").str.replace(rf"^([^\t ]+{IMAGE_NAME}) ([^\t]*)$", "${1}\t${2}")
        return read_named_lines(part, job, read_lines(part.path, job).with_columns(spaced))

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return in_lines(files.text(path), changes)

    def label_files(self, folder: Path) -> list[Path]:
        return [text for text, _ in _pairs(folder)]

    def write_one(self, path: Path, change: Change, files: Files, columns: Columns) -> list[str]:
        return in_whole(files.text(path), [change])


def _recognise_lines(look: Look) -> float | None:
    if look.share(_SPACE) >= 0.9:
        return 0.85
    if look.share(TAB) < 0.8 or look.share(SPACE_TAB) >= 0.5:
        return None
    return 0.9 if share(look, _SEVERAL_LINES) >= 0.25 else 0.6


def _pairs(folder: Path) -> list[tuple[Path, Path | None]]:
    """(text file, image of the same stem or None) of a folder of one text file per image; empty where it is none."""
    look = Look(folder)
    texts = {Path(name).stem: folder / name for name in look.names[0] if name.lower().endswith(".txt")}
    if not texts:
        return []
    images: dict[str, Path] = {}
    for place in (look, *(inner for inner in look.folders), *_siblings(folder)):
        for name in place.names[0]:
            if name.lower().endswith(IMAGE_ENDINGS) and Path(name).stem in texts:
                images.setdefault(Path(name).stem, place.path / name)
        if len(images) * 2 >= len(texts):
            break
    if len(images) * 2 < len(texts):
        return []
    return [(text, images.get(stem)) for stem, text in texts.items()]


def _siblings(folder: Path) -> list[Look]:
    return [look for look in Look(folder.parent).folders if look.path != folder and look.path.name.startswith("im")]


def _read_folder(part: Part, job: Job) -> pl.DataFrame:
    rows: list[tuple[int, str | None, str, str | None, str]] = []
    for number, (text_file, image) in enumerate(_pairs(part.path)[: job.left()], 1):
        job.rows += 1
        note_encoding(text_file, job)
        with open_bytes(text_file) as file:
            data = file.read(MAX_LABEL + 8)
        if len(data) > MAX_LABEL + 5:  # a byte order mark and a line end may stand around the longest label
            job.bad(text_file, 1, LONG_LABEL, data[:200].decode("utf-8", "surrogateescape"))
            continue
        try:
            label = data.decode().removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            job.bad(text_file, 1, NOT_UTF8, data[:200].decode("utf-8", "surrogateescape"))
            continue
        if not label.strip():
            job.bad(text_file, 1, BLANK_LINE)
        elif "\0" in label:
            job.bad(text_file, 1, NUL_BYTE, label)
        else:
            where = image and image.absolute()
            shown = where.as_posix() if where else None
            rows.append((number, part.split, text_file.stem, shown, label))
    frame = pl.DataFrame(rows, schema=PART_SCHEMA, orient="row")
    return resolve_images(frame, job, part.path / "x", part.split)


FORMAT = Mlhme38k()
