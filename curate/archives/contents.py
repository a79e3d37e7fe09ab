"""A zip file's members by name, and their bytes. Members that are unusual in any way are left out and counted."""

from __future__ import annotations

import json
import os
import stat
import zipfile
import zlib
from collections import Counter
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO

from curate.archives import names
from curate.base.errors import UserError
from curate.images.endings import IMAGE_ENDINGS

#: A larger file is not a picture: 90 million pixels are 360 MB at four bytes each.
MAX_PICTURE = 512 << 20
#: Tables that hold pictures may be large; larger ones must be unpacked by hand.
MAX_TEXT = 8 << 30
#: More members than any data set has: MathWriting, the largest, has 650,000.
MAX_MEMBERS = 2_000_000
#: An archive that unpacks to more than this many bytes and this many times its own size is a bomb. Pictures of blank
#: paper reach a ratio of 1,000 each, but no whole data set does.
BOMB_BYTES, BOMB_RATIO = 2 << 30, 1000

_UTF8 = 0x800
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


def is_bomb(size: int, packed: int) -> bool:
    return size > BOMB_BYTES and size > BOMB_RATIO * packed


class Contents:
    """The members of a zip file. `left_out` counts the ones left out, by reason."""

    def __init__(self, path: Path, shown: Path) -> None:
        """Raises UserError, naming `shown`, if it can't be read as a zip file or is a bomb."""
        self.path = path
        self.shown = shown
        self.left_out: Counter[str] = Counter()
        try:
            self._zip = zipfile.ZipFile(path)
            size = path.stat().st_size
        except _BROKEN as error:
            raise UserError(f"{shown}: not a readable zip file: {error}; is it whole?") from error
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise UserError(f"{shown}: {len(infos):,} members, more than {MAX_MEMBERS:,}; unpack it by hand")
        if is_bomb(total := sum(info.file_size for info in infos), size):
            raise UserError(f"{shown}: {size:,} bytes that claim to unpack to {total:,}: refused as a zip bomb")
        self.members = self._members(infos)
        if self._zip.comment.startswith(b"{"):  # written by `cache`: what was left out when the copy was made
            self.left_out.update(json.loads(self._zip.comment).get("left_out", {}))

    def _members(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        found: dict[str, zipfile.ZipInfo] = {}
        twice: set[str] = set()
        for info in infos:
            name = info.filename
            if not name.isascii() and not info.flag_bits & _UTF8:
                name = names.decoded(info.orig_filename.encode("cp437", "replace"), name)
            if name.endswith(("/", "\\")) or names.is_litter(name):
                continue
            name, refused = names.tidy(name)
            if refused is None:
                refused = self._unfit(info)
            other = found.setdefault(name, info) if refused is None else info
            if other is not info and (other.CRC, other.file_size) != (info.CRC, info.file_size):
                twice.add(name)
                refused = names.TWICE
            if refused is not None:
                self.left_out[refused] += 1
        for name in twice:  # nobody can tell which one is meant
            del found[name]
            self.left_out[names.TWICE] += 1
        if alike := len(found) - len({name.casefold() for name in found}):
            self.left_out[names.ALIKE] += alike
        return found

    @staticmethod
    def _unfit(info: zipfile.ZipInfo) -> str | None:
        """Why a member with a valid name is left out."""
        mode = info.external_attr >> 16
        if info.create_system == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            return names.LINK
        if info.flag_bits & 0x1:
            return names.ENCRYPTED
        return None

    @cached_property
    def pictures(self) -> dict[str, list[str]]:
        """The pictures by their folder in the archive ("" for none): names without the folder."""
        found: dict[str, list[str]] = {}
        anything = names.is_archive(self.shown.name, names.PICKLES)  # everything in a pickle is a picture
        for name in self.members:
            if anything or name.lower().endswith(IMAGE_ENDINGS):
                folder, _, file = name.rpartition("/")
                found.setdefault(folder, []).append(file)
        return found

    @cached_property
    def texts(self) -> dict[str, int]:
        """The files besides pictures that may belong to a data set, with their sizes in bytes; others are counted."""
        found: dict[str, int] = {}
        for name, info in self.members.items():
            lower = name.lower()
            if lower.endswith(IMAGE_ENDINGS):
                continue
            if names.is_archive(lower, names.OF_DATA_SETS) or lower.endswith(names.UNKNOWN):
                self.left_out[names.NESTED] += 1
            elif os.path.splitext(lower)[1] not in names.LABELS:  # noqa: PTH122
                self.left_out[names.OTHER] += 1
            elif info.file_size > MAX_TEXT:
                self.left_out[names.TOO_LARGE] += 1
            else:
                found[name] = info.file_size
        return found

    def read(self, name: str) -> bytes:
        """A member's bytes. Raises KeyError if it doesn't exist, UserError if it can't be read."""
        info = self.members[name]
        if info.file_size > MAX_PICTURE:
            raise UserError(f"{self.shown}: {name} is too large ({info.file_size:,} bytes)")
        try:
            return self._zip.read(info)
        except _BROKEN as error:
            raise UserError(f"{self.shown}: {name} can't be read: {error}") from error

    def copy(self, name: str, target: IO[bytes]) -> None:
        """Write a member's bytes, piece by piece. Raises UserError if it can't be read."""
        try:
            with self._zip.open(self.members[name]) as member:
                while piece := member.read(1 << 20):
                    target.write(piece)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise UserError(f"{self.shown}: {name} can't be read: {error}") from error


def open_zip(path: Path, shown: Path | None = None) -> Contents:
    """The contents of a zip file; its member list is read once per process. Raises UserError.

    shown: the file to name in errors, if the zip file is a copy of its contents.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror or error}") from error
    # Not shared with a forked process: the position in an open file would be shared too.
    return _opened(path, shown or path, os.getpid(), found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=8)
def _opened(path: Path, shown: Path, _process: int, _size: int, _changed: int) -> Contents:
    return Contents(path, shown)
