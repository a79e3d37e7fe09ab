"""What recognising a format may look at: a path's kind, first bytes and lines, a folder's names. Reads no data set."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from curate.base.errors import UserError
from curate.images.endings import IMAGE_ENDINGS as IMAGE_ENDINGS
from curate.images.own_drawings import drawings_in
from curate.sources.encodings import encoding_of, recoded
from curate.sources.lines import is_binary

HEAD = 64 << 10
#: Endings that a label file may have; other files in a folder are judged by name only.
TEXT_ENDINGS = (".txt", ".lst", ".tex", ".formulas", ".labels", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", "")
IMAGE_NAME = r"\.(?i:png|jpe?g|bmp|gif|tiff?|webp|p[gpb]m)"
#: How many label files of a folder are looked into; a folder with one text file per image has thousands.
_MOST_FILES = 40
#: How deep, and how many, subfolders of a data set are looked into.
_DEPTH, _MOST_FOLDERS = 4, 400
_LINE_START = 500
#: Folders of the running system: their files are not data, and reading some of them blocks.
_SYSTEM_FOLDERS = ("/proc", "/sys", "/dev", "/run")
#: Folders that hold a system, or everybody's files: none is a data set, and to look through them takes hours.
_WHOLE_SYSTEMS = {
    *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/run", "/sbin", "/sys"),
    *("/usr", "/var", "/private", "/Applications", "/Library", "/System", "/Users", "/Volumes"),
}

P = ParamSpec("P")
R = TypeVar("R")


#: What was found out since `looking_once` began, by question; None outside it.
_SEEN: ContextVar[dict[Any, Any] | None] = ContextVar("seen", default=None)


@contextmanager
def looking_once() -> Iterator[None]:
    """Inside, each path is looked at once, whoever asks: a folder may hold 100,000 images. Its files mustn't change."""
    outer = _SEEN.get()
    token = _SEEN.set({} if outer is None else outer)
    try:
        yield
    finally:
        _SEEN.reset(token)


def once(function: Callable[P, R]) -> Callable[P, R]:
    """Remember a function's answers about paths inside `looking_once`. Its arguments must be hashable."""

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        seen = _SEEN.get()
        if seen is None:
            return function(*args, **kwargs)
        key = (function, args, *kwargs.items())
        if key not in seen:
            seen[key] = function(*args, **kwargs)
        found: R = seen[key]
        return found

    return asked


def refuse_system_folder(path: Path) -> None:
    """Raises UserError for the whole disk and folders of the system."""
    if os.path.realpath(path) in _WHOLE_SYSTEMS:
        raise UserError(f"{path}: a folder of the system, not a data set; name the folder that holds the labels")


@dataclass(frozen=True)
class Look:
    """A lazy look at a path; everything is read at most once, inside `looking_once` across all looks at the path."""

    path: Path

    def __new__(cls, path: Path) -> Look:
        seen = _SEEN.get()
        new = object.__new__(cls)
        known: Look = new if seen is None else seen.setdefault(path, new)
        return known

    @cached_property
    def is_dir(self) -> bool:
        return self.path.is_dir()

    @cached_property
    def suffix(self) -> str:
        """The ending in lower case, without `.gz`."""
        name = self.path.name.lower().removesuffix(".gz")
        return "" if self.is_dir else Path(name).suffix

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB (of a gzip file's content), as UTF-8 without a byte order mark. Raises UserError."""
        if self.is_dir:
            return b""
        try:
            with self.path.open("rb") as file:
                head = file.read(HEAD)
            if head.startswith(b"\x1f\x8b"):
                with gzip.open(self.path) as file:
                    head = file.read(HEAD)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{self.path}: can't be read: {getattr(error, 'strerror', None) or error}") from error
        if (not head.isascii() or b"\0" in head) and (encoding := encoding_of(self.path)) != "utf-8":
            head = recoded(head, encoding)
        return head.removeprefix(b"\xef\xbb\xbf")

    @cached_property
    def lines(self) -> list[str]:
        """The first lines that are not blank (at most 50); empty for folders and for bytes that aren't text."""
        head = self.head
        if is_binary(head):
            return []
        whole = head.decode("utf-8", "replace").split("\n")
        if len(head) == HEAD and len(whole) > 1:
            whole.pop()  # cut off at the end of the look
        return [line.removesuffix("\r") for line in whole if line.strip()][:50]

    @cached_property
    def records(self) -> list[Any]:
        """The first JSON objects and strings in JSON lines or a JSON array; empty if it is neither.

        Numbers and arrays don't count as records: a text file of labels may well begin with `[ 0 , 1 ]` or `1`.
        """
        text = self.head.decode("utf-8", "replace").lstrip()
        values: list[Any] = []
        if text.startswith("["):
            decoder, at = json.JSONDecoder(), 1
            while len(values) < 50:
                while at < len(text) and text[at] in " \t\r\n,":
                    at += 1
                try:
                    value, at = decoder.raw_decode(text, at)
                except (ValueError, RecursionError):
                    break
                if not isinstance(value, dict | str):
                    return []
                values.append(value)
            return values
        if not text.startswith(("{", '"')):
            return []
        for line in self.lines:
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict | str):
                values.append(value)
        if len(values) * 2 < len(self.lines):
            values.clear()
        if not values:  # one JSON object spanning several lines
            try:
                values.append(json.loads(text))
            except (ValueError, RecursionError):
                return []
        return values

    @property
    def is_json_array(self) -> bool:
        return self.head.lstrip()[:1] == b"["

    @cached_property
    def _entries(self) -> tuple[list[str], list[str], int]:
        """(file names, folder names) in a folder, sorted, and how many were left out because they are not UTF-8."""
        files: list[str] = []
        folders: list[str] = []
        unnameable = 0
        if self.is_dir:
            try:
                with os.scandir(self.path) as entries:
                    for entry in entries:
                        if entry.name.startswith(".") or not (is_folder(entry) or is_file(entry)):
                            continue
                        if is_utf8_name(entry.name):
                            (folders if is_folder(entry) else files).append(entry.name)
                        else:
                            unnameable += 1
            except OSError as error:
                raise UserError(f"{self.path}: can't be listed: {error.strerror or error}") from error
        return sorted(files), sorted(folders), unnameable

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """(file names, folder names) in a folder, sorted, without hidden ones, pipes and dangling links.

        Names that are not UTF-8 are left out too: see `unnameable`.
        """
        return self._entries[:2]

    @cached_property
    def drawings(self) -> set[str]:
        """The names of the pictures in a folder that `curate render` drew."""
        return drawings_in(self.path, self.names[0])

    @cached_property
    def unnameable(self) -> int:
        """How many files and folders in this folder and below have a name that is not UTF-8."""
        return sum(folder._entries[2] for folder in self.tree)

    @cached_property
    def folders(self) -> list[Look]:
        """The direct subfolders (at most 40)."""
        return [Look(self.path / name) for name in self.names[1][:_MOST_FILES]]

    @cached_property
    def tree(self) -> list[Look]:
        """This folder and the folders below it, level by level and by name: at most four levels and 400 folders."""
        found = [self]
        seen = {os.path.realpath(self.path), *_SYSTEM_FOLDERS}
        level = [self]
        for _ in range(_DEPTH):
            below: list[Look] = []
            for folder in level:
                for name in folder.names[1]:
                    inner = Look(folder.path / name)
                    real = os.path.realpath(inner.path)
                    if real not in seen and len(found) + len(below) < _MOST_FOLDERS:  # a link may lead in a circle
                        seen.add(real)
                        below.append(inner)
            found += below
            level = below
        return found

    @cached_property
    def _texts(self) -> list[Look]:
        found = []
        for folder in self.tree:
            mine = [name for name in folder.names[0] if is_label_name(name)]
            if len(mine) <= _MOST_FILES:
                found += [Look(folder.path / name) for name in mine]
        return found

    @cached_property
    def sidecars(self) -> dict[str, list[Path]]:
        """Files in this folder and below that stand beside labels but hold none, by kind."""
        from curate.sources import sidecars  # which looks into files too

        found: dict[str, list[Path]] = {}
        for file in self._texts:
            if what := sidecars.kind(file):
                found.setdefault(what, []).append(file.path)
        for path in self.all_files(*sidecars.BY_ENDING):
            if what := sidecars.kind_by_name(path.name):
                found.setdefault(what, []).append(path)
        return found

    @cached_property
    def label_files(self) -> list[Look]:
        """Files in this folder and below that could hold labels: neither sidecars nor indexes of formulas."""
        beside = {path for paths in self.sidecars.values() for path in paths}
        return [file for file in self._texts if file.path not in beside and not file.is_index]

    @cached_property
    def indexes(self) -> list[Look]:
        """The index files in this folder and below: see `is_index`."""
        beside = {path for paths in self.sidecars.values() for path in paths}
        return [file for file in self._texts if file.path not in beside and file.is_index]

    @cached_property
    def is_index(self) -> bool:
        """Does this file say which line of another one belongs to which image? Such numbers are not labels."""
        from curate.sources import indexes

        return not self.is_dir and indexes.is_index(self)

    def has(self, name: str) -> bool:
        return name in self.names[0]

    def all_files(self, *endings: str) -> list[Path]:
        """Every file in this folder and below whose name has this ending."""
        return [
            folder.path / name for folder in self.tree for name in folder.names[0] if name.lower().endswith(endings)
        ]

    def share(self, pattern: re.Pattern[str]) -> float:
        """The share of the first lines that match a pattern from their beginning.

        Lines are cut first, so that a pattern with several repeats can't take forever on a long one.
        """
        starts = [line[:_LINE_START] for line in self.lines]
        return sum(1 for start in starts if pattern.match(start)) / len(starts) if starts else 0.0


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Is an entry a folder, or a link to one? A link to itself is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry[str]) -> bool:
    """Is an entry a file, or a link to one? Opening a pipe could block forever."""
    try:
        return entry.is_file()
    except OSError:
        return False


def is_utf8_name(name: str) -> bool:
    """Is the name valid UTF-8? Others can't appear in a label file, table or report."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_label_name(name: str) -> bool:
    """Could a file of this name hold text that is labels, or stands beside labels?"""
    plain = name.lower().removesuffix(".gz")
    stem, dot, ending = plain.rpartition(".")
    suffix = dot + ending if stem else ""
    if suffix in IMAGE_ENDINGS or plain.startswith("."):
        return False
    return suffix in TEXT_ENDINGS or "formulas" in plain
