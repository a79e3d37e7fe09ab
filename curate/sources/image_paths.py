"""Finds the image files that labels name and keeps them inside the image folder. Not for opening images."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.sources.look import IMAGE_ENDINGS
from curate.sources.model import KEPT_ROWS, LEAVES_FOLDER, Job

_RANK = {ending: place for place, ending in enumerate(IMAGE_ENDINGS)}
_ODD = re.compile(r"(^|[/\\])\.{1,2}([/\\]|$)|^[/\\]|^[A-Za-z]:[/\\]|//|\x00")
_FOR_IMAGES = re.compile(r"(?i)images?|imgs?|photos?")
_SAMPLE = 64
_MOST_PLACES = 60


class ImageFolder:
    """The files under one root, each folder listed at most once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.real = root.resolve()
        self._files: dict[str, set[str]] = {}
        self._stems: dict[str, dict[str, str]] = {}
        self._folders: dict[str, list[str]] = {}
        self.leaving: set[str] = set()

    def files(self, folder: str) -> set[str]:
        """The names of the files in a folder; empty where there is none."""
        if folder not in self._files:
            self._list(folder)
        return self._files[folder]

    def folders(self, folder: str) -> list[str]:
        """The folders in a folder, as paths relative to the root."""
        if folder not in self._folders:
            self._list(folder)
        return self._folders[folder]

    def find(self, place: str, name: str) -> str | None:
        """The path from the root of an image named `name`, with or without its ending, in the folder `place`."""
        if "/" in name:
            inner, name = posixpath.split(name)
            place = posixpath.join(place, inner)
        files = self.files(place)
        if name in files:
            return posixpath.join(place, name)
        if _has_ending(name):
            return None
        if place not in self._stems:
            stems: dict[str, str] = {}
            images = [file for file in files if _has_ending(file)]
            for file in sorted(images, key=lambda file: (_RANK[posixpath.splitext(file)[1].lower()], file)):
                stems.setdefault(posixpath.splitext(file)[0], file)
            self._stems[place] = stems
        found = self._stems[place].get(name)
        return None if found is None else posixpath.join(place, found)

    def find_all(self, place: str, names: Sequence[str | None], ending: str) -> list[str | None]:
        """The paths of many names in a folder; one that isn't there gets the path it would have, with `ending`."""
        here = self.files(place)
        prefix = f"{place}/" if place else ""
        found: list[str | None] = []
        for name in names:
            if name is None:
                found.append(None)
            elif name in here or ("/" not in name and _has_ending(name)):
                found.append(prefix + name)
            else:
                found.append(self.find(place, name) or prefix + name + ("" if _has_ending(name) else ending))
        return found

    def _holds(self, path: str) -> bool:
        return Path(path).resolve().is_relative_to(self.real)

    def _list(self, folder: str) -> None:
        files: set[str] = set()
        folders: list[str] = []
        self._files[folder], self._folders[folder] = files, folders
        path = self.root / folder
        try:
            outside = not self._holds(str(path))
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir():
                        if not entry.name.startswith("."):
                            folders.append(posixpath.join(folder, entry.name))
                    else:
                        files.add(entry.name)
                        if outside or (entry.is_symlink() and not self._holds(entry.path)):
                            self.leaving.add(posixpath.join(folder, entry.name))
        except OSError:
            return
        folders.sort()


def _has_ending(name: str) -> bool:
    return name.lower().endswith(IMAGE_ENDINGS)


def place_of(names: Sequence[str], images: ImageFolder, near: str, split: str | None = None) -> str | None:
    """The folder that holds most of some image names: `near`, a folder in it, the root, or a folder in that."""
    if not names:
        return None
    step = max(1, len(names) // _SAMPLE)
    sample = list(names[::step])[:_SAMPLE]
    places: dict[str, None] = {near: None}
    tops = images.folders(near)[:_MOST_PLACES]
    places.update(dict.fromkeys(tops))
    places[""] = None
    places.update(dict.fromkeys(images.folders("")[:_MOST_PLACES]))
    if split and near == "":
        for top in tops:  # train/img beside train_labels.txt
            if posixpath.basename(top).startswith(split):
                places.update(dict.fromkeys(images.folders(top)[:_MOST_PLACES]))
    for place in list(places):  # images/images_train, or a folder unpacked into one of its own name
        places.update(dict.fromkeys(images.folders(place)[:_MOST_PLACES]))
    found = {place: sum(1 for name in sample if images.find(place, name) is not None) for place in places}
    best = max(found, key=found.__getitem__) if any(found.values()) else None
    if best is not None and split and split not in best:
        # Every split may have a 0.png: a folder of the split's name comes first, though some of its images are missing.
        own = [place for place in found if split in place and found[place] * 2 >= found[best]]
        best = max(own, key=found.__getitem__, default=best)
    if best is None and not any("/" in name for name in sample):
        # None of them is there; if there is one folder made for images, that is where they are missing.
        named = [place for place in places if _FOR_IMAGES.search(posixpath.basename(place))]
        holders = [place for place in named if any(_has_ending(file) for file in images.files(place))]
        return holders[0] if len(holders) == 1 else None
    return best


def resolve_images(
    frame: pl.DataFrame,
    job: Job,
    path: Path,
    split: str | None = None,
    *,
    ids_only: bool = False,
    ending: str = "",
) -> pl.DataFrame:
    """Turn the image names of a part into paths relative to `job.root`, and count the rows whose path leaves it.

    A name with no file keeps the path it would have (a rule reports it), with the ending that the images in the folder
    have, or `ending`, where it has none. With `ids_only` a name is an id rather than a file name: where no image is
    found at all the image is null.
    """
    if frame.is_empty() or frame["image"].null_count() == frame.height:
        return frame
    images = ImageFolder(job.root)
    near = _near(path, images)
    names, settled, escaping = _clean(frame["image"], images, near)
    place = place_of([name for name in names if name], images, near, split)
    if place is None and ids_only:
        found: list[str | None] = [None] * len(names)
    else:
        # With no image found anywhere a path is taken to be relative to the label file, as the formats have it.
        home = near if place is None and not job.images_given else place or ""
        if ids_only or ending:
            ending = _usual_ending(images, home) or ending
        found = images.find_all(home, names, ending)
    for at, inside in settled.items():
        found[at] = inside
    return _drop_escaping(frame, found, images, escaping, job, path)


def check_inside(frame: pl.DataFrame, job: Job, path: Path) -> pl.DataFrame:
    """For image paths that are relative to the root already: tidy them and count the rows whose path leaves it."""
    if frame.is_empty() or frame["image"].null_count() == frame.height:
        return frame
    images = ImageFolder(job.root)
    names, settled, escaping = _clean(frame["image"], images, "")
    for at, inside in settled.items():
        names[at] = inside
    for folder in {posixpath.dirname(name) for name in names if name}:
        images.files(folder)  # listing is what notices links that lead out
    return _drop_escaping(frame, names, images, escaping, job, path)


def _near(path: Path, images: ImageFolder) -> str:
    """The label file's own folder relative to the root; the root where it stands elsewhere."""
    try:
        near = path.parent.resolve().relative_to(images.real).as_posix()
    except ValueError:
        return ""
    return "" if near == "." else near


def _clean(images: pl.Series, folder: ImageFolder, near: str) -> tuple[list[str | None], dict[int, str], set[int]]:
    """Image names tidied: (names to look up, paths that are certain already by index, indexes that leave the root)."""
    names: list[str | None] = images.to_list()
    settled: dict[int, str] = {}
    escaping: set[int] = set()
    for at in images.str.contains(_ODD.pattern).arg_true().to_list():
        name = (names[at] or "").replace("\\", "/")
        names[at] = None
        inside = _inside(name, folder, near)
        if inside is None:
            escaping.add(at)
        elif name.startswith(("/", "..")):
            settled[at] = inside
        else:
            names[at] = inside
    return [name or None for name in names], settled, escaping


def _inside(name: str, folder: ImageFolder, near: str) -> str | None:
    """A path with `.`, `..` and `//` resolved (from the root where it began with `/` or `..`); None if outside."""
    if "\0" in name or re.match("[A-Za-z]:/", name):
        return None
    if name.startswith("/"):
        for root in (folder.root, folder.real):
            if Path(name).is_relative_to(root):
                name = Path(name).relative_to(root).as_posix()
                break
    elif name.startswith(".."):
        name = posixpath.join(near, name)
    tidy = posixpath.normpath(name)
    return None if tidy.startswith(("/", "../")) or tidy in ("..", ".") else tidy


def _drop_escaping(
    frame: pl.DataFrame, found: list[str | None], images: ImageFolder, escaping: set[int], job: Job, path: Path
) -> pl.DataFrame:
    links = {at for at, name in enumerate(found) if name in images.leaving} if images.leaving else set()
    bad = sorted(escaping | links)
    if bad:
        lines = frame["line"].gather(bad[:KEPT_ROWS]).to_list()
        texts = frame["image"].gather(bad[:KEPT_ROWS]).to_list()
        file = job.file(path)
        first = ((file, line, text or "") for line, text in zip(lines, texts, strict=True))
        job.unreadable.add_many(LEAVES_FOLDER, first, len(bad))
    frame = frame.with_columns(pl.Series("image", found, dtype=pl.String))
    return frame.filter(pl.repeat(True, frame.height, eager=True).scatter(bad, False)) if bad else frame


def _usual_ending(images: ImageFolder, folder: str) -> str:
    known = [posixpath.splitext(name)[1] for name in sorted(images.files(folder))[:200] if _has_ending(name)]
    return max(sorted(set(known)), key=known.count) if known else ""
