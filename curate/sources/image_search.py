"""Decides in which folder below the root the images lie that a label file names. Opens none of them.

Names that are not where the label file says are looked for near it, then by the longest tail of their path. All images
of one folder of the label file are decided on together: where two folders that are there hold the same names (`train/`
and `test/` both have a `0.png`), the split or the label file's own folder says which is meant, or, where the folders
aren't called alike, much the larger share does; else none of them is taken. What was decided for a folder is not
completed from another one with the same names.
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

#: So many folders directly in a folder are looked into before the whole tree is searched.
MOST_NEAR = 60
#: Groups of at most so many images are looked up by name in the whole tree; larger ones folder by folder.
_FEW = 50


class Folders(Protocol):
    """The files below a root. Folders are paths from it, "" is the root itself."""

    def files(self, folder: str) -> set[str]: ...

    def folders(self, folder: str) -> list[str]: ...

    def stems(self, folder: str) -> dict[str, str]:
        """{name without ending: image file} of a folder."""
        ...

    def folded(self, folder: str) -> dict[str, str]:
        """{folded name, or stem: file} of a folder; "" for those that several files share."""
        ...

    def tree(self) -> list[str]:
        """All folders, each once however many links lead to it; empty where there are too many."""
        ...

    def spellings(self, folder: str) -> list[str]:
        """A folder of the tree by every path that leads to it through links."""
        ...

    def is_copy(self, folder: str, others: Container[str]) -> bool:
        """Is a folder a link that leads out of the root, or to one of some others?"""
        ...

    def inside(self, path: str) -> str | None:
        """An absolute path, seen from the root; None where it leads elsewhere."""
        ...


@dataclass
class Settled:
    """Where the images of one folder of a label file are, by their names in it."""

    #: Paths from the root.
    found: dict[str, str] = field(default_factory=dict)
    #: How sure: (0,) where the label file says so, else (1, minus the number of folders that agree). Less is surer.
    rank: tuple[int, ...] = (0,)
    #: Names that several folders hold alike, and two of these folders.
    doubtful: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: The folder where those would be that are missing; None where no image was found.
    home: str | None = None

    def take(self, folder: str, held: dict[str, str]) -> None:
        """These images are in this folder."""
        self.home = folder if self.home is None else self.home
        for name, file in held.items():
            self.found.setdefault(name, under(folder, file))


class _Wanted:
    """The names to look for in one folder after the other."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)

    @cached_property
    def bare(self) -> set[str]:
        """Those without an image's ending: ids."""
        return {name for name in self.names if not has_ending(name)}

    @cached_property
    def folded(self) -> dict[str, str]:
        """{folded name: name}, without those that two names share."""
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
        """Find the images of one folder of the label file. split: that of their rows. search: also elsewhere."""
        wanted = _Wanted(names)
        settled = Settled()
        named = self._named(place)
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
        """Those of the wanted names that a folder holds, and the files: exactly so, without ending, in another case."""
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

    def _named(self, place: Place) -> list[str]:
        """The folders that the label file may mean by what it says: seen from itself, or from the root."""
        if place.relative:
            named = [joined(base, place.path) for base in dict.fromkeys((self.near, ""))]
        else:
            named = [self.images.inside("/" + place.path)]
        return [folder for folder in named if folder is not None]

    def _classes(
        self, place: Place, wanted: _Wanted, named: list[str], split: str | None
    ) -> Iterator[tuple[int, list[str]]]:
        """Folders to look into, the likeliest first: how many folders of the path agree, and those where so many do."""
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
        """A relative folder in the folders of `base`, and in those of the ones that are called as the split."""
        tops = self.images.folders(base)[:MOST_NEAR]
        if split:
            own = [top for top in tops if _says(posixpath.basename(top), split)]
            tops = [*tops, *(inner for top in own for inner in self.images.folders(top)[:MOST_NEAR])]
        return [under(top, path) for top in tops]

    def _by_tail(self, tail: list[str], wanted: _Wanted) -> Iterator[tuple[int, list[str]]]:
        """All folders of the tree, those first that agree with the most folders at the end of a path."""
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
        """Folders by what may name one of their files."""
        found: dict[str, list[str]] = defaultdict(list)
        for folder in self.images.tree():
            for key in self.images.folded(folder):
                found[key].append(folder)
        return found

    @cached_property
    def _by_kind(self) -> dict[str, list[str]]:
        """Folders that are called alike."""
        found: dict[str, list[str]] = defaultdict(list)
        for folder in self.images.tree():
            found[_kind(folder)].append(folder)
        return found

    def _remember(self, path: str, home: str) -> None:
        """Note what became of a path's beginning: /home/me/set/img/0001 in img/0001 means that /home/me/set is gone."""
        same = _agreement(path.split("/") if path else [], home)[0]
        if same:
            before = posixpath.join(*path.split("/")[:-same], "") if path.count("/") >= same else ""
            self._moved.setdefault(before, "/".join(home.split("/")[:-same]))

    def _as_before(self, path: str) -> str | None:
        """Where a folder is if its path begins as that of one that was found."""
        for before, now in self._moved.items():
            if path and path.startswith(before):
                return joined(now, path[len(before) :])
        return None

    def _eligible(
        self, held: dict[str, dict[str, str]], place: Place, named: list[str], split: str | None
    ) -> dict[str, dict[str, str]]:
        """The folders that may be meant: of the right split, nobody else's, and near the label file if one is."""
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
        """The folders that hold none of the names, and are called as one that does but for a number or a split."""
        kinds = {_kind(folder) for folder in held}
        return {folder: {} for folder in folders if folder not in held and _kind(folder) in kinds} if kinds else {}

    def _doubt_alike(self, candidates: dict[str, dict[str, str]], named: list[str], settled: Settled) -> None:
        """Take no folder of several that are called alike and each count their images from 0: there are equal names."""
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
        """Does a folder belong to another split, or to another label file of the same name, which stands in it?"""
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
    """Take from the folders what is beyond doubt: from the one that holds most, then from those that share no name."""
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
    """What the paths of folders have in common that differ in a number or in the word for a split."""
    parts = folder.lower().split("/")
    words = [split_names.word(part) for part in parts]
    plain = [part.replace(word, "split") if word else part for part, word in zip(parts, words, strict=True)]
    return re.sub(r"\d+", "0", "/".join(plain))


def _is_another(tail: list[str], folder: str) -> bool:
    """Is a folder that of another number, or another split, than a path says: `2014/img` for `/set/2016/img`?"""
    for one, other in zip(reversed(tail), reversed(folder.split("/")), strict=False):
        if fold(one) != fold(other):
            return _kind(one) == _kind(other)
    return False


def _agreement(tail: list[str], folder: str) -> tuple[int, int]:
    """How many folders two paths have in common from their ends: in any case, and exactly so."""
    both = list(zip(reversed(tail), reversed(folder.split("/")), strict=False))
    loose = next((at for at, (one, other) in enumerate(both) if fold(one) != fold(other)), len(both))
    exact = next((at for at, (one, other) in enumerate(both) if one != other), len(both))
    return loose, exact


def _says(name: str, split: str) -> bool:
    """Is a folder called as a split, or named after it, as `2014_img` is after `2014`?"""
    standard = split_names.standard(split)
    begins = name.lower().startswith(split.lower()) and not name[len(split) :][:1].isalnum()
    return begins or (standard is not None and split_names.standard(name) == standard)


def _is_in(folder: str, other: str) -> bool:
    return not other or folder == other or folder.startswith(other + "/")


def under(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder and path else folder or path


def joined(base: str, path: str) -> str | None:
    """A relative path from the root; None where it leaves it."""
    tidy = posixpath.normpath(posixpath.join(base, path))
    return None if tidy == ".." or tidy.startswith("../") else "" if tidy == "." else tidy
