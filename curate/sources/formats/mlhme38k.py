"""MLHME-38K: handwriting of several lines, as lines of a file or one text file per image."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import Columns
from curate.sources.format import SourceFormat
from curate.sources.image_paths import check_inside
from curate.sources.lines import note_encoding, open_bytes, read_lines
from curate.sources.look import IMAGE_ENDINGS, IMAGE_NAME, Look, once
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
from curate.sources.named_lines import SPACE_TAB, named_share, read_named_lines, share
from curate.sources.places.file_text import Change
from curate.sources.places.label_lines import in_lines, in_whole
from curate.sources.places.output import Files
from curate.sources.sidecars import kind_by_name
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
    layouts = (
        ("MLHME-38K", "`train_labels.txt` of `image<TAB>label` with `train_images`, and the same for `test`"),
        ("a text file for each image", "`1.txt` beside `1.jpg`, in a folder or in one for each split"),
    )
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
        return 0.92 if _folders_of_pairs(look) else self.recognise_folder(look)

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir() or _pairs(path):
            return [Part(path)]
        inner = _folders_of_pairs(Look(path))
        if inner:
            return [Part(folder, split_name(folder, path)) for folder in inner]
        files = [look.path for look in Look(path).label_files if (_recognise_lines(look) or 0) >= 0.5]
        if not files:
            raise wrong_shape(path, self.name, "the folder holds no label file, and no text file per image")
        return name_parts(files, path)

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        if part.path.is_dir():
            return _read_folder(part, job)
        # Some copies have one space instead of the TAB; the image ending says where the name stops.
        spaced = pl.col("text").str.replace(rf"^([^\t ]+{IMAGE_NAME}) ([^\t]*)$", "${1}\t${2}")
        return read_named_lines(part, job, read_lines(part.path, job, blank=False).with_columns(spaced))

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return in_lines(files.text(path), changes)

    def label_files(self, folder: Path) -> list[Path]:
        return [folder / text for text, _ in _pairs(folder)]

    def write_one(self, path: Path, change: Change, files: Files, columns: Columns) -> list[str]:
        return in_whole(files.text(path), [change])


def _recognise_lines(look: Look) -> float | None:
    if look.share(_SPACE) >= 0.9:
        return 0.85
    if named_share(look) < 0.8 or look.share(SPACE_TAB) >= 0.5:
        return None
    return 0.9 if share(look, _SEVERAL_LINES) >= 0.25 else 0.6


def _folders_of_pairs(look: Look) -> list[Path]:
    """The folders that hold one text file per image, in `folder` or itself."""
    return [folder.path for folder in look.tree if len(_pairs(folder.path)) >= 2]


@once
def _pairs(folder: Path) -> list[tuple[str, str | None]]:
    """(text file name, its image or None, below the folder) for one text file per image; else empty."""
    look = Look(folder)
    texts = {name[:-4]: name for name in look.names[0] if name[-4:].lower() == ".txt"}
    if not texts:
        return []
    images: dict[str, str] = {}
    for place in (look, *look.folders, *_siblings(folder)):
        above = "" if place is look else f"{os.path.relpath(place.path, folder)}/"
        for name in sorted(set(place.names[0]) - place.drawings):
            stem, dot, ending = name.rpartition(".")
            if stem in texts and (dot + ending).lower() in IMAGE_ENDINGS:
                images.setdefault(stem, above + name)
        if len(images) * 2 >= len(texts):
            break
    if len(images) * 2 < len(texts):
        return []
    return [(text, images.get(stem)) for stem, text in texts.items() if stem in images or not kind_by_name(text)]


def _siblings(folder: Path) -> list[Look]:
    found = [look for look in Look(folder.parent).folders if look.path != folder and look.path.name.startswith("im")]
    if folder.parent.name.lower() in ("label", "labels"):  # labels/train with images/train
        above = [look for look in Look(folder.parent.parent).folders if look.path.name.startswith("im")]
        found += [inner for look in above for inner in look.folders if inner.path.name == folder.name]
    return found


def _read_folder(part: Part, job: Job) -> pl.DataFrame:
    rows: list[tuple[int, str | None, str, str | None, str]] = []
    for number, (text, image) in enumerate(_pairs(part.path)[: job.left()], 1):
        job.rows += 1
        text_file = part.path / text
        note_encoding(text_file, job)
        with open_bytes(text_file) as file:
            data = file.read(MAX_LABEL + 8)
        if len(data) > MAX_LABEL + 5:  # the longest label may have a byte order mark and a line end around it
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
            rows.append((number, part.split, text[:-4], image, label))
    frame = pl.DataFrame(rows, schema=PART_SCHEMA, orient="row")
    above = os.path.relpath(part.path, job.root)
    if above != ".":
        frame = frame.with_columns(image=pl.concat_str(pl.lit(f"{above}/"), "image"))
    return check_inside(frame, job, part.path / "x")


FORMAT = Mlhme38k()
