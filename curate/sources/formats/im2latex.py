"""im2latex: formulas in one file and an index of images that names their lines, or the `formula,image` CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.sources.delimited import read_delimited
from curate.sources.format import SourceFormat
from curate.sources.image_paths import resolve_images
from curate.sources.lines import read_lines, utf8_or_latin1
from curate.sources.look import IMAGE_NAME, Look
from curate.sources.model import BLANK_LINE, Job, Part, with_split, wrong_shape
from curate.sources.places.file_text import Change, FileText, lost
from curate.sources.places.label_lines import in_lines
from curate.sources.places.output import Files
from curate.sources.places.table_fields import in_table
from curate.sources.splits import name_parts

BAD_INDEX = "not an index line (formula number, image name)"
PAST_END = "the index names a formula past the end of the formulas file"
LOST_FORMULA = "the index names a formula that could not be read"
UNUSED = "formula lines that no index names"

_INDEX = re.compile(r"\d+ +\S+( +\S+)? *$")
_IMAGE_FIRST = re.compile(rf"\S+{IMAGE_NAME} +\d+ *$")
_INDEX_NAME = re.compile(r"(?i).*(\.lst|\.matching\.txt)(\.gz)?")


class Im2latex(SourceFormat):
    name = "im2latex"
    shape = "`formulas.lst` with an index `train.lst` (formula number, image name) beside it, or a `formula,image` CSV"
    page = """
The index is joined by formula number, counted from 0. Blank formula lines count as lines. A number past the end of
the formulas, or one whose formula can't be read, is an unreadable row; formulas that no index names are noted. The
original's formulas are in Latin-1, so what isn't UTF-8 is read as that. `curate fix` changes the formulas and keeps
the index.
"""
    example = (
        ("formulas.lst", "x ^ { 2 }\n\\frac { 1 } { 2 }\n"),
        ("train.lst", "1 60ee748793 basic\n0 1015942522 basic\n"),
        ("images/60ee748793.png", ""),
        ("images/1015942522.png", ""),
    )
    endings = (".lst", ".txt", ".csv")
    columns = TRIED

    def recognise(self, look: Look) -> float | None:
        if look.is_dir:
            if any(_formulas_of(index) for index in _indexes(look.path)):
                return 0.96
            return 0.9 if any(_is_csv(file) for file in look.label_files) else None
        if _is_csv(look):
            return 0.9
        if _is_index(look):
            return 0.96 if _formulas_of(look.path) else 0.6
        if "formulas" in look.path.name.lower() and look.lines:
            if any(_formulas_of(index) == look.path for index in _indexes(look.path.parent)):
                return 0.96
            return 0.6 if look.suffix == ".lst" else None
        return None

    def parts(self, path: Path) -> list[Part]:
        if path.is_dir():
            indexes = _indexes(path)
            if indexes:
                return [Part(index, _split(index), _formulas_of(index)) for index in indexes]
            files = [file.path for file in Look(path).label_files if _is_csv(file)]
            if not files:
                raise wrong_shape(path, self.name, "the folder holds neither index .lst files nor a formula,image CSV")
            return name_parts(files, path)
        look = Look(path)
        if _is_index(look):
            formulas = _formulas_of(path)
            if formulas is None:
                raise wrong_shape(path, self.name, "there is no formulas file (formulas.lst) beside this index")
            return [Part(path, _split(path), formulas)]
        if _is_table(path):
            return [Part(path)]
        mine = [index for index in _indexes(path.parent) if _formulas_of(index) == path]
        return [Part(index, _split(index), path) for index in mine] or [Part(path)]

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        if part.extra is not None:
            return _read_index(part, part.extra, job)
        if _is_table(part.path):
            frame = with_split(read_delimited(part.path, ",", job), part)
            return resolve_images(frame, job, part.path, part.split)
        # A formulas file with no index beside it: labels without images, named by their line as an index would.
        frame = read_lines(part.path, job, utf8_or_latin1(part.path))
        return frame.select(
            "line",
            split=pl.lit(part.split, pl.String),
            name=(pl.col("line") - 1).cast(pl.String),
            image=pl.lit(None, pl.String),
            label="text",
        )

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        formulas = _formulas_of(path) if _is_index(Look(path)) else None
        if formulas is not None:
            return _in_formulas(files.beside(path), files.text(formulas, utf8_or_latin1(formulas)), changes)
        if _is_table(path):
            return in_table(files.text(path), changes, ",", columns)
        return in_lines(files.text(path, utf8_or_latin1(path)), changes)


def _is_table(path: Path) -> bool:
    return path.suffix == ".csv" or _is_csv(Look(path))


def _is_index(look: Look) -> bool:
    if not _INDEX_NAME.fullmatch(look.path.name) or "formulas" in look.path.name.lower():
        return False
    return look.share(_INDEX) >= 0.5 or look.share(_IMAGE_FIRST) >= 0.5


def _formulas_of(index: Path) -> Path | None:
    """The formulas file beside an index: of the same stem if there is one, else the one of the shortest name."""
    files = [Path(name) for name in Look(index.parent).names[0] if "formulas" in name.lower()]
    files = [name for name in files if name.suffix in (".lst", ".txt", ".gz")]
    stem = index.name.split(".")[0]
    if index.name.endswith((".matching.txt", ".matching.txt.gz")):
        files = [name for name in files if name.name.split(".")[0] == stem]
    return index.parent / min(files, key=lambda name: (len(name.name), name.name)) if files else None


def _indexes(folder: Path) -> list[Path]:
    look = Look(folder)
    inner = [Look(folder / name) for name in look.names[0] if _INDEX_NAME.fullmatch(name)]
    return [file.path for file in inner if _is_index(file)]


def _is_csv(look: Look) -> bool:
    if not look.lines or look.suffix not in (".csv", ""):
        return False
    return [field.strip().strip('"').lower() for field in look.lines[0].split(",")] in (
        ["formula", "image"],
        ["image", "formula"],
    )


def _split(index: Path) -> str:
    return re.sub(r"(?i)^im2latex[_-]|(_filter)?(\.lst|\.matching\.txt)(\.gz)?$", "", index.name)


def _read_index(part: Part, formulas_file: Path, job: Job) -> pl.DataFrame:
    index = read_lines(part.path, job)
    index = job.reject(index, pl.col("text").str.strip_chars() == "", BLANK_LINE, part.path)
    number_first = _number_first(index["text"])
    pattern = r"^(?<number>\d+) +(?<name>\S+)( .*)?$" if number_first else r"^(?<name>\S+) +(?<number>\d+) *$"
    fields = pl.col("text").str.extract_groups(pattern).struct
    index = index.with_columns(name=fields.field("name"), number=fields.field("number").cast(pl.Int64, strict=False))
    index = job.reject(index, pl.col("number").is_null(), BAD_INDEX, part.path)

    # Reading the formulas must not count as rows of the data set: its rows are those of the index.
    aside = Job(job.name, job.path, job.root, job.images_given, Columns(), None)
    formulas = read_lines(formulas_file, aside, utf8_or_latin1(formulas_file))
    job.notes[UNUSED] = _unused(part, formulas_file, aside.rows)
    frame = index.join(
        formulas.select((pl.col("line") - 1).alias("number"), pl.col("text").alias("label")),
        on="number",
        how="left",
        maintain_order="left",
    )
    frame = job.reject(frame, pl.col("number") >= aside.rows, PAST_END, part.path)
    frame = job.reject(frame, pl.col("label").is_null(), LOST_FORMULA, part.path)
    frame = frame.select("line", split=pl.lit(part.split, pl.String), name="name", image="name", label="label")
    return resolve_images(frame, job, part.path, part.split, ending=".png")


def _number_first(texts: pl.Series) -> bool:
    """Whether an index has lines `number image` (an image name can be all digits too) rather than `image number`."""
    return texts.str.contains(r"^\d+ +\S+").sum() * 2 >= len(texts)


def _unused(part: Part, formulas_file: Path, lines: int) -> int:
    """How many lines of the formulas file no index beside it names (whatever split is being read)."""
    named: set[int] = set()
    for index in _indexes(part.path.parent):
        if _formulas_of(index) == formulas_file:
            aside = Job("", index, index.parent, False, Columns(), None)
            texts = read_lines(index, aside)["text"]
            pattern = r"^(\d+) +\S" if _number_first(texts) else r"^\S+ +(\d+) *$"
            numbers = texts.str.extract(pattern).cast(pl.Int64, strict=False).drop_nulls()
            named.update(numbers.filter(numbers < lines).to_list())
    return lines - len(named)


def _in_formulas(index: FileText, formulas: FileText, changes: Sequence[Change]) -> list[str]:
    """Changes by lines of the index, which name lines of the formulas file, counted from 0."""
    moved = []
    for number, label, new in changes:
        start, end = index.line(number)
        numbers = [int(word) for word in index.text[start:end].split() if word.isdecimal()]
        places = [place + 1 for place in numbers if place < len(formulas.line_starts)]
        found = next((place for place in places if _holds(formulas, place, label)), None)
        if found is None:
            raise lost(index, number)
        moved.append((found, label, new))
    return in_lines(formulas, moved)


def _holds(file: FileText, number: int, label: str) -> bool:
    start, end = file.line(number)
    return file.text[start:end].removeprefix("\ufeff") == label


FORMAT = Im2latex()
