"""Decides which folder below the root holds the images that a label file names. Opens no image.

Names that aren't where the label file says are searched near it, then by the longest tail of their path. All images
of one folder in the label file are decided together. If two existing folders hold the same names (`train/` and `test/`
both have a `0.png`), the split or the label file's own folder decides; if the folders' names differ, so does a much
larger share of the names. Otherwise neither is taken. Images missing from the chosen folder are not filled in from
another folder with the same names.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Protocol

from curate.sources.image_names import Place, fold, has_ending
from rules.sets import split_names

#: How many direct subfolders are searched before the whole tree is.
MOST_NEAR = 60
#: Groups of at most this many images are looked up by name in the whole tree; larger ones folder by folder.
_FEW = 50


class Folders(Protocol):
    """The files below a root. Folders are paths from it; "" is the root itself."""

    def files(self, folder: str) -> set[str]: ...

    def folders(self, folder: str) -> list[str]: ...

    def stems(self, folder: str) -> dict[str, str]:
        """{name without ending: image file} of a folder."""
        ...

    def folded(self, folder: str) -> dict[str, str]:
        """{folded name, or stem: file} of a folder; "" for names that several files share."""
        ...

    def tree(self) -> list[str]:
        """All folders, each once however many links lead to it; empty if there are too many."""
        ...

    def spellings(self, folder: str) -> list[str]:
        """A folder of the tree by every path that leads to it through links."""
        ...

    def is_copy(self, folder: str, others: Container[str]) -> bool:
        """Is the folder a link that leads out of the root, or one of several links to the same folder?"""
        ...

    def inside(self, path: str) -> str | None:
        """An absolute path relative to the root; None if it leads elsewhere."""
        ...


@dataclass
class Settled:
    """Where the images of one folder in a label file are, by their names there."""

    #: Paths from the root.
    found: dict[str, str] = field(default_factory=dict)
    #: How certain: (0,) if the label file says so, else (1, minus the number of matching folders). Smaller is surer.
    rank: tuple[int, ...] = (0,)
    #: Names that several folders hold, and two of these folders.
    doubtful: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: The folder where missing images would be; None if no image was found.
    home: str | None = None

    def take(self, folder: str, held: dict[str, str]) -> None:
        """These images are in this folder."""
        self.home = folder if self.home is None else self.home
        for name, file in held.items():
            self.found.setdefault(name, under(folder, file))


class _Wanted:
    """The names to look for, in one folder after another."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)

    @cached_property
    def bare(self) -> set[str]:
        """The names without an image ending: ids."""
        return {name for name in self.names if not has_ending(name)}

    @cached_property
    def folded(self) -> dict[str, str]:
        """{folded name: name}, without names that share one."""
        found: dict[str, str] = {}
        for name in self.names:
            key = fold(name)
            found[key] = "" if key in found else name
        return {key: name for key, name in found.items() if name}


class Search:
    """Where the images of a part's label file are. near: the label file's folder; label_file: its name."""

    def __init__(self, images: Folders, near: str, label_file: str) -> None:
        self.images = images
        self.near = near
        self.label_file = label_file
        self._moved: dict[str, str] = {}

    def settle(self, place: Place, names: Iterable[str], split: str | None = None, *, search: bool = True) -> Settled:
        """Find the images of one folder in the label file. split: of their rows. search: look elsewhere too."""
        wanted = _Wanted(names)
        settled = Settled()
        named = self.named(place)
        for folder in named:
            held = self.held(folder, wanted)
            if held and (len(held) == len(wanted.names) or not search):
                settled.take(folder, held)
                return settled
        if not search:
            return settled
        for agreeing, folders in self._classes(place, wanted, named, split):
            held_by = {folder: held for folder in folders if (held := self.held(folder, wanted))}
            candidates = self._eligible(held_by | self._alike(folders, held_by), place, named, split)
            if candidates:
                self._doubt_alike(candidates, named, settled)
                _choose({folder: held for folder, held in candidates.items() if held}, named, settled)
                settled.rank = (0,) if settled.home in named else (1, -agreeing)
                break
        if settled.home is not None:
            self._remember(place.path, settled.home)
        return settled

    def held(self, folder: str, wanted: _Wanted) -> dict[str, str]:
        """The wanted names that a folder holds, with their files: exact, without ending, or in another case."""
        files = self.images.files(folder)
        if not files:
            return {}
        held = {name: name for name in wanted.names & files}
        if len(held) < len(wanted.names) and wanted.bare:
            stems = self.images.stems(folder)
            held |= {name: stems[name] for name in wanted.bare & stems.keys() if name not in held}
        if len(held) < len(wanted.names):
            folded = self.images.folded(folder)
            for key in wanted.folded.keys() & folded.keys():
                if folded[key]:
                    held.setdefault(wanted.folded[key], folded[key])
        return held

    def named(self, place: Place) -> list[str]:
        """The folders that the label file may mean by its path: relative to itself, or to the root."""
        if place.relative:
            named = [joined(base, place.path) for base in dict.fromkeys((self.near, ""))]
        else:
            named = [self.images.inside("/" + place.path)]
        return [folder for folder in named if folder is not None]

    def _classes(
        self, place: Place, wanted: _Wanted, named: list[str], split: str | None
    ) -> Iterator[tuple[int, list[str]]]:
        """Folders to search, most likely first: how many folders of the path match, and how many candidates do."""
        moved = self._as_before(place.path)
        if moved is not None:
            yield 1, [moved]
        if place.relative and not place.path.startswith(".."):
            for base in dict.fromkeys((self.near, "")):
                yield len(place.tail), [under(base, place.path), *self._within(base, place.path, split)]
        elif named:
            yield len(place.tail), named
        yield from self._by_tail(place.tail, wanted)

    def _within(self, base: str, path: str, split: str | None) -> list[str]:
        """A relative folder below the folders in `base`, and below those of them named after the split."""
        tops = self.images.folders(base)[:MOST_NEAR]
        if split:
            own = [top for top in tops if _says(posixpath.basename(top), split)]
            tops = [*tops, *(inner for top in own for inner in self.images.folders(top)[:MOST_NEAR])]
        return [under(top, path) for top in tops]

    def _by_tail(self, tail: list[str], wanted: _Wanted) -> Iterator[tuple[int, list[str]]]:
        """All folders of the tree; those with the most matching trailing folders first."""
        near: list[str] = self._by_last.get(fold(tail[-1]), []) if tail else []
        scores = {folder: max(_agreement(tail, other) for other in self.images.spellings(folder)) for folder in near}
        ranked = sorted(scores, key=lambda folder: scores[folder], reverse=True)
        for score, group in groupby(ranked, scores.__getitem__):
            yield score[0], list(group)
        if len(wanted.names) <= _FEW:
            found = {folder for name in wanted.names for folder in self._by_name.get(fold(name), ())}
            for kind in {_kind(folder) for folder in found}:
                found.update(self._by_kind[kind] if len(self._by_kind[kind]) <= MOST_NEAR else ())
            yield 0, sorted(found.difference(near))
        else:
            yield 0, [folder for folder in self.images.tree() if folder not in scores]

    @cached_property
    def _by_last(self) -> dict[str, list[str]]:
        """Folders by the last part of each path that leads to them."""
        found: dict[str, list[str]] = defaultdict(list)
        for folder in self.images.tree():
            for last in {fold(posixpath.basename(path)) for path in self.images.spellings(folder)}:
                found[last].append(folder)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Folders by the names that may mean one of their files."""
        found: dict[str, list[str]] = defaultdict(list)
        for folder in self.images.tree():
            for key in self.images.folded(folder):
                found[key].append(folder)
        return found

    @cached_property
    def _by_kind(self) -> dict[str, list[str]]:
        """Folders with the same name."""
        found: dict[str, list[str]] = defaultdict(list)
        for folder in self.images.tree():
            found[_kind(folder)].append(folder)
        return found

    def _remember(self, path: str, home: str) -> None:
        """Note where a path's beginning moved: /home/me/set/img/0001 found in img/0001 means /home/me/set is gone."""
        same = _agreement(path.split("/") if path else [], home)[0]
        if same:
            before = posixpath.join(*path.split("/")[:-same], "") if path.count("/") >= same else ""
            self._moved.setdefault(before, "/".join(home.split("/")[:-same]))

    def _as_before(self, path: str) -> str | None:
        """Where a folder is if its path starts like that of one already found."""
        for before, now in self._moved.items():
            if path and path.startswith(before):
                return joined(now, path[len(before) :])
        return None

    def _eligible(
        self, held: dict[str, dict[str, str]], place: Place, named: list[str], split: str | None
    ) -> dict[str, dict[str, str]]:
        """The folders that may be meant: of the right split, nobody else's, and near the label file if any is."""
        said = next((word for name in reversed(place.tail) if (word := split_names.standard(name))), None)
        means = said or split_names.standard(split)
        kept = [
            folder
            for folder in held
            if folder in named or not (_is_another(place.tail, folder) or self._is_other(folder, means))
        ]
        kept = [folder for folder in kept if folder in named or not self.images.is_copy(folder, held)] or kept
        if split and not said:
            kept = [folder for folder in kept if self._names_split(folder, split)] or kept
        if self.near:
            kept = [folder for folder in kept if _is_in(folder, self.near)] or kept
        return {folder: held[folder] for folder in kept}

    def _alike(self, folders: Sequence[str], held: Mapping[str, object]) -> dict[str, dict[str, str]]:
        """Folders that hold none of the names but are named like one that does, apart from a number or a split."""
        kinds = {_kind(folder) for folder in held}
        return {folder: {} for folder in folders if folder not in held and _kind(folder) in kinds} if kinds else {}

    def _doubt_alike(self, candidates: dict[str, dict[str, str]], named: list[str], settled: Settled) -> None:
        """Drop folders of the same name that each count their images from 0: their names are equal by chance."""
        kinds: dict[str, list[str]] = defaultdict(list)
        for folder in candidates:
            kinds[_kind(folder)].append(folder)
        for alike in kinds.values():
            files = [self.images.files(folder) for folder in alike]
            if (
                len(alike) < 2
                or not set(named).isdisjoint(alike)
                or sum(map(len, files)) == len(set[str]().union(*files))
            ):
                continue
            for folder in alike:
                other = next(other for other in alike if other != folder)
                settled.doubtful |= dict.fromkeys(candidates[folder], (folder, other))
                candidates[folder] = {}

    def _is_other(self, folder: str, split: str | None) -> bool:
        """Does a folder belong to another split, or to another label file in it with the same name?"""
        own = folder[len(self.near) :] if self.near and _is_in(folder, self.near) else folder
        said = next((word for name in reversed(own.split("/")) if (word := split_names.standard(name))), None)
        if split and said and said != split:
            return True
        while folder and not _is_in(self.near, folder):
            if self.label_file in self.images.files(folder):
                return True
            folder = posixpath.dirname(folder)
        return False

    def _names_split(self, folder: str, split: str) -> bool:
        own = folder[len(self.near) :] if self.near and _is_in(folder, self.near) else folder
        return any(_says(name, split) for name in own.split("/"))


def _choose(held: dict[str, dict[str, str]], named: list[str], settled: Settled) -> None:
    """Take what is certain: from the folder with the most names, then from those that share no name with it."""
    holders: dict[str, list[str]] = defaultdict(list)
    order = sorted(held, key=lambda folder: (-len(held[folder]), folder not in named))
    for folder in order:
        for name in held[folder]:
            holders[name].append(folder)
    out: set[str] = set()
    for best in order:
        if best in out:
            continue
        rivals = dict.fromkeys(other for name in held[best] for other in holders[name] if other != best)
        close = [folder for folder in rivals if folder not in out and 2 * len(held[folder]) > len(held[best])]
        own = next((folder for folder in (best, *close) if folder in named), None)
        out.update(rivals)
        if not close or own is not None:
            settled.take(own or best, held[own or best])
            continue
        for folder in (best, *close):
            out.update(other for name in held[folder] for other in holders[name])
            for name in held[folder]:
                settled.doubtful[name] = (best, close[0])


@lru_cache(maxsize=1 << 16)
def _kind(folder: str) -> str:
    """What folder paths share that differ only in a number or in the word for a split."""
    parts = folder.lower().split("/")
    words = [split_names.word(part) for part in parts]
    plain = [part.replace(word, "split") if word else part for part, word in zip(parts, words, strict=True)]
    return re.sub(r"\d+", "0", "/".join(plain))


def _is_another(tail: list[str], folder: str) -> bool:
    """Does a folder have another number or split than the path says: `2014/img` for `/set/2016/img`?"""
    for one, other in zip(reversed(tail), reversed(folder.split("/")), strict=False):
        if fold(one) != fold(other):
            return _kind(one) == _kind(other)
    return False


def _agreement(tail: list[str], folder: str) -> tuple[int, int]:
    """How many trailing folders two paths share: ignoring case, and exactly."""
    both = list(zip(reversed(tail), reversed(folder.split("/")), strict=False))
    loose = next((at for at, (one, other) in enumerate(both) if fold(one) != fold(other)), len(both))
    exact = next((at for at, (one, other) in enumerate(both) if one != other), len(both))
    return loose, exact


def _says(name: str, split: str) -> bool:
    """Is a folder named after a split, like `2014_img` after `2014`?"""
    standard = split_names.standard(split)
    begins = name.lower().startswith(split.lower()) and not name[len(split) :][:1].isalnum()
    return begins or (standard is not None and split_names.standard(name) == standard)


def _is_in(folder: str, other: str) -> bool:
    return not other or folder == other or folder.startswith(other + "/")


def under(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder and path else folder or path


def joined(base: str, path: str) -> str | None:
    """A relative path from the root; None if it leaves the root."""
    tidy = posixpath.normpath(posixpath.join(base, path))
    return None if tidy == ".." or tidy.startswith("../") else "" if tidy == "." else tidy
