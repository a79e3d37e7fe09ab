"""Finds images in the archives beside the labels when no file exists for them. Not for archives that hold labels too.

A name is looked up in the nearest archives that contain it: those in the label file's own folder, then those below it,
then those in the folders above, up to the root. If several images have the name, the one whose path fits best is
taken; if none fits better than the others, none is taken, and that is counted.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.archives import names
from curate.archives.contents import Contents
from curate.archives.opening import open_archive
from curate.base.errors import UserError
from curate.images.endings import IMAGE_ENDINGS
from curate.sources.model import Job
from rules.sets import split_names

SEVERAL = "images not used: archives hold several with that name, and nothing says which one is meant"
#: The start of the note about an archive that is damaged or hostile; its name and the reason follow.
NOT_READ = "archive not read: "
#: The column with the label file's wording for images that were not found, where a format has it.
_NOT_FOUND = "image_not_found"
_FOR_IMAGES = re.compile(r"(?i)images?|imgs?|pictures?|photos?")
_MOST_FOLDERS, _MOST_ARCHIVES = 60, 400


@dataclass(frozen=True)
class _Member:
    """An image in an archive: its ref, its folders (the archive counts as one), and what identifies it."""

    ref: str
    folders: tuple[str, ...]
    content: tuple[int, int]


def find_archived(frame: pl.DataFrame, job: Job, path: Path, split: str | None) -> pl.DataFrame:
    """A part's frame, with refs of images in archives for images that have no file.

    path: the label file or folder. split: the split of rows that don't state one; if it is None too, the file name
    may state it. Archives that can't be read are noted if a missing image could have been in them.
    """
    said = pl.coalesce(_NOT_FOUND, "image") if _NOT_FOUND in frame.columns else pl.col("image")
    split = split or split_names.word(path.name)
    rows = frame.select("image", said=said, split=pl.coalesce("split", pl.lit(split, pl.String)))
    missing = _missing(rows["image"], job.root)
    if not missing:
        return frame
    refs = frame["image"].to_list()
    found: list[int] = []
    wanted: dict[str | None, list[int]] = {}
    for at, of_split in zip(missing, rows["split"].gather(missing).to_list(), strict=True):
        wanted.setdefault(of_split, []).append(at)
    tiers = list(_tiers(job.root, path))
    held: dict[str, Contents | None] = {}
    for of_split, places in wanted.items():
        texts = rows["said"].gather(places).to_list()
        for tier in tiers:
            members = _members(tier, held, job, set(map(_key, texts)))
            if not members:
                continue
            for at, text in zip(places, texts, strict=True):
                ref = _fitting(text, of_split, members, job)
                if ref is not None:
                    refs[at] = ref
                    found.append(at)
            break
    if len(found) < len(missing):
        for name in _links(path if path.is_dir() else path.parent):
            job.notes[f"{NOT_READ}{name} is a link, which is not followed: name what it leads to with --images"] = 1
    if not found:
        return frame
    frame = frame.with_columns(image=pl.Series(refs, dtype=pl.String))
    if _NOT_FOUND in frame.columns:
        frame = frame.with_columns(frame[_NOT_FOUND].scatter(found, None))
        if frame[_NOT_FOUND].null_count() == frame.height:
            frame = frame.drop(_NOT_FOUND)
    return frame


def note_unused(job: Job, path: Path) -> None:
    """Note archives beside labels that name no image at all: the pictures were probably meant to be used."""
    folder = path if path.is_dir() else path.parent
    stem = path.name.partition(".")[0]
    for name in _listed(folder)[0]:
        meant = path.is_dir() or names.stem(name) == stem or _FOR_IMAGES.search(name)
        if meant and not any(f"{name}: " in note for note in job.notes):  # or a note mentions it already
            job.notes[f"archive beside the labels whose pictures no label names: {name}; unpack it to use it"] += 1


def _missing(images: pl.Series, root: Path) -> list[int]:
    """The rows whose image is a path without a file; images in tables and archives are checked when they are opened."""
    files: dict[str, set[str]] = {}
    missing: list[int] = []
    for at, ref in enumerate(images.to_list()):
        if ref is None or "#" in ref or ref.endswith(".inkml"):
            continue
        folder, name = posixpath.split(ref)
        if folder not in files:
            try:
                with os.scandir(root / folder) as entries:
                    files[folder] = {entry.name for entry in entries}
            except (OSError, ValueError):
                files[folder] = set()
        if name not in files[folder]:
            missing.append(at)
    return missing


def _tiers(root: Path, path: Path) -> Iterator[list[str]]:
    """Archives as paths from the root: nearest to the label file first, and a folder before its subfolders."""
    real = root.resolve()
    folder = (path if path.is_dir() else path.parent).resolve()
    near = folder.relative_to(real) if folder.is_relative_to(real) else Path()
    for place in (near, *near.parents):
        files, folders = _listed(real / place)
        yield [(place / name).as_posix() for name in files]
        below = []
        for name in folders[:_MOST_FOLDERS]:
            if (place / name) not in (near, *near.parents) and not _holds_labels(real / place / name):
                below += [(place / name / file).as_posix() for file in _listed(real / place / name)[0]]
        yield below


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """(archives, folders) directly in a folder, by name."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif names.is_archive(entry.name) and entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
    except OSError:
        pass
    return sorted(files)[:_MOST_ARCHIVES], sorted(folders)


def _links(folder: Path) -> list[str]:
    """Links to archives in a folder. A hostile data set's would lead anywhere."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if entry.is_symlink() and names.is_archive(entry.name)]
    except OSError:
        found = []
    return sorted(found)[:_MOST_ARCHIVES]


def _holds_labels(folder: Path) -> bool:
    """Does this folder belong to other labels, so that its archives are not for these?"""
    from curate.sources.look import Look

    return bool([file for file in Look(folder).label_files if file.path.parent == folder])


def _key(text: str) -> str:
    """What images of the same name share: the last part of the path, in lower case, without its ending."""
    name = posixpath.basename(text.replace("\\", "/"))
    return _stem(name).casefold()


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0] if name.lower().endswith(IMAGE_ENDINGS) else name


def _members(
    tier: Sequence[str], held: dict[str, Contents | None], job: Job, wanted: set[str]
) -> dict[str, list[_Member]]:
    """The wanted images in some archives, by `_key`."""
    found: dict[str, list[_Member]] = {}
    for archive in tier:
        if archive not in held:
            held[archive] = _opened(archive, job)
        contents = held[archive]
        if contents is None:
            continue
        above = (*Path(archive).parent.parts, names.stem(posixpath.basename(archive)))
        for folder, files in contents.pictures.items():
            folders = (*above, *(folder.split("/") if folder else ()))
            for file in files:
                if (key := _key(file)) in wanted:
                    name = f"{folder}/{file}" if folder else file
                    info = contents.members[name]
                    member = _Member(f"{archive}#{name}", folders, (info.CRC, info.file_size))
                    found.setdefault(key, []).append(member)
    return found


def _opened(archive: str, job: Job) -> Contents | None:
    try:
        contents = open_archive(job.root.resolve() / archive)
    except UserError as error:
        said = str(error).replace(f"{job.root.resolve()}/", "")
        job.notes[f"{NOT_READ}{said}"] = 1
        return None
    for reason, count in contents.left_out.items():
        job.notes[f"{archive}: {reason}"] = count
    return contents


def _fitting(text: str, split: str | None, members: dict[str, list[_Member]], job: Job) -> str | None:
    """The ref of the image that a label file means by `text`, or None if that can't be told."""
    *folders, name = text.replace("\\", "/").split("/")
    own = [member for member in members.get(_key(name), ()) if _fits(name, posixpath.basename(member.ref))]
    exact = [member for member in own if posixpath.basename(member.ref.partition("#")[2]) == name]
    ranked = [(_rank(folders, split, member), member) for member in exact or own]
    best = max((rank for rank, _ in ranked if rank is not None), default=None)
    chosen = [member for rank, member in ranked if rank is not None and rank == best]
    if len({member.content for member in chosen}) > 1:
        job.notes[SEVERAL] += 1
        return None
    return chosen[0].ref if chosen else None


def _fits(name: str, file: str) -> bool:
    """Can a name mean this file? One of the two lacks its ending, or they differ only in case."""
    file = file.rpartition("#")[2]
    if name.lower().endswith(IMAGE_ENDINGS) and file.lower().endswith(IMAGE_ENDINGS):
        return _stem(name) == _stem(file) and name.casefold() == file.casefold()
    return _stem(name) == _stem(file)


def _rank(folders: Sequence[str], split: str | None, member: _Member) -> tuple[int, int] | None:
    """How well a member fits: how many trailing folders both paths share, and the split; None for another split."""
    tail = 0
    while tail < min(len(folders), len(member.folders)) and folders[-1 - tail] == member.folders[-1 - tail]:
        tail += 1
    words = {word for part in member.folders if (word := split_names.standard(part))}
    if split is None or not (words or split in member.folders):
        return tail, 0
    if split in member.folders or split_names.standard(split) in words:
        return tail, 1
    return None if split_names.standard(split) else (tail, 0)
