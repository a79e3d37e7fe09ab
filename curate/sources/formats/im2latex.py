"""im2latex: formulas in one file and an index of images that names their lines, or the `formula,image` CSV."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.base.errors import UserError
from curate.sources.delimited import read_delimited
from curate.sources.format import SourceFormat
from curate.sources.image_paths import resolve_images
from curate.sources.indexes import formulas_of, indexes_of, split_of
from curate.sources.lines import read_lines, utf8_or_latin1
from curate.sources.look import Look
from curate.sources.model import Job, Part, with_split, wrong_shape
from curate.sources.numbering import Numbered, first_number, note
from curate.sources.places.file_text import Change, FileText, lost
from curate.sources.places.label_lines import in_lines
from curate.sources.places.output import Files
from curate.sources.places.table_fields import in_table
from curate.sources.splits import name_parts

BAD_INDEX = "not an index line (formula number, image name)"
PAST_END = "the index names a formula past the end of the formulas file"
LOST_FORMULA = "the index names a formula that could not be read"
UNUSED = "formula lines that no index names"


class Im2latex(SourceFormat):
    name = "im2latex"
    shape = "`formulas.lst` with an index `train.lst` (formula number, image name) beside it, or a `formula,image` CSV"
    page = """
The index is joined by formula number, counted from 0, or from 1 where a highest number that is the number of lines says
so; a note says which, and `--first-number` overrules it. Number and image stand in either order, with spaces or TABs
between. The formulas are beside the index or in a folder beside it (`matching/train.matching.txt` with
`formulas/train.formulas.norm.txt` and `images/images_train`); if there are several, name the one you mean.
Blank formula lines count as lines. A number past the end of the formulas, or one whose formula can't be read, is an
unreadable row; formulas that no index names are noted. The original's formulas are in Latin-1, so what isn't UTF-8 is
read as that. `curate fix` changes the formulas and keeps the index.
"""
    layouts = (
        ("im2latex-100k (Zenodo)", "`im2latex_formulas.lst`, `im2latex_train.lst` …, `formula_images`"),
        ("im2markup", "`im2latex_formulas.norm.lst`, `im2latex_train_filter.lst` …, `formula_images_processed`"),
        (
            "im2latex (Kaggle)",
            "`im2latex_train.csv` … of `formula,image`, images in a folder in `formula_images_processed`",
        ),
        ("LaTeX_OCR_PRO", "`formulas/train.formulas.norm.txt`, `matching/train.matching.txt`, `images/images_train` …"),
    )
    example = (
        ("formulas.lst", "x ^ { 2 }\n\\frac { 1 } { 2 }\n"),
        ("train.lst", "1 60ee748793 basic\n0 1015942522 basic\n"),
        ("images/60ee748793.png", ""),
        ("images/1015942522.png", ""),
    )
    endings = (".lst", ".txt", ".csv")
    columns = TRIED
    indexes = True

    def recognise(self, look: Look) -> float | None:
        if look.is_dir:
            if any(formulas_of(index.path) for index in look.indexes):
                return 0.96
            return 0.9 if any(_is_csv(file) for file in look.label_files) else None
        if _is_csv(look):
            return 0.9
        if look.is_index:
            return 0.96
        if "formulas" in look.path.name.lower() and look.lines:
            if indexes_of(look.path):
                return 0.96
            return 0.6 if look.suffix == ".lst" else None
        return None

    def parts(self, path: Path) -> list[Part]:
        look = Look(path)
        if path.is_dir():
            indexes = [index.path for index in look.indexes if formulas_of(index.path)]
            tables = [file.path for file in look.label_files if _is_csv(file)]
            if indexes and tables:
                folder = os.path.commonpath([index.parent for index in indexes])
                where = indexes[0] if folder == str(path) else folder
                raise UserError(
                    f"{path}: could be {where} with its formulas or the table {tables[0].name}; say which: "
                    + ", ".join(f"im2latex:{choice}" for choice in (where, *tables))
                )
            if indexes:
                formulas = {index: _only_formulas(index) for index in indexes}
                return [Part(index, split_of(index), of) for index, of in formulas.items() if _goes_with(index, of)]
            if not tables:
                raise wrong_shape(path, self.name, "the folder holds neither index .lst files nor a formula,image CSV")
            return name_parts(tables, path)
        if look.is_index:
            return [Part(path, split_of(path), _only_formulas(path))]
        if _is_table(path):
            return [Part(path)]
        mine = [index for index in indexes_of(path) if _goes_with(index, path)]
        return [Part(index, split_of(index), path) for index in mine] or [Part(path)]

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
        if Look(path).is_index:
            formulas = _holder(path, changes)
            return _in_formulas(files.beside(path), files.text(formulas, utf8_or_latin1(formulas)), changes)
        if _is_table(path):
            return in_table(files.text(path), changes, ",", columns)
        return in_lines(files.text(path, utf8_or_latin1(path)), changes)


def _is_table(path: Path) -> bool:
    return path.suffix == ".csv" or _is_csv(Look(path))


def _is_csv(look: Look) -> bool:
    if not look.lines or look.suffix not in (".csv", ""):
        return False
    return [field.strip().strip('"').lower() for field in look.lines[0].split(",")] in (
        ["formula", "image"],
        ["image", "formula"],
    )


def _only_formulas(index: Path) -> Path:
    """The formulas of an index. Raises UserError where there are none, or several that it could be of."""
    found = formulas_of(index)
    if not found:
        hint = f"; if its numbers are labels, name a format that reads them: hme100k:{index}"
        raise wrong_shape(index, "im2latex", f"there is no formulas file (formulas.lst) beside this index{hint}")
    if len(found) > 1:
        choices = ", ".join(f"im2latex:{file}" for file in found)
        raise UserError(f"{index}: several formulas files fit this index; say which: {choices}")
    return found[0]


def _holder(index: Path, changes: Sequence[Change]) -> Path:
    """The formulas that changes by lines of an index are of: of several, the first that holds these labels."""
    found = formulas_of(index)
    if len(found) > 1 and changes:
        wanted = {label for _, label, _ in changes}
        for file in found:
            aside = Job("", file, file.parent, False, Columns(), None)
            if wanted <= set(read_lines(file, aside, utf8_or_latin1(file))["text"].to_list()):
                return file
    return _only_formulas(index)


def _goes_with(index: Path, formulas: Path) -> bool:
    """Of an index before and after filtering (train.lst, train_filter.lst), that which goes with the formulas.

    im2markup's script filters by the normalised formulas.
    """
    filtered = "_filter" in index.name.lower()
    twin = index.name.replace("_filter", "") if filtered else re.sub(r"(?i)(\.lst(\.gz)?)$", r"_filter\1", index.name)
    if twin == index.name or not (index.parent / twin).is_file():
        return True
    return filtered == (".norm" in formulas.name.lower())


def _read_index(part: Part, formulas_file: Path, job: Job) -> pl.DataFrame:
    index = read_lines(part.path, job, blank=False)
    fields = pl.col("text").str.extract_groups(_pattern(index["text"])).struct
    index = index.with_columns(name=fields.field("name"), number=fields.field("number").cast(pl.Int64, strict=False))
    index = job.reject(index, pl.col("number").is_null(), BAD_INDEX, part.path)

    # Reading the formulas must not count as rows of the data set: its rows are those of the index.
    aside = Job(job.name, job.path, job.root, job.images_given, Columns(), None)
    formulas = read_lines(formulas_file, aside, utf8_or_latin1(formulas_file))
    named = _numbers(part, formulas_file)
    first, why = first_number(
        formulas_file,
        Numbered(named, aside.rows),
        job.first_number,
        lambda: _fit(index, formulas, part, job),
        default=0,
    )
    job.notes[note(first, why)] += index.height
    job.notes[UNUSED] = aside.rows - sum(1 for number in named if first <= number < first + aside.rows)
    frame = index.join(
        formulas.select((pl.col("line") - 1 + first).alias("number"), pl.col("text").alias("label")),
        on="number",
        how="left",
        maintain_order="left",
    )
    outside = (pl.col("number") >= first + aside.rows) | (pl.col("number") < first)
    frame = job.reject(frame, outside, PAST_END, part.path)
    frame = job.reject(frame, pl.col("label").is_null(), LOST_FORMULA, part.path)
    frame = frame.select("line", split=pl.lit(part.split, pl.String), name="name", image="name", label="label")
    return resolve_images(frame, job, part.path, part.split, ending=".png")


def _pattern(texts: pl.Series) -> str:
    """Groups `number` and `name` of an index's lines: the number first (a name can be all digits too) or last."""
    if texts.str.contains(r"^\d+[ \t]+\S+").sum() * 2 >= len(texts):
        return r"^(?<number>\d+)[ \t]+(?<name>\S+)([ \t].*)?$"
    return r"^(?<name>\S+)[ \t]+(?<number>\d+)[ \t]*$"


def _numbers(part: Part, formulas_file: Path) -> set[int]:
    """The lines of the formulas file that any index names (whatever split is being read)."""
    named: set[int] = set()
    for index in {part.path, *indexes_of(formulas_file)}:
        aside = Job("", index, index.parent, False, Columns(), None)
        texts = read_lines(index, aside)["text"]
        numbers = texts.str.extract_groups(_pattern(texts)).struct.field("number").cast(pl.Int64, strict=False)
        named.update(numbers.drop_nulls().to_list())
    return named


def _fit(index: pl.DataFrame, formulas: pl.DataFrame, part: Part, job: Job) -> float:
    """How much better the pictures fit a line 1 that is number 0 than one that is number 1; see `better_fit`."""
    from curate.pairs.numbered import better_fit  # with all that it takes to look at pictures

    both = index.select("number", "line", "name", image="name", split=pl.lit(part.split, pl.String))
    for first in (0, 1):
        labels = formulas.select(number=pl.col("line") - 1 + first, **{f"label{first}": pl.col("text")})
        both = both.join(labels, on="number", how="inner", maintain_order="left")
    aside = Job(job.name, job.path, job.root, job.images_given, Columns(), None)
    both = resolve_images(both, aside, part.path, part.split, ending=".png")
    return better_fit(job.root, both)


def _in_formulas(index: FileText, formulas: FileText, changes: Sequence[Change]) -> list[str]:
    """Changes by lines of the index, which name lines of the formulas file, counted from 0 or 1."""
    lost_at = 0
    for first in (0, 1):
        moved = []
        for number, label, new in changes:
            start, end = index.line(number)
            numbers = [int(word) for word in index.text[start:end].split() if word.isdecimal()]
            places = [place + 1 - first for place in numbers if 0 < place + 1 - first <= len(formulas.line_starts)]
            found = next((place for place in places if _holds(formulas, place, label)), None)
            if found is None:
                lost_at = lost_at or number
                break
            moved.append((found, label, new))
        else:
            return in_lines(formulas, moved)
    raise lost(index, lost_at)


def _holds(file: FileText, number: int, label: str) -> bool:
    start, end = file.line(number)
    return file.text[start:end].removeprefix("\ufeff") == label


FORMAT = Im2latex()
