"""Pairs the rows of a table with images that are named after an id or a number in them. Not for lines without ids.

An id that equals an image's name may be chance, and numbers may be off by one. So ids decide only if each has its image
and, where they are numbers, each image its row; otherwise a note says what there is and how to use it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from curate.base.column_names import find_column
from curate.sources.archived_images import find_archived
from curate.sources.columns import own_name
from curate.sources.format import SourceFormat
from curate.sources.image_names import has_ending
from curate.sources.image_paths import check_inside, resolve_images
from curate.sources.look import IMAGE_ENDINGS, IMAGE_NAME, Look
from curate.sources.model import NOT_FOUND, PART_SCHEMA, Job, Part, Unreadable
from curate.sources.numbered_pictures import Pictures, pictures_of
from curate.sources.tables import parquet_files

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
SEVERAL_COLUMNS = "the columns {columns} may all name the images, each in its own way; say which: {options}"
SHARED = "{others} may have the same images; if column {column!r} holds their numbers: --columns image:{column}"
NOT_STATED = (
    "images not paired: some numbers in column {column!r} have none, and they may all be off by one; if they are "
    "right: --columns image:{column}"
)
OF_LINES = "images named by numbers, {numbers}, are not used; if they belong to the lines: unimer:{path}"

#: Columns that may hold a row's number besides its id; pandas' index is `column` (it has no name) in CSV, `Unnamed: 0`
#: if that was read and written again, and `__index_level_0__` in parquet.
_NUMBERS = ("index", "idx", "number", "num", "no", "column", "Unnamed: 0", "__index_level_0__")
_IS_NUMBER = re.compile(r"[0-9]{1,18}")
_DIGITS = f"^{_IS_NUMBER.pattern}$"
_FOLDER_AND_STEM = r"^(?:(.*)/)?([^/.]+)[^/]*$"


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
    image_ids: str | None
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

    def rivals(self, fitting: Sequence[str], stems: Collection[str]) -> list[str]:
        """Columns that may name the images as well as those that fit, but differently: numbers, or names of files.

        stems: the names of all images without their ending.
        """
        frames = [frame for group in self.groups for frame in group.frames]
        others = [name for name in frames[0].columns if name not in (*PART_SCHEMA, NOT_FOUND, *self.columns)]
        others = [name for name in others if all(name in frame.columns for frame in frames)]
        files = [name for name in others if any(_names_files(frame[name], stems) for frame in frames)]
        numbers = [name for name in others if name not in files and self.are_numbers(name)]
        ids = [self.image_ids] if self.image_ids and self.image_ids != self.id_column else []
        return [*ids, *files, *(name for name in numbers if self.order(name) != self.order(fitting[0]))]

    def order(self, column: str) -> list[int]:
        return [n for group in self.groups for n in group.ids(column).cast(pl.Int64)]


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
        doubtful = job.image_ids or any(map(_numbers_not_found, frames))
        if doubtful and chosen.general and job.image_column and "image" not in job.columns.given:
            seen = _evidence(frames, parts, every, job, chosen)
            note = NOT_STATED.format(column=job.image_column)
            if any(_is_shifted(group.frames, job) for group in seen.groups):
                job.notes[note] += sum(frame.height for frame in frames)
                nothing = pl.lit(None, pl.String)
                return [frame.with_columns(image=nothing).drop(NOT_FOUND, strict=False) for frame in frames]
            if not all(map(_are_stated, seen.groups)):
                job.notes[note] += sum(map(_numbers_not_found, frames))
                return frames
        return [_stated(frame, part, job) for frame, part in zip(frames, parts, strict=True)]
    if not any(_pictures(part.path, job) for part in parts) and not Look(job.root).all_files(*IMAGE_ENDINGS):
        return frames
    seen = _evidence(frames, parts, every, job, chosen)
    fitting = [column for column in seen.columns if seen.are_numbers(column)]
    if fitting:
        rivals = seen.rivals(fitting, _stems(job))
        shared = [] if rivals else _sharing(parts, job)
        if shared:
            _note_unused(seen, job, SHARED.format(others=", ".join(shared[:3]), column=seen.columns[fitting[0]]))
            return frames
        if not rivals and all(seen.order(column) == seen.order(fitting[0]) for column in fitting):
            column = fitting[0]
            job.notes[BY_NUMBER.format(column=seen.columns[column])] += sum(frame.height for frame in frames)
            return [_numbered(frame, part, column, job) for frame, part in zip(frames, parts, strict=True)]
        names = [*(seen.columns[column] for column in fitting), *map(own_name, rivals)]
        why = SEVERAL_COLUMNS.format(
            columns=" and ".join(map(repr, names)), options=" or ".join(f"--columns image:{name}" for name in names)
        )
        _note_unused(seen, job, why)
        return frames
    named = _named(frames, parts, seen, job)
    if named is None:
        _note_unused(seen, job, _why_not(seen))
    return named or frames


def _sharing(parts: Sequence[Part], job: Job) -> list[str]:
    """Files beside a file that is read alone, which end like it and would have the same images."""
    if job.path.is_dir():
        return []
    path, mine = parts[0].path, _folders(parts[0].path, job)
    here = Look(path.parent)
    beside = parquet_files(here) if path.suffix == ".parquet" else [file.path for file in here.label_files]
    others = [other for other in beside if other.parent == path.parent and other.suffix == path.suffix]
    return [other.name for other in others if other != path and _folders(other, job) == mine]


def _folders(path: Path, job: Job) -> tuple[Path, ...]:
    found = _pictures(path, job)
    return tuple(folder for folder, _ in found.folders) if found else ()


def _is_shifted(frames: Sequence[pl.DataFrame], job: Job) -> bool:
    """Are ids without an image, while those one further would fit as well? For images that are called as the ids."""
    lost = [frame[NOT_FOUND].drop_nulls() for frame in frames if NOT_FOUND in frame.columns]
    if not lost or not pl.concat(lost).str.contains(_DIGITS).all():
        return False
    parts = pl.concat([frame["image"] for frame in frames]).drop_nulls().str.extract_groups(_FOLDER_AND_STEM).struct
    named = pl.DataFrame({"folder": parts[0].fill_null(""), "stem": parts[1]}).unique()
    if not named["stem"].str.contains(_DIGITS).fill_null(False).all():
        return False
    for folder, ids in named.group_by("folder").agg(pl.col("stem").cast(pl.Int64)).iter_rows():
        stems = {name.partition(".")[0] for name in Look(job.root / folder).names[0] if has_ending(name)}
        if not _fit_best(set(ids), {int(stem) for stem in stems if _IS_NUMBER.fullmatch(stem)}):
            return True
    return False


def _fit_best(ids: set[int], images: set[int]) -> bool:
    """Has each id its image, or more of them than if all were one higher or lower?"""
    shifted = (len({n + step for n in ids} & images) for step in (-1, 1))
    return ids <= images or len(ids & images) > max(shifted)


def _are_stated(group: _Rows) -> bool:
    """Are the numbers in the image column those of images that no other row has, rather than off by one?"""
    if group.found is None:
        return True
    used = {image.rpartition("/")[2] for frame in group.frames for image in frame["image"].drop_nulls()}
    free = group.found.frame.filter(~pl.col("name").is_in(list(used)))
    lost = [frame[NOT_FOUND].drop_nulls() for frame in group.frames if NOT_FOUND in frame.columns]
    ids = {int(name) for names in lost for name in names if _IS_NUMBER.fullmatch(name)}
    return ids.isdisjoint(group.found.numbers) or _fit_best(ids, set(free["number"]))


def _numbers_not_found(frame: pl.DataFrame) -> int:
    return int(frame[NOT_FOUND].str.contains(_DIGITS).sum()) if NOT_FOUND in frame.columns else 0


def note_unused_numbers(parts: Sequence[Part], job: Job) -> None:
    """Note numbered images beside a file of lines that are not taken for those of its lines."""
    for part in parts:
        found = _pictures(part.path, job)
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
        groups.setdefault(_folders(path, job), []).append(path)
    rows = [_Rows([held[path] for path in paths], _pictures(paths[0], job)) for paths in groups.values()]
    return _Evidence(rows, seen.id_column or seen.image_ids, seen.image_ids, seen.unreadable.total)


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
    stems = _stems(job)
    return int(ids.is_in(list(stems)).sum()) if stems else 0, ids.len()


def _stems(job: Job) -> set[str]:
    return {file.stem for file in Look(job.root).all_files(*IMAGE_ENDINGS)}


def _names_files(values: pl.Series, stems: Collection[str]) -> bool:
    """Do most of the first values hold the name of an image file, or one of `stems` that is no number?"""
    if values.dtype != pl.String:
        return False
    first = values.head(200).drop_nulls()
    named = first.str.contains(rf"{IMAGE_NAME}(\W|$)") | (first.is_in(list(stems)) & ~first.str.contains(_DIGITS))
    return int(named.sum()) * 2 > first.len()


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
