"""Finds pictures named by a number, for the label file whose lines they belong to. Doesn't decide which is line 1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import polars as pl

from curate.archives import names as archive_names
from curate.archives.opening import open_archive
from curate.base.errors import UserError
from curate.sources.look import IMAGE_ENDINGS, IMAGE_NAME, Look, once
from curate.sources.numbering import last_line
from curate.sources.splits import split_name
from rules.sets import split_names

#: What all names share, if anything, and the number: `0000012.png`, `img_12.png`, `eq-0012.jpg`.
#: More digits than 18 are no number, but a hash or the like; nor is `-12.png` number 12.
_NAME = re.compile(rf"(?!-[0-9]+\.)(.*[^0-9])?([0-9]{{1,18}}){IMAGE_NAME}")
_FOR_IMAGES = re.compile(r"(?i)images?|imgs?|pictures?|png|jpe?g")
_FOR_PACKED = re.compile(r"(?i)([a-z]+[_-])?(images?|imgs?|pictures?|png|jpe?g|formulae?s?)")
#: Folders that only keep the number of files per folder low.
_SHARD = re.compile(r"(?i)((part|shard|chunk|batch|images?|img)[-_ ]?)?\d+")
_FOR_LABELS = re.compile(r"(?i)labels?|formulas?|formulae|annotations?|captions?|texts?|latex|gt|math")


@dataclass(frozen=True)
class Pictures:
    """The pictures of one label file: in one folder, or in several that are splits.

    folders: (folder, split); the split is None if the label file states it. frame: number, name, folder (its position
    in `folders`). doubled: numbers that several pictures share, which are in no row of the frame.
    """

    folders: tuple[tuple[Path, str | None], ...]
    frame: pl.DataFrame
    doubled: frozenset[int]

    @property
    def are_split(self) -> bool:
        """Do the folders determine a row's split?"""
        return any(split is not None for _, split in self.folders)

    @cached_property
    def numbers(self) -> set[int]:
        return set(self.frame["number"].to_list()) | self.doubled

    @cached_property
    def prefix(self) -> str:
        """What stands before the number in the names: `img_`; often nothing."""
        return _prefix({0: self.frame["name"].head(1).to_list()})

    @cached_property
    def digits(self) -> int:
        """The number of digits of the names, if all have the same and some begin with 0; else 0."""
        numbers = self.frame["name"].str.extract(r"(\d+)\.[^.]+$")
        widths = numbers.str.len_bytes()
        padded = numbers.str.contains(r"^0\d").any()
        return int(widths[0]) if padded and widths.n_unique() == 1 else 0

    @cached_property
    def usual_name(self) -> tuple[str, int, str]:
        """(prefix, digits, ending) that a picture's name would have."""
        return self.prefix, self.digits, Path(self.frame["name"][0]).suffix if self.frame.height else ".png"


@once
def numbered(folder: Path, *, drawings: bool = False) -> dict[int, list[str]]:
    """{number: file names} of a folder in which most images are named by numbers; empty for any other.

    The same text may stand before all numbers. With several such texts (`train_0.png`, `test_0.png`), a number doesn't
    name an image.

    drawings: do drawings of `curate render` count? They are named by numbers, whatever the data set's images are.
    """
    look = Look(folder)
    return _numbered(look.names[0] if drawings else set(look.names[0]) - look.drawings)


def _numbered(names: Iterable[str]) -> dict[int, list[str]]:
    series: dict[str, dict[int, list[str]]] = {}
    images = 0
    for name in names:
        if match := _NAME.fullmatch(name):
            series.setdefault(match[1] or "", {}).setdefault(int(match[2]), []).append(name)
            images += 1
        elif name.lower().endswith(IMAGE_ENDINGS):
            images += 1
    found = series.get("", {})
    if not found and len(series) == 1 and images > 1:  # one name shares nothing
        (found,) = series.values()
    return found if sum(map(len, found.values())) * 2 > images else {}


def _prefix(numbers: Mapping[int, list[str]]) -> str:
    """What stands before the number in the names of `_numbered`, the same in all."""
    name = next(chain.from_iterable(numbers.values()), "")
    match = _NAME.fullmatch(name)
    return (match and match[1]) or ""


@once
def pictures_of(labels: Path, root: Path | None = None) -> Pictures | None:
    """The numbered pictures of a label file, in the nearest place that has any.

    In this order: a folder with the file's name, one with that name in `images`, `images`, beside the file; then
    several folders, below an image folder or beside the file, each a split. The file's own folder is searched, then its
    parent if the folder is made for labels. root: a folder of images to search instead.
    """
    here = labels.parent
    bases = [root] if root else [here, here.parent] if _FOR_LABELS.fullmatch(here.absolute().name) else [here]
    for base in bases:
        for place in _places(labels, base):
            if place.is_dir() and (found := numbered(place, drawings=root is not None)):
                return _pictures([(place, None, found)])
        if several := _several(labels, base):
            (folder, _, numbers), *others = several
            if not others and split_names.word(folder.name) is None:
                several = [(folder, None, numbers)]  # it holds pictures, but is not a split for that
            return _pictures(several)
        if packed := _packed(labels, base):
            return _pictures(packed)
    return None


def _packed(labels: Path, base: Path) -> list[tuple[Path, str | None, dict[int, list[str]]]]:
    """The same in an archive beside a label file: the one with its name, or else the one for images.

    One of its folders stands in for one with the archive's name; `archived_images` finds the pictures in it. There
    must be a line for every number, and a picture for half of the lines: an archive alone doesn't prove that they
    belong together.
    """
    stem = stem_of(labels)
    archives = [name for name in Look(base).names[0] if archive_names.is_archive(name, archive_names.OF_DATA_SETS)]
    named = {name: archive_names.stem(name) for name in archives}
    own = [name for name in archives if named[name] in (stem, f"{stem}_images")]
    own = own or [name for name in archives if _FOR_PACKED.fullmatch(named[name])]
    if len(own) != 1:
        return []
    try:
        inner = open_archive(base / own[0]).pictures
    except UserError:
        return []  # reported by the reader of the labels
    top = base / named[own[0]]
    found = [(top / folder, numbers) for folder, names in sorted(inner.items()) if (numbers := _numbered(names))]
    mine = [(folder, numbers) for folder, numbers in found if folder.name == stem]
    found = mine if len(mine) == 1 else found
    times = Counter(number for _, numbers in found for number in numbers)
    lines = last_line(labels)
    if not times or times.total() > len(times) or lines < max(times) or len(times) * 2 < lines:
        return []
    if len(found) == 1:
        return [(found[0][0], None, found[0][1])]
    return [(folder, split_name(folder, base), numbers) for folder, numbers in found]


def _places(labels: Path, base: Path) -> Iterable[Path]:
    stem = stem_of(labels)
    yield base / stem
    yield base / f"{stem}_images"
    inner = Look(base)
    made_for_images = [base / name for name in inner.names[1] if _FOR_IMAGES.fullmatch(name)]
    for folder in made_for_images:
        yield folder / stem
        yield folder / f"{stem}_images"
        yield folder / f"images_{stem}"
    yield from made_for_images
    yield base


def _several(labels: Path, base: Path) -> list[tuple[Path, str | None, dict[int, list[str]]]]:
    """Folders of numbered pictures, at most two deep, except those named after another label file."""
    look = Look(base)
    others = {stem_of(base / name) for name in look.names[0] if name != labels.name and name.lower().endswith(".txt")}
    found: list[tuple[Path, str | None, dict[int, list[str]]]] = []
    for top in look.folders:
        for folder in (top, *top.folders):
            if folder.path.name not in others and (numbers := numbered(folder.path)):
                shard = _SHARD.fullmatch(folder.path.name)
                found.append((folder.path, None if shard else split_name(folder.path, base), numbers))
    # Beside plain numbers, other texts and numbers (`assets/example-0.png`) name other pictures.
    found = [one for one in found if not _prefix(one[2])] or found
    times = Counter(number for _, _, numbers in found for number in numbers)
    apart = all(sum(times[number] > 1 for number in numbers) * 2 < len(numbers) for _, _, numbers in found)
    return found if apart else []  # each counts from its own first line


def stem_of(labels: Path) -> str:
    return labels.name.removesuffix(".gz").rpartition(".")[0] or labels.name


def _pictures(found: list[tuple[Path, str | None, dict[int, list[str]]]]) -> Pictures:
    endings = Counter(_ending(name) for _, _, numbers in found for names in numbers.values() for name in names)
    usual = max(sorted(endings), key=endings.__getitem__)
    by_number: dict[int, tuple[str, int]] = {}
    doubled: set[int] = set()
    for at, (_, _, numbers) in enumerate(found):
        for number, names in numbers.items():
            if len(names) > 1:
                names = [name for name in names if _ending(name) == usual]
            if len(names) != 1 or number in by_number:
                doubled.add(number)
                by_number.pop(number, None)
            elif number not in doubled:
                by_number[number] = (names[0], at)
    rows = {
        "number": list(by_number),
        "name": [name for name, _ in by_number.values()],
        "folder": [at for _, at in by_number.values()],
    }
    frame = pl.DataFrame(rows, schema={"number": pl.Int64, "name": pl.String, "folder": pl.Int64})
    return Pictures(tuple((folder, split) for folder, split, _ in found), frame, frozenset(doubled))


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()
