"""Finds images that no file is there for in the archives beside the labels. Not for archives that hold labels too.

A name is looked for in the archives nearest to its label file that have any of the names: in the file's own folder, in
those below it, then in the folders above up to the root. Where several images of the name are there, the one whose path
fits best is meant; where nothing tells them apart, none is taken, and that is counted.
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

SEVERAL = "images that were not taken: archives hold several of that name, and nothing says which is meant"
#: How the note of an archive begins that can't be read, damaged or hostile; its name and the reason follow.
NOT_READ = "archive that was not read: "
#: The column of what label files say of images that were not found, where a format has it.
_NOT_FOUND = "image_not_found"
_FOR_IMAGES = re.compile(r"(?i)images?|imgs?|pictures?|photos?")
_MOST_FOLDERS, _MOST_ARCHIVES = 60, 400


@dataclass(frozen=True)
class _Member:
    """An image in an archive: its ref, the folders it is in (the archive counts as one), and what tells it apart."""

    ref: str
    folders: tuple[str, ...]
    content: tuple[int, int]


def find_archived(frame: pl.DataFrame, job: Job, path: Path, split: str | None) -> pl.DataFrame:
    """A part's frame with the refs of images in archives for those that no file is there for.

    path: the label file, or folder. split: that of rows which say none themselves; where it is None too, the file's
    name may say it. An archive that can't be read is noted where an image might have been in it.
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
    """Note the archives beside labels none of which has an image: somebody meant their pictures to be seen."""
    folder = path if path.is_dir() else path.parent
    stem = path.name.partition(".")[0]
    for name in _listed(folder)[0]:
        meant = path.is_dir() or names.stem(name) == stem or _FOR_IMAGES.search(name)
        if meant and not any(f"{name}: " in note for note in job.notes):  # or it is spoken of already
            job.notes[f"archive beside the labels whose pictures no label names: {name}; unpack it to use it"] += 1


def _missing(images: pl.Series, root: Path) -> list[int]:
    """The rows whose image is a path without a file; images in tables and archives are looked at when opened."""
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
    """Archives as paths from the root, the nearest to the label file first, a folder's below after the folder's own."""
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
    """Is a folder that of other labels, whose archives are not for these?"""
    from curate.sources.look import Look

    return bool([file for file in Look(folder).label_files if file.path.parent == folder])


def _key(text: str) -> str:
    """What the images of a name have in common: its last part without an ending, in small letters."""
    name = posixpath.basename(text.replace("\\", "/"))
    return _stem(name).casefold()


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0] if name.lower().endswith(IMAGE_ENDINGS) else name


def _members(
    tier: Sequence[str], held: dict[str, Contents | None], job: Job, wanted: set[str]
) -> dict[str, list[_Member]]:
    """The images of some archives by `_key`, as far as they are wanted."""
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
    """The ref of the image that a label file's text means, where that can be told."""
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
    """May a file be meant by a name: one of both lacks the ending, or they differ in its case only?"""
    file = file.rpartition("#")[2]
    if name.lower().endswith(IMAGE_ENDINGS) and file.lower().endswith(IMAGE_ENDINGS):
        return _stem(name) == _stem(file) and name.casefold() == file.casefold()
    return _stem(name) == _stem(file)


def _rank(folders: Sequence[str], split: str | None, member: _Member) -> tuple[int, int] | None:
    """How well a member fits: folders that both paths end in, and the split; None for one of another split."""
    tail = 0
    while tail < min(len(folders), len(member.folders)) and folders[-1 - tail] == member.folders[-1 - tail]:
        tail += 1
    words = {word for part in member.folders if (word := split_names.standard(part))}
    if split is None or not (words or split in member.folders):
        return tail, 0
    if split in member.folders or split_names.standard(split) in words:
        return tail, 1
    return None if split_names.standard(split) else (tail, 0)
