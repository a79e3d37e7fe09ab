"""Pairs the rows of a table with images that are named after an id or a number in them. Not for lines without ids.

An id that equals an image's name may be chance, and numbers may be off by one. So ids decide only if each has its image
and, where they are numbers, each image its row; otherwise a note says what there is and how to use it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from curate.base.column_names import find_column
from curate.sources.archived_images import find_archived
from curate.sources.format import SourceFormat
from curate.sources.image_paths import check_inside, resolve_images
from curate.sources.look import IMAGE_ENDINGS, Look
from curate.sources.model import NOT_FOUND, Job, Part, Unreadable
from curate.sources.numbered_pictures import Pictures, pictures_of

BY_NUMBER = (
    "rows paired by number: column {column!r} holds the numbers of the images; each row has one, each image a row"
)
BY_NAME = "rows paired by name: column {column!r} holds the names of the images without their ending"
STATED = "rows paired by number: the image column holds the numbers of the images"
UNUSED = "images named by numbers, {numbers}, are not used: {why}"
NO_COLUMN = "no column says which row is whose; add one with their names"
NOT_ALL = (
    "column {column!r} holds {ids}, of which {matching} have such an image; if each of them is its image's number: "
    "--columns image:{column}"
)
NOT_ALL_NAMES = (
    "ids that have no image, while others are the names of images; to look for all images by them: "
    "--columns image:{column}"
)
SEVERAL_COLUMNS = "the columns {columns} all hold the images' numbers, in another order; say which: {options}"
OF_LINES = "images named by numbers, {numbers}, are not used; if they belong to the lines: unimer:{path}"

#: Columns that may hold a row's number besides its id; pandas' index is `column` (it has no name) in CSV, `Unnamed: 0`
#: if that was read and written again, and `__index_level_0__` in parquet.
_NUMBERS = ("index", "idx", "number", "num", "no", "column", "Unnamed: 0", "__index_level_0__")
_DIGITS = r"^\d{1,18}$"


@dataclass(frozen=True)
class _Rows:
    """Label files that share their images. frames: of the whole files; found: the images that have numbers."""

    frames: Sequence[pl.DataFrame]
    found: Pictures | None

    def ids(self, column: str) -> pl.Series:
        return pl.concat([frame[column].cast(pl.String) for frame in self.frames])

    def numbers(self, column: str) -> pl.Series | None:
        """The ids as integers; None if some are not, or two rows have the same one."""
        if not self.ids(column).str.contains(_DIGITS).fill_null(False).all():
            return None
        numbers = self.ids(column).cast(pl.Int64)
        return numbers if numbers.n_unique() == numbers.len() else None

    def are_numbers(self, column: str, unreadable: int) -> bool:
        """Does each row have an image, and each image a row? unreadable: how many rows may be missing in between."""
        numbers = self.numbers(column)
        if numbers is None or numbers.is_empty() or self.found is None or self.found.doubled:
            return False
        mine = set(numbers.to_list())
        left = self.found.numbers - mine
        # Off by one, the first or the last image would be left, so a row that can't be read mustn't excuse that.
        return mine <= self.found.numbers and len(left) <= unreadable and all(min(mine) < n < max(mine) for n in left)


@dataclass(frozen=True)
class _Evidence:
    """What all rows of a data set say, even if only some are read. groups: by the folders of the images."""

    groups: Sequence[_Rows]
    id_column: str | None
    unreadable: int

    @cached_property
    def columns(self) -> dict[str, str]:
        """{column of the frames: its name in the files} of those that may hold ids, the likeliest first."""
        frames = [frame for group in self.groups for frame in group.frames]
        inside = [name for name in frames[0].columns if all(name in frame.columns for frame in frames)]
        found = {"name": self.id_column} if self.id_column else {}
        extras = [name for wanted in _NUMBERS if (name := find_column(inside, (wanted,)))]
        found |= {name: name for name in extras}
        return {name: shown for name, shown in found.items() if not any(frame[name].null_count() for frame in frames)}

    def are_numbers(self, column: str) -> bool:
        return all(group.are_numbers(column, self.unreadable) for group in self.groups)


def pair_by_id(
    frames: list[pl.DataFrame], parts: Sequence[Part], every: Sequence[Part], job: Job, chosen: SourceFormat
) -> list[pl.DataFrame]:
    """The frames of `parts` with images, if a column of theirs names them; `frames` themselves if not.

    every: all parts of the data set. If only some rows were read, all are read for the evidence.
    """
    parts = parts[: len(frames)]
    if not chosen.columns or not sum(frame.height for frame in frames):
        return frames
    if any(frame["image"].null_count() < frame.height for frame in frames):
        return [_stated(frame, part, job) for frame, part in zip(frames, parts, strict=True)]
    if not any(_pictures(part.path, job) for part in parts) and not Look(job.root).all_files(*IMAGE_ENDINGS):
        return frames
    seen = _evidence(frames, parts, every, job, chosen)
    fitting = [column for column in seen.columns if seen.are_numbers(column)]
    if fitting:
        orders = {tuple(n for group in seen.groups for n in group.ids(column).cast(pl.Int64)) for column in fitting}
        if len(orders) == 1:
            column = fitting[0]
            job.notes[BY_NUMBER.format(column=seen.columns[column])] += sum(frame.height for frame in frames)
            return [_numbered(frame, part, column, job) for frame, part in zip(frames, parts, strict=True)]
        names = [seen.columns[column] for column in fitting]
        why = SEVERAL_COLUMNS.format(
            columns=" and ".join(map(repr, names)), options=" or ".join(f"--columns image:{name}" for name in names)
        )
        _note_unused(seen, job, why)
        return frames
    named = _named(frames, parts, seen, job)
    if named is None:
        _note_unused(seen, job, _why_not(seen))
    return named or frames


def note_unused_numbers(parts: Sequence[Part], job: Job) -> None:
    """Note numbered images beside a file of lines that are not taken for those of its lines."""
    for part in parts:
        found = pictures_of(part.path, job.root if job.images_given else None)
        if found is not None and found.numbers:
            job.notes[OF_LINES.format(numbers=_span(found), path=part.path)] += len(found.numbers)


def _evidence(
    frames: list[pl.DataFrame], parts: Sequence[Part], every: Sequence[Part], job: Job, chosen: SourceFormat
) -> _Evidence:
    held = {part.path: frame for part, frame in zip(parts, frames, strict=True)}
    seen = job
    if {part.path for part in every} != held.keys() or job.left() == 0:
        seen = replace(job, limit=None, rows=0, unreadable=Unreadable(), notes=Counter())
        held = {part.path: chosen.read(part, seen) for part in every}
    groups: dict[tuple[Path, ...], list[Path]] = {}
    for path in held:
        found = _pictures(path, job)
        groups.setdefault(tuple(folder for folder, _ in found.folders) if found else (), []).append(path)
    rows = [_Rows([held[path] for path in paths], _pictures(paths[0], job)) for paths in groups.values()]
    return _Evidence(rows, seen.id_column or seen.image_ids, seen.unreadable.total)


def _pictures(path: Path, job: Job) -> Pictures | None:
    return pictures_of(path, job.root if job.images_given else None)


def _numbered(frame: pl.DataFrame, part: Part, column: str, job: Job) -> pl.DataFrame:
    """The frame with the images that have the numbers in a column; splits are those of the images' folders."""
    found = _pictures(part.path, job)
    if found is None:
        return frame
    images = found.frame.select("number", file="name", folder="folder")
    paths = {at: folder.absolute().as_posix() for at, (folder, _) in enumerate(found.folders)}
    splits = {at: split for at, (_, split) in enumerate(found.folders)}
    number = pl.col(column).cast(pl.String).str.extract(_DIGITS, 0).cast(pl.Int64)
    joined = frame.with_columns(number=number).join(images, on="number", how="left", maintain_order="left")
    joined = joined.with_columns(
        image=pl.concat_str(pl.col("folder").replace_strict(paths, return_dtype=pl.String), pl.lit("/"), "file"),
        split=pl.coalesce("split", pl.col("folder").replace_strict(splits, return_dtype=pl.String)),
    )
    within = f"{job.root.absolute().as_posix()}/"
    joined = joined.select(frame.columns).with_columns(pl.col("image").str.strip_prefix(within))
    return find_archived(check_inside(joined, job, part.path), job, part.path, part.split)


def _stated(frame: pl.DataFrame, part: Part, job: Job) -> pl.DataFrame:
    """The frame with the images whose numbers stand in the image column itself: `7` for `00007.png`."""
    if NOT_FOUND not in frame.columns:
        return frame
    found = _pictures(part.path, job)
    numbers = pl.col(NOT_FOUND).str.contains(_DIGITS).fill_null(False)
    if found is None or found.prefix or not frame.select(numbers.any()).item():
        return frame
    rest = frame.with_row_index("row").filter(numbers)
    paired = _numbered(rest.drop("image").with_columns(image=pl.lit(None, pl.String)), part, NOT_FOUND, job)
    paired = paired.filter(pl.col("image").is_not_null())
    job.notes[STATED] += paired.height
    images = frame["image"].scatter(paired["row"], paired["image"])
    lost = frame[NOT_FOUND].scatter(paired["row"], None)
    return frame.with_columns(images, lost) if lost.count() else frame.with_columns(images).drop(NOT_FOUND)


def _named(frames: list[pl.DataFrame], parts: Sequence[Part], seen: _Evidence, job: Job) -> list[pl.DataFrame] | None:
    """The frames with the images that are called as the ids are; None if an id has no such image."""
    matching, ids = _names(seen, job)
    if not ids or matching < ids:
        if ids and matching * 2 >= ids:
            job.notes[NOT_ALL_NAMES.format(column=seen.id_column)] += ids - matching
        return None
    trial = replace(job, notes=Counter())
    named: list[pl.DataFrame] = []
    for frame, part in zip(frames, parts, strict=True):
        found = resolve_images(frame.with_columns(image="name"), trial, part.path, part.split, ids_only=True)
        if NOT_FOUND in found.columns or found["image"].null_count():
            return None
        named.append(found)
    job.notes.update(trial.notes)
    job.notes[BY_NAME.format(column=seen.id_column)] += sum(frame.height for frame in frames)
    return named


def _names(seen: _Evidence, job: Job) -> tuple[int, int]:
    """How many ids are the name of an image below the root, and how many there are; 0 of 0 if they are numbers."""
    if "name" not in seen.columns:
        return 0, 0
    ids = pl.concat([group.ids("name") for group in seen.groups])
    if ids.str.contains(_DIGITS).all():
        return 0, 0
    stems = {file.stem for file in Look(job.root).all_files(*IMAGE_ENDINGS)}
    return int(ids.is_in(list(stems)).sum()) if stems else 0, ids.len()


def _why_not(seen: _Evidence) -> str:
    for column, shown in seen.columns.items():
        numbers = [group.numbers(column) for group in seen.groups]
        if all(held is not None for held in numbers):
            whole = pl.concat([held for held in numbers if held is not None])
            have = sum(
                len(set(held.to_list()) & group.found.numbers)
                for held, group in zip(numbers, seen.groups, strict=True)
                if held is not None and group.found
            )
            ids = f"{min(whole.to_list())} to {max(whole.to_list())}"
            return NOT_ALL.format(column=shown, ids=ids, matching=f"{have:,} of {whole.len():,}")
    return NO_COLUMN


def _note_unused(seen: _Evidence, job: Job, why: str) -> None:
    for group in seen.groups:
        if group.found is not None and group.found.numbers:
            job.notes[UNUSED.format(numbers=_span(group.found), why=why)] += len(group.found.numbers)


def _span(found: Pictures) -> str:
    return f"{min(found.numbers)} to {max(found.numbers)}"
