"""CROHME: handwriting as InkML, or drawn, with a caption file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.sources.inkml import InkFormat, label_kind
from curate.sources.lines import read_lines
from curate.sources.look import IMAGE_NAME, Look
from curate.sources.model import Job, Part
from curate.sources.places.file_text import Change
from curate.sources.places.label_lines import in_lines
from curate.sources.places.output import Files
from curate.sources.splits import YEAR, name_parts

NO_SEPARATOR = "no TAB or space between the id and the label"

_CAPTION_NAME = re.compile(r"(?i)captions?(\.txt)?(\.gz)?")
_ID_TAB = re.compile(r"(?=\S{0,80}\d)[^\s\\{}]{1,80}\t")
_ID_SPACE = re.compile(r"(?=\S{0,40}\d)(?=\S{0,40}_)[^\s\\{}]{3,80} \S")
_COLUMN = frozenset(name.lower() for role in ("label", "image", "id") for name in TRIED[role])


class Crohme(InkFormat):
    name = "crohme"
    shape = "`caption.txt` (id, TAB or space, label), InkML with a `truth` annotation, or a JSON list of labels"
    page = """
In a caption file the first TAB ends the id, or the first space of a line without a TAB; the id names the image. An
InkML file is its own image, [drawn](project-file.md#strokes) from the strokes, unless a picture of that name is
there. Folders in folders are read, and the outermost names the split. A split called after a year is a test set
(`2014` becomes `test_2014`), unless a folder above it says otherwise. The other annotations become columns. A
JSON list doesn't say where it is from: the name of the file or its folder decides, or FORMAT does.
"""
    layouts = (
        (
            "CAN, PosFormer, TAMER …",
            "`train/caption.txt` with `train/img/*.bmp`, and the same in `2014`, `2016`, `2019`",
        ),
        ("CROHME", "InkML in folders below `train`, `test` …"),
    )
    example = (
        ("2014/caption.txt", "18_em_0\tx ^ { 2 }\n18_em_1\t\\frac { 1 } { 2 }\n"),
        ("2014/img/18_em_0.bmp", ""),
        ("2014/img/18_em_1.bmp", ""),
    )
    endings = (".txt", ".inkml", ".json", "")
    truth = ("truth",)
    shapes = "caption.txt, InkML files or a JSON list"
    licence = "cc-by-nc-sa-3.0"

    def recognise(self, look: Look) -> float | None:
        if look.is_dir:
            return 0.94 if _captions(look) else super().recognise(look)
        is_ink = label_kind(look) is not None or look.suffix == ".inkml"
        return super().recognise(look) or (None if is_ink else _is_caption(look))

    def parts(self, path: Path) -> list[Part]:
        captions = _captions(Look(path))
        return name_parts(captions, path) if captions else super().parts(path)

    def split_called(self, split: str | None, path: Path) -> str | None:
        """CROHME's test sets are known by their years alone: `2014` is `test_2014`."""
        name = split or (path if path.is_dir() else path.parent).name
        return f"test_{name}" if YEAR.fullmatch(name) else split

    def read_names(self, part: Part, job: Job) -> pl.DataFrame:
        return _read_caption(part, job) if _holds_captions(part.path) else super().read_names(part, job)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        if _holds_captions(path):
            return in_lines(files.text(path), changes)
        return super().write_back(path, changes, files, columns)


def _captions(look: Look) -> list[Path]:
    """The caption files of a folder; none for a file."""
    return [file.path for file in look.label_files if _CAPTION_NAME.fullmatch(file.path.name)]


def _holds_captions(path: Path) -> bool:
    return not path.is_dir() and path.suffix.lower() != ".inkml" and not Look(path).records


def _is_caption(look: Look) -> float | None:
    if not look.lines or look.suffix in (".json", ".jsonl", ".csv"):
        return None
    if look.share(re.compile(rf"\S+{IMAGE_NAME}[ \t]")) >= 0.5 or _COLUMN & set(look.lines[0].lower().split("\t")):
        return None
    if _CAPTION_NAME.fullmatch(look.path.name) and look.share(re.compile(r"\S+[\t ]")) >= 0.5:
        return 0.95
    if look.share(_ID_TAB) >= 0.9:
        return 0.75
    ids = {line.split(" ")[0] for line in look.lines}
    return 0.5 if look.share(_ID_SPACE) >= 0.95 and len(ids) == len(look.lines) >= 3 else None


def _read_caption(part: Part, job: Job) -> pl.DataFrame:
    frame = read_lines(part.path, job, blank=False)
    # The first TAB separates; in a line without one, the first space does.
    fields = pl.col("text").str.extract_groups(r"^(?:([^\t ]*) *\t|([^\t ]*) )((?s).*)$").struct
    frame = frame.with_columns(
        name=pl.coalesce(fields.field("1"), fields.field("2")).replace("", None), label=fields.field("3")
    )
    frame = job.reject(frame, pl.col("name").is_null() | pl.col("label").is_null(), NO_SEPARATOR, part.path)
    return frame.select("line", split=pl.lit(part.split, pl.String), name="name", image="name", label="label")


FORMAT = Crohme()
