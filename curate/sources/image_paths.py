"""Turns the image paths of a label file into paths below the image folder. Not for opening images.

No path leads out of the folder, whatever the label file says. An image that isn't found gets the path where it would
be, and the column NOT_FOUND keeps the label file's wording. `image_search` decides where to look.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Container, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from curate.sources.image_names import PARTS, Place, fold, folder_of, has_ending, name_of
from curate.sources.image_search import MOST_NEAR, Search, Settled, joined, under
from curate.sources.look import IMAGE_ENDINGS, Look, is_folder, is_utf8_name
from curate.sources.model import LEAVES_FOLDER, NOT_FOUND, Job

SEVERAL_HOLD = "images not used: several folders hold one with that name, and nothing says which one is meant"
TOO_LARGE = (
    "images were searched only near the labels, because the folder is too large; name a smaller one with --images DIR"
)

#: The most folders that are searched: enough for any data set, and never a whole disk.
MOST_FOLDERS = 50_000

_RANK = {ending: place for place, ending in enumerate(IMAGE_ENDINGS)}
_NUL = "\N{SYMBOL FOR NULL}"
_NO_NAME = "(no name)"
_ODD = r"(^|[/\\])\.{1,2}([/\\]|$)|^[/~]|^[A-Za-z]:|\\|//|\x00"
_FOR_IMAGES = re.compile(r"(?i)images?|imgs?|photos?")


class ImageFolder:
    """The files under one root; each folder is listed at most once.

    drawings: do drawings of `curate render` count as images? Else they do only in the folders of `named`.
    """

    def __init__(self, root: Path, *, drawings: bool = False) -> None:
        self.root = root
        self.drawings = drawings
        self.named: set[str] = set()
        self.real = root.resolve()
        self._files: dict[str, set[str]] = {}
        self._stems: dict[str, dict[str, str]] = {}
        self._folded: dict[str, dict[str, str]] = {}
        self._tree: list[str] | None = None
        self._reals = {"": str(self.real)}
        self._folders: dict[str, list[str]] = {}
        #: Whether `tree` was needed but there are too many folders.
        self.too_large = False
        #: Files outside the root: links, or files in a linked folder.
        self.leaving: set[str] = set()
        #: Folders that are links, and their targets; None: out of the root.
        self.links: dict[str, str | None] = {}

    def files(self, folder: str) -> set[str]:
        """The names of the files in a folder; empty if it doesn't exist."""
        if folder not in self._files:
            self._list(folder)
        return self._files[folder]

    def folders(self, folder: str) -> list[str]:
        """The folders in a folder, as paths relative to the root."""
        if folder not in self._folders:
            self._list(folder)
        return self._folders[folder]

    def has(self, path: str) -> bool:
        """Does a file exist at this path?"""
        folder, name = posixpath.split(path)
        return name in self.files(folder)

    def find(self, place: str, name: str) -> str | None:
        """The path from the root of an image `name`, which may include folders, in the folder `place`."""
        folder, name = posixpath.split(under(place, name))
        file = (
            name if name in self.files(folder) else self.stems(folder).get(name) or self.folded(folder).get(fold(name))
        )
        return under(folder, file) if file else None

    def stems(self, folder: str) -> dict[str, str]:
        """{name without ending: image file} of a folder; if there are several, the most common kind wins."""
        if folder not in self._stems:
            found: dict[str, str] = {}
            images = [file for file in self.files(folder) if has_ending(file)]
            for file in sorted(images, key=lambda file: (_RANK[posixpath.splitext(file)[1].lower()], file)):
                found.setdefault(posixpath.splitext(file)[0], file)
            self._stems[folder] = found
        return self._stems[folder]

    def folded(self, folder: str) -> dict[str, str]:
        """{folded name, or stem: image file} of a folder; "" for names that several files share."""
        if folder not in self._folded:
            found: dict[str, str] = {}
            for name, file in [
                *((file, file) for file in self.files(folder) if has_ending(file)),
                *self.stems(folder).items(),
            ]:
                key = fold(name)
                found[key] = file if found.get(key, file) == file else ""
            self._folded[folder] = found
        return self._folded[folder]

    def tree(self) -> list[str]:
        """All folders below the root, each once; links are not followed. Empty if there are more than MOST_FOLDERS."""
        if self._tree is None:
            found = [""]
            for folder in found:  # it grows
                found += [inner for inner in self.folders(folder) if inner not in self.links]
                if len(found) > MOST_FOLDERS:
                    self.too_large = True
                    found.clear()
            self._tree = found
        return self._tree

    def spellings(self, folder: str) -> list[str]:
        """A folder of the tree by every path that leads to it through linked folders."""
        through = [
            link + folder[len(target) :]
            for link, target in self.links.items()
            if target is not None and (not target or f"{folder}/".startswith(f"{target}/"))
        ]
        return [folder, *through]

    def is_copy(self, folder: str, others: Container[str]) -> bool:
        """Is the folder a link that leads out of the root, or one of several links to the same folder?"""
        target = self.links.get(folder, folder)
        return target is None or (target != folder and target in others)

    def inside(self, path: str) -> str | None:
        """An absolute path relative to the root; None if it leads elsewhere."""
        for root in (self.root.as_posix(), self.real.as_posix()):
            if path == root or path.startswith(root.rstrip("/") + "/"):
                return path[len(root) :].strip("/")
        return None

    def _real(self, folder: str) -> str:
        """A folder's real location: unless it is a link itself, it lies where its parent does."""
        if folder not in self._reals:
            above, name = posixpath.split(folder)
            path = os.path.join(self._reals.get(above, str(self.real)), name if above in self._reals else folder)  # noqa: PTH118
            known = above in self._reals and not os.path.islink(path)  # noqa: PTH114
            self._reals[folder] = path if known else os.path.realpath(path)
        return self._reals[folder]

    def _is_below(self, real: str) -> bool:
        return Path(real).is_relative_to(self.real)

    def _list(self, folder: str) -> None:
        files: set[str] = set()
        folders: list[str] = []
        self._files[folder], self._folders[folder] = files, folders
        if folder.startswith(("/", "..")):
            return
        path = self.root / folder
        try:
            with os.scandir(path) as entries:
                outside = not self._is_below(self._real(folder))
                for entry in entries:
                    if not entry.name.isascii() and not is_utf8_name(entry.name):
                        continue
                    inner = posixpath.join(folder, entry.name)
                    if is_folder(entry):
                        if not entry.name.startswith("."):
                            folders.append(inner)
                            if entry.is_symlink():
                                self.links[inner] = self._target(entry.path)
                    else:
                        files.add(entry.name)
                        if outside or (entry.is_symlink() and not self._is_below(os.path.realpath(entry.path))):
                            self.leaving.add(inner)
        except (OSError, ValueError):  # ValueError: a path that holds a NUL
            return
        folders.sort()
        if not (self.drawings or folder in self.named):
            files -= Look(path).drawings

    def _target(self, link: str) -> str | None:
        """The target of a folder link, relative to the root; None if it leads out of the root."""
        target = Path(link).resolve()
        inside = target.relative_to(self.real).as_posix() if target.is_relative_to(self.real) else None
        return "" if inside == "." else inside


def resolve_images(
    frame: pl.DataFrame,
    job: Job,
    path: Path,
    split: str | None = None,
    *,
    ids_only: bool = False,
    ending: str = "",
) -> pl.DataFrame:
    """Turn a part's image names into paths relative to `job.root`.

    A name without a file keeps the path where it would be (a rule reports it) and stands in the column NOT_FOUND; if it
    has no ending, it gets that of the images in the folder, or `ending`. With `ids_only`, a name is an id rather than a
    file name, and if no image is found at all the image is null. split: of rows that don't state one themselves.
    """
    if frame.is_empty() or frame["image"].null_count() == frame.height:
        return frame
    ids_only = ids_only or job.image_ids is not None
    images = ImageFolder(job.root, drawings=job.images_given)
    near = _near(path, images)
    search = Search(images, near, path.name)
    groups = _groups(frame.select("image", split=pl.coalesce("split", pl.lit(split, pl.String))))
    images.named.update(folder for group in groups if group.place.path for folder in search.named(group.place))
    settled = [search.settle(group.place, set(group.names), group.split) for group in groups]
    _refuse_shared(settled, [group.place for group in groups])
    if ids_only and not any(group.found or group.doubtful for group in settled):
        return frame.with_columns(image=pl.lit(None, pl.String))
    ending = ending if ending or not ids_only else "?"
    homes = ["" if job.images_given else near, *_made_for_images(images, near)]
    return _resolved(frame, job, images, groups, settled, homes, ending)


def check_inside(frame: pl.DataFrame, job: Job, path: Path) -> pl.DataFrame:
    """`resolve_images` for paths that are already absolute or relative to the root: nothing is searched."""
    if frame.is_empty() or frame["image"].null_count() == frame.height:
        return frame
    images = ImageFolder(job.root, drawings=True)
    search = Search(images, "", path.name)
    groups = _groups(frame.select("image", "split"))
    settled = [search.settle(group.place, set(group.names), group.split, search=False) for group in groups]
    return _resolved(frame, job, images, groups, settled, [""], "")


class _Group(NamedTuple):
    """The rows of one split whose images share a folder in the label file: their names and row numbers."""

    place: Place
    split: str | None
    names: list[str]
    rows: list[int]


def _groups(frame: pl.DataFrame) -> list[_Group]:
    parts = pl.col("image").str.extract_groups(PARTS).struct
    rows = (
        frame.lazy()
        .with_row_index("row")
        .filter(pl.col("image").is_not_null() & (pl.col("image") != ""))
        .select("row", "split", folder=parts.field("1").fill_null(""), name=parts.field("2"))
        .group_by("folder", "split", maintain_order=True)
        .agg("name", "row")
        .collect()
    )
    groups: list[_Group] = []
    for folder, split, names, numbers in rows.iter_rows():
        place = folder_of(folder)
        groups.append(_Group(place, split, [name_of(name, place) for name in names] if place.url else names, numbers))
    return groups


def _refuse_shared(settled: Sequence[Settled], places: Sequence[Place]) -> None:
    """If several folders of the label file found the same files, keep them only for the one that names them best.

    A picture can't be two: if `2014/0.png` and `2016/0.png` both led to it by a guess, one of them is missing.
    """
    if len(settled) < 2:
        return
    claims: dict[str, list[int]] = defaultdict(list)
    for at, group in enumerate(settled):
        for file in group.found.values():
            claims[file].append(at)
    for file, claimants in claims.items():
        if len(claimants) < 2 or _are_one([places[at].tail for at in claimants]):
            continue
        best = min(settled[at].rank for at in claimants)
        for group in (settled[at] for at in claimants):
            if group.rank > best or best == (1, 0):
                for name in [name for name, held in group.found.items() if held == file]:
                    del group.found[name]


def _are_one(tails: list[list[str]]) -> bool:
    """Can these be one folder written from different roots? Then each ends with the next shorter one."""
    tails.sort(key=len)
    return all(longer[len(longer) - len(tail) :] == tail for tail, longer in pairwise(tails))


def _resolved(
    frame: pl.DataFrame,
    job: Job,
    images: ImageFolder,
    groups: Sequence[_Group],
    settled: Sequence[Settled],
    homes: Sequence[str],
    ending: str,
) -> pl.DataFrame:
    """The frame with the images found. homes: folders where missing relative names may belong.

    ending: for missing images whose name has none; the usual ending at that place comes first ("?": only that one).
    """
    found: list[str | None] = [None] * frame.height
    missing: list[int] = []
    for group, result in zip(groups, settled, strict=True):
        would_be: list[tuple[str, str]] = []
        for row, name in zip(group.rows, group.names, strict=True):
            file = result.found.get(name)
            if file is None:
                would_be = would_be or _would_be(group.place, images, result.home, homes, ending)
                plain = _NO_NAME if name in ("", ".", "..") else name.replace("\0", _NUL)
                choices = [under(home, plain + ("" if has_ending(name) else usual)) for home, usual in would_be]
                # None that exists: those are not the ones meant.
                file = next((path for path in choices if not images.has(path)), choices[-1])
                missing.append(row)
                job.notes[SEVERAL_HOLD] += name in result.doubtful
            found[row] = file
    job.notes[LEAVES_FOLDER] += sum(1 for file in found if file in images.leaving) if images.leaving else 0
    given, image = frame["image"], pl.Series("image", found, dtype=pl.String)
    frame = frame.with_columns(image, name=_own_names(frame, image))
    if not missing:
        return frame
    job.notes[TOO_LARGE] += len(missing) if images.too_large else 0
    shown = given.gather(missing).str.replace_all("\0", _NUL, literal=True)
    empty = pl.repeat(None, frame.height, dtype=pl.String, eager=True)
    return frame.with_columns(empty.scatter(missing, shown).alias(NOT_FOUND))


def _would_be(
    place: Place, images: ImageFolder, home: str | None, homes: Sequence[str], ending: str
) -> list[tuple[str, str]]:
    """Where a missing image would be, most likely first: folders, and the ending for a name without one."""
    found = [home]
    if not place.relative:
        found.append(images.inside("/" + place.path))
    elif place.path:
        found.append(joined(homes[0], place.path))
    else:
        found += reversed(homes)
    found.append("/".join(place.tail))
    there = [folder for folder in found if folder is not None]
    return [(folder, (_usual_ending(images, folder) or ending).strip("?") if ending else "") for folder in there]


def _made_for_images(images: ImageFolder, near: str) -> list[str]:
    """The single folder made for images near a label file; missing images with no folder are placed there."""
    tops = [near, *images.folders(near)[:MOST_NEAR], "", *images.folders("")[:MOST_NEAR]]
    named = [top for top in dict.fromkeys(tops) if _FOR_IMAGES.search(posixpath.basename(top))]
    holders = [top for top in named if any(has_ending(file) for file in images.files(top))]
    return holders if len(holders) == 1 else []


def _own_names(frame: pl.DataFrame, image: pl.Series) -> pl.Series:
    """The names of rows; a path from some machine's root, or an unusual one, becomes its image's name."""
    named = frame.select("name", given="image").with_columns(image)
    odd = pl.col("given").str.contains(_ODD) & (pl.col("name") == pl.col("given"))
    return named.select(pl.when(odd).then("image").otherwise("name").alias("name")).to_series()


def _near(path: Path, images: ImageFolder) -> str:
    """The label file's folder relative to the root; the root itself if it lies elsewhere."""
    try:
        near = path.parent.resolve().relative_to(images.real).as_posix()
    except ValueError:
        return ""
    return "" if near == "." else near


def _usual_ending(images: ImageFolder, folder: str) -> str:
    known = [posixpath.splitext(name)[1] for name in sorted(images.files(folder))[:200] if has_ending(name)]
    return max(sorted(set(known)), key=known.count) if known else ""
