"""Finds labels in the files they were read from, to the character. Changes no files: `fix` does that.

The same code that puts fixed labels back into a file finds them here, so every located label can be replaced.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.sources import FORMATS, Source, SourceFormat
from curate.sources.documents.notebook import label_offsets
from curate.sources.documents.read import ENDINGS
from curate.sources.places.file_text import Change, FileText, one_line
from curate.sources.places.table_file import TableFile


class _Noted(FileText):
    """A file that records the requested changes, and changes nothing."""

    noted: list[tuple[FileText, int, int]]

    def replace(self, start: int, end: int, new: str) -> None:
        self.noted.append((self, start, end))


class _Noting:
    """The files of a source as `write_back` opens them, to see where it would change them: `noted`, in order.

    Raises UserError for files that are not plain text, since nothing can point into them.
    """

    def __init__(self) -> None:
        self.noted: list[tuple[FileText, int, int]] = []

    def text(self, path: Path, encoding: str = "utf-8") -> FileText:
        if path.suffix.lower() == ".gz":
            raise UserError(f"{path}: compressed")
        file = _Noted.read(path, encoding)
        file.noted = self.noted
        return file

    def beside(self, path: Path) -> FileText:
        return FileText.read(path)

    def table(self, path: Path, columns: Columns) -> TableFile:
        raise UserError(f"{path}: not text")


@dataclass(frozen=True)
class TextPlace:
    """A label in a text file, spelled as in its format, from `start` to `end` (code points)."""

    file: FileText
    start: int
    end: int
    label: str
    #: Code points of the file where each code point of the label begins, and the place after the last one.
    offsets: Sequence[int] = field(repr=False)

    def region(self, start: int, end: int) -> tuple[int, int]:
        """(start, end) in the file of `start` to `end` in the label."""
        return self.offsets[start], self.offsets[end]

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of a place in the file, both from 1; a byte order mark is no column."""
        starts = self.file.line_starts
        line = bisect.bisect_right(starts, offset)
        column = offset - starts[line - 1] + 1
        return line, column - (self.bom if line == 1 else 0)

    @property
    def bom(self) -> int:
        return int(self.file.text.startswith("\ufeff"))

    def spelled(self, replacement: str) -> str | None:
        """How the format spells `replacement` here, or None if it can't be written in this place."""
        raw = self.file.text[self.start : self.end]
        if raw == self.label:
            text = replacement if self.file.path.suffix.lower() in ENDINGS else one_line(replacement)
            return None if self.file.path.suffix in (".csv", ".tsv") and any(c in text for c in ',\t"') else text
        if _is_json(raw, self.label):
            return json.dumps(replacement, ensure_ascii=raw.isascii())[1:-1]
        if label_offsets(raw, self.label) is not None:
            return None if "\n" in replacement else json.dumps(replacement, ensure_ascii=raw.isascii())[1:-1]
        return replacement.replace('"', '""')


def locate(source: Source, rows: Sequence[int], columns: dict[str, str] | None = None) -> dict[int, TextPlace]:
    """The places of these rows of a source's frame, if they are in text files that still contain them."""
    found: dict[int, TextPlace] = {}
    files = source.places["file"]
    by_file: dict[str, list[int]] = {}
    for row in rows:
        by_file.setdefault(files[row], []).append(row)
    for name, members in by_file.items():
        labels = source.frame["label"].gather(members).to_list()
        lines = source.places["line"].gather(members).to_list()
        held = zip(members, _in_file(source, name, lines, labels, columns or {}), strict=True)
        found |= {row: place for row, place in held if place is not None}
    return found


def _in_file(
    source: Source, name: str, lines: Sequence[int], labels: Sequence[str], columns: dict[str, str]
) -> list[TextPlace | None]:
    chosen = FORMATS[source.format]
    path = source.base / name
    changes = [(line, label, label) for line, label in zip(lines, labels, strict=True)]
    if not path.is_dir():
        return _places(chosen, path, changes, Columns(columns, chosen.columns)) or [None] * len(changes)
    files = chosen.label_files(path)
    found: list[TextPlace | None] = []
    for change in changes:
        noting = _Noting()
        try:
            chosen.write_one(files[change[0] - 1], change, noting, Columns(columns, chosen.columns))
        except (UserError, IndexError):
            found.append(None)
        else:
            found += _noted_places(noting, [change])
    return found


def located(
    path: Path, format_name: str, lines: Sequence[int], labels: Sequence[str], columns: dict[str, str]
) -> dict[int, TextPlace]:
    """The places of labels in one text file, by their order; `lines` are numbered from 1."""
    chosen = FORMATS[format_name]
    changes = [(line, label, label) for line, label in zip(lines, labels, strict=True)]
    found = _places(chosen, path, changes, Columns(columns, chosen.columns))
    return {at: place for at, place in enumerate(found) if place is not None}


def _places(chosen: SourceFormat, path: Path, changes: Sequence[Change], columns: Columns) -> list[TextPlace | None]:
    """The places in one file; none if it has changed since it was read or is not plain text."""
    noting = _Noting()
    try:
        chosen.write_back(path, changes, noting, columns)
    except UserError:
        return []
    return _noted_places(noting, changes)


def _noted_places(noting: _Noting, changes: Sequence[Change]) -> list[TextPlace | None]:
    return [
        _place(file, start, end, label) for (file, start, end), (_, label, _) in zip(noting.noted, changes, strict=True)
    ]


def _place(file: FileText, start: int, end: int, label: str) -> TextPlace | None:
    raw = file.text[start:end]
    if raw == label:
        offsets: Sequence[int] = range(start, end + 1)
    elif _is_json(raw, label):
        offsets = [start + at for at in _json_offsets(raw)]
    elif raw[:1] == '"' and raw[1:-1].replace('""', '"') == label:
        offsets = [start + at for at in _csv_offsets(raw)]
    elif (places := label_offsets(raw, label)) is not None:
        offsets = [start + at for at in places]
    else:
        return None
    return TextPlace(file, start, end, label, offsets) if len(offsets) == len(label) + 1 else None


def _is_json(raw: str, label: str) -> bool:
    try:
        return raw[:1] == '"' and json.loads(raw, strict=False) == label
    except ValueError:
        return False


def _json_offsets(raw: str) -> list[int]:
    """Where each code point of a JSON string begins; surrogate pairs are one."""
    offsets = []
    at = 1
    while at < len(raw) - 1:
        offsets.append(at)
        if raw[at] != "\\":
            at += 1
        elif raw[at + 1] != "u":
            at += 2
        else:
            high = 0xD800 <= int(raw[at + 2 : at + 6], 16) < 0xDC00
            at += 12 if high and raw[at + 6 : at + 8] == "\\u" else 6
    return [*offsets, at]


def _csv_offsets(raw: str) -> list[int]:
    offsets = []
    at = 1
    while at < len(raw) - 1:
        offsets.append(at)
        at += 2 if raw[at] == '"' else 1
    return [*offsets, at]
