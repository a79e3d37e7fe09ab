"""What a sniffer may look at: a path's kind, first bytes and lines, names in a folder. Not for reading a data set."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from curate.base.errors import UserError
from curate.sources.lines import is_binary

HEAD = 64 << 10
#: Endings that a file of labels may have; a folder's other files are looked at by name only.
TEXT_ENDINGS = (".txt", ".lst", ".tex", ".formulas", ".labels", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", "")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm")
IMAGE_NAME = r"\.(?i:png|jpe?g|bmp|gif|tiff?|webp|p[gpb]m)"
#: Text files that stand beside data sets and are none.
_NOT_LABELS = re.compile(
    r"(?i)(readme|licen[cs]e|notice|requirements|changelog|citation|dict?|vocab\w*|.*_vocab|\..*)(\..*)?"
)
#: So many label files of a folder are looked into; a folder of one text file per image has thousands.
_MOST_FILES = 40
_LINE_START = 500


@dataclass(frozen=True)
class Look:
    """A lazy look at a path; everything is read at most once."""

    path: Path

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
        """The first 64 KiB (of what a gzip file holds), without a byte order mark. Raises UserError if unreadable."""
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
        return head.removeprefix(b"\xef\xbb\xbf")

    @cached_property
    def lines(self) -> list[str]:
        """The first lines that are not blank (at most 50); empty for a folder and for bytes that are no text."""
        head = self.head
        if is_binary(head) or head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return []
        whole = head.decode("utf-8", "replace").split("\n")
        if len(head) == HEAD and len(whole) > 1:
            whole.pop()  # cut at the end of the look
        return [line.removesuffix("\r") for line in whole if line.strip()][:50]

    @cached_property
    def records(self) -> list[Any]:
        """The first JSON objects and texts, of JSON lines or of a JSON array; empty where it is neither.

        Numbers and arrays are no records: a text file of labels may well begin with `[ 0 , 1 ]` or `1`.
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
        if not values:  # one JSON object over several lines
            try:
                values.append(json.loads(text))
            except (ValueError, RecursionError):
                return []
        return values

    @property
    def is_json_array(self) -> bool:
        return self.head.lstrip()[:1] == b"["

    @cached_property
    def names(self) -> tuple[list[str], list[str]]:
        """(file names, folder names) in a folder, sorted; left out are hidden ones, pipes, and links to nothing."""
        files: list[str] = []
        folders: list[str] = []
        if self.is_dir:
            try:
                with os.scandir(self.path) as entries:
                    for entry in entries:
                        if not entry.name.startswith(".") and (is_folder(entry) or is_file(entry)):
                            (folders if is_folder(entry) else files).append(entry.name)
            except OSError as error:
                raise UserError(f"{self.path}: can't be listed: {error.strerror or error}") from error
        return sorted(files), sorted(folders)

    @cached_property
    def folders(self) -> list[Look]:
        """The folders directly in this one (at most 40)."""
        return [Look(self.path / name) for name in self.names[1][:_MOST_FILES]]

    @cached_property
    def label_files(self) -> list[Look]:
        """Files in this folder and the folders directly in it that could hold labels, by their names."""
        found = []
        for folder in (self, *self.folders):
            mine = [name for name in folder.names[0] if is_label_name(name)]
            if len(mine) <= _MOST_FILES:
                found += [Look(folder.path / name) for name in mine]
        return found

    def has(self, name: str) -> bool:
        return name in self.names[0]

    def all_files(self, *endings: str) -> list[Path]:
        """Every file in this folder and the folders directly in it whose name ends so."""
        return [
            folder.path / name
            for folder in (self, *self.folders)
            for name in folder.names[0]
            if name.lower().endswith(endings)
        ]

    def share(self, pattern: re.Pattern[str]) -> float:
        """The share of the first lines that match a pattern from their beginning.

        Only so much of a line is shown to the pattern that one with several repeats can't take for ever on a long line.
        """
        starts = [line[:_LINE_START] for line in self.lines]
        return sum(1 for start in starts if pattern.match(start)) / len(starts) if starts else 0.0


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Is an entry a folder, or a link to one? A link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry[str]) -> bool:
    """Is an entry a file, or a link to one? Opening a pipe could block for ever."""
    try:
        return entry.is_file()
    except OSError:
        return False


def is_label_name(name: str) -> bool:
    plain = name.lower().removesuffix(".gz")
    suffix = Path(plain).suffix
    known = suffix in TEXT_ENDINGS or ("formulas" in plain and suffix not in IMAGE_ENDINGS)
    return known and not _NOT_LABELS.fullmatch(name)
