"""UniMER and LaTeX-OCR: one label per line, and images named by the line's number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from curate.base.column_names import Columns
from curate.sources.format import FileFormat
from curate.sources.image_names import has_ending
from curate.sources.image_paths import check_inside
from curate.sources.look import IMAGE_NAME, Look
from curate.sources.model import Job, Part, wrong_shape
from curate.sources.name_lists import begins_with_names
from curate.sources.numbered_pictures import Pictures, pictures_of, stem_of
from curate.sources.numbering import Numbered, first_number, last_line, note
from curate.sources.places.file_text import Change
from curate.sources.places.label_lines import in_lines
from curate.sources.places.output import Files
from curate.sources.plain_lines import lines_frame, read_labels

DOUBLED = "several images have this line's number"
NO_IMAGE = "lines not read: they have no image in the folders, and so no split"
NO_LINE = "numbered images that belong to no line"

_NAMED = re.compile(rf"[^|;,\t]+{IMAGE_NAME}\s*[|;,:\s]")


class Unimer(FileFormat):
    name = "unimer"
    shape = "a `.txt` with a label a line, and images named by the line's number (`0000000.png`, `img_0.png`)"
    page = """
The images are in a folder with the text file's name, in `images`, or beside the file. The same text may stand before
all numbers (`img_12.png`); such images are taken for those of the lines only if they are at least half as many, or if
you name the format. If they are in several folders
(LaTeX-OCR: `math.txt` with `train`, `val` and `test`), a row's split is the folder that holds its image, and lines
without an image are counted and not read.

Evidence decides whether line 1 belongs to image 0 or image 1, and a note names it. The first of these counts:

1. There is an image 0, or the highest number is the number of lines: the other way to count would leave an image
   without a line. Blank lines at the end are no lines.
2. The images fit the labels of one numbering better than those of the other ([pairs](pairs.md)), by four standard
   errors; at least twelve of them must tell. This is asked if neither or both of 1 hold.
3. The names have seven digits and nothing before them, as UniMER's and LaTeX-OCR's programs write them, from 0.

Otherwise an error asks for `--first-number 0` or `1`. So eight images numbered 1 to 8 beside nine lines decide nothing:
either the first line or the last one lacks its image. If the images don't belong to the lines, `text:FILE` reads the
labels alone.
"""
    layouts = (
        ("UniMER", "`UniMER-1M/train.txt` with `images`, `UniMER-Test/cpe.txt` with `cpe` …; or one of the two"),
        ("LaTeX-OCR (pix2tex)", "`math.txt` with `train`, `val` and `test`, whose images its line numbers name"),
    )
    example = (
        ("cpe.txt", "x ^ { 2 }\n\\frac { 1 } { 2 }\n"),
        ("cpe/0000000.png", ""),
        ("cpe/0000001.png", ""),
    )
    endings = (".txt", ".lst")
    file_kind = ".txt file with a label a line"

    def recognise_file(self, look: Look) -> float | None:
        return self._recognise(look, None)

    def recognise_with(self, look: Look, images: Path) -> float | None:
        files = look.label_files if look.is_dir else [look]
        return max((found for file in files if (found := self._recognise(file, images))), default=None)

    def _recognise(self, look: Look, images: Path | None) -> float | None:
        if look.suffix not in self.endings or not look.lines or look.records:
            return None
        if sum("\t" in line for line in look.lines) * 2 > len(look.lines) or look.share(_NAMED) >= 0.5:
            return None
        pictures = {Path(name).stem for name in Look(look.path.parent).names[0] if has_ending(name)}
        if stem_of(look.path) in pictures and stem_of(look.path)[-1:].isdecimal():
            return None  # the only label of the image beside it
        if begins_with_names(look, images):
            return None
        found = pictures_of(look.path, images)
        if found is None:
            return None
        lines, enough = last_line(look.path), last_line(look.path) >= max(found.numbers)
        if found.prefix:  # many pictures are called so: they must be those of the lines, all of them or most
            return 0.7 if enough and len(found.numbers) * 2 >= lines else None
        return 0.85 if enough else 0.5  # far fewer lines than pictures: it is some other text

    def recognise_folder(self, look: Look) -> float | None:
        return max((found for file in look.label_files if (found := self.recognise_file(file))), default=None)

    def parts(self, path: Path) -> list[Part]:
        found = super().parts(path)
        found = _no_two_of_one_folder(found, path) if len(found) > 1 else found
        return [replace(part, split=None) if _are_split(part.path) else part for part in found]

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        frame = read_labels(part, job)
        found = pictures_of(part.path, job.root if job.images_given else None)
        if found is None:
            return lines_frame(frame, part)
        lines = last_line(part.path)
        first, why = first_number(
            part.path,
            Numbered(found.numbers, lines, 0 if found.prefix else found.digits),
            job.first_number,
            lambda: _fit(found, frame),
            unless=f"if they are not the pictures of these lines, read the labels alone: text:{part.path}",
        )
        job.notes[NO_LINE] += sum(1 for number in found.numbers if not first <= number < first + lines)
        paired = _paired(frame, found, first, part, job)
        job.notes[note(first, why)] += paired.height
        return paired

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return in_lines(files.text(path), changes)


def _are_split(labels: Path) -> bool:
    found = pictures_of(labels)
    return found is not None and found.are_split


def _paired(frame: pl.DataFrame, found: Pictures, first: int, part: Part, job: Job) -> pl.DataFrame:
    frame = frame.with_columns(number=pl.col("line") - 1 + first)
    if found.doubled:
        frame = job.reject(frame, pl.col("number").is_in(list(found.doubled)), DOUBLED, part.path)
    frame = frame.join(found.frame, on="number", how="left", maintain_order="left")
    folders = [_below(folder, job.root) for folder, _ in found.folders]
    where = pl.col("folder").fill_null(0).replace_strict(dict(enumerate(folders)), return_dtype=pl.String)
    split = pl.lit(part.split, pl.String)
    if found.are_split:
        without = frame["name"].null_count()
        job.notes[NO_IMAGE] += without
        job.rows -= without
        frame = frame.filter(pl.col("name").is_not_null())
        names = {at: name for at, (_, name) in enumerate(found.folders)}
        split = pl.coalesce(pl.col("folder").replace_strict(names, return_dtype=pl.String), split)
    prefix, digits, ending = found.usual_name
    number = pl.col("number").cast(pl.String).str.zfill(digits)
    missing = pl.concat_str(pl.lit(prefix), number, pl.lit(ending))
    frame = frame.with_columns(name=pl.coalesce("name", missing))
    frame = frame.select(
        "line", split=split, name="name", image=pl.concat_str(where, pl.lit("/"), "name"), label="text"
    ).with_columns(image=pl.col("image").str.strip_prefix("./"))
    return check_inside(frame, job, part.path)


def _below(folder: Path, root: Path) -> str:
    """A folder as image paths have it: relative to the root if it lies below, else unchanged."""
    absolute, base = folder.absolute(), root.absolute()
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else absolute.as_posix()


def _fit(found: Pictures, frame: pl.DataFrame) -> float:
    """How much better the pictures fit if line 1 is number 0 than if it is number 1; see `better_fit`."""
    from curate.pairs.numbered import better_fit  # with everything that looking at pictures needs

    labels = frame.select("line", "text")
    both = found.frame
    for first in (0, 1):
        theirs = labels.select(number=pl.col("line") - 1 + first, **{f"label{first}": pl.col("text")})
        both = both.join(theirs, on="number", how="inner", maintain_order="left")
    folders = [folder.absolute() for folder, _ in found.folders]
    top = Path(folders[0].anchor)
    below = {at: folder.relative_to(top).as_posix() for at, folder in enumerate(folders)}
    where = pl.col("folder").replace_strict(below, return_dtype=pl.String)
    return better_fit(top, both.sort("number").with_columns(image=pl.concat_str(where, pl.lit("/"), "name")))


def _no_two_of_one_folder(parts: list[Part], path: Path) -> list[Part]:
    """Of label files that would take the same images, the one with a line for each. Raises UserError if several do."""
    by_folders: dict[tuple[Path, ...], list[Part]] = {}
    highest: dict[tuple[Path, ...], int] = {}
    for part in parts:
        found = pictures_of(part.path)
        places = tuple(folder for folder, _ in found.folders) if found else (part.path,)
        by_folders.setdefault(places, []).append(part)
        highest[places] = max(found.numbers) if found else 0
    kept: list[Part] = []
    for folders, mine in by_folders.items():
        if len(mine) > 1:
            last = highest[folders]
            fitting = [part for part in mine if last_line(part.path) >= last]
            if len(fitting) > 1:
                fitting = [part for part in mine if last_line(part.path) in (last, last + 1)]
            if len(fitting) != 1:
                choices = ", ".join(f"unimer:{part.path}" for part in mine)
                raise wrong_shape(
                    path, "unimer", f"several files of labels have the images in {folders[0].name}; name one: {choices}"
                )
            mine = fitting
        kept += mine
    return [part for part in parts if part in kept]


FORMAT = Unimer()
