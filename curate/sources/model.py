"""What reading a source returns: the frame, the counts, and every row that couldn't be read. Reads nothing itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.images.stroke_settings import DEFAULTS, StrokeSettings

#: A text with more UTF-8 bytes than this is not a label: it is counted as an unreadable row.
MAX_LABEL = 1 << 20
#: A line with more bytes than this is skipped without being held in memory (JSON may use six per character).
MAX_LINE = 8 << 20
#: How many unreadable rows are kept with their place; the counts by reason are always complete.
KEPT_ROWS = 1000
EXCERPT = 80

BLANK_LINE = "blank line"
NOT_UTF8 = "not valid UTF-8"
NUL_BYTE = "holds a NUL byte"
LONG_LABEL = "label longer than 1 MiB"
LONG_LINE = "line longer than 8 MiB"
NO_LABEL = "the label is missing"
LEAVES_FOLDER = (
    "images behind a link out of the image folder were not opened; name a folder that holds them with --images DIR"
)
#: The column of image paths that weren't found, as the label file gives them; null if the file exists.
NOT_FOUND = "image_not_found"
DUPLICATE_ID = "duplicate id: the sample_id got a suffix ~2, ~3, …"

#: A column that a format's `read` may add: refs to images inside files, which replace the `image` of their rows.
STORED_IMAGE = "stored_image"
#: What a format's `read` returns; the source's own columns follow.
PART_SCHEMA: dict[str, Any] = {
    "line": pl.Int64,
    "split": pl.String,
    "name": pl.String,
    "image": pl.String,
    "label": pl.String,
}


def excerpt(text: str) -> str:
    """The beginning of a row, safe to print: at most 80 characters, with unprintable ones escaped."""
    out: list[str] = []
    size = 0
    for char in text[: EXCERPT + 1]:
        code = ord(char)
        if char.isprintable():
            piece = char
        elif 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8, kept by surrogateescape
            piece = f"\\x{code - 0xDC00:02x}"
        else:
            piece = char.encode("unicode_escape", "surrogatepass").decode("ascii")
        if size + len(piece) > EXCERPT - 1 and (len(text) > len(out) + 1 or size + len(piece) > EXCERPT):
            return "".join(out) + "…"
        out.append(piece)
        size += len(piece)
    return "".join(out)


@dataclass(frozen=True, order=True)
class BadRow:
    """A row that couldn't be read. `line` counts lines from 1; in a table or JSON array, rows or items."""

    file: str
    line: int
    reason: str
    excerpt: str


@dataclass
class Unreadable:
    """All unreadable rows counted by reason, and the first 1,000 of them with their place."""

    by_reason: Counter[str] = field(default_factory=Counter)
    rows: list[BadRow] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.by_reason.total()

    def add(self, file: str, line: int, reason: str, text: str = "") -> None:
        self.add_many(reason, [(file, line, text)], 1)

    def add_many(self, reason: str, rows: Iterable[tuple[str, int, str]], count: int) -> None:
        """Count `count` rows; `rows` gives the first of them, at most 1,000 of which are kept per call."""
        if count:
            self.by_reason[reason] += count
        for kept, (file, line, text) in enumerate(rows):
            if kept >= KEPT_ROWS:
                break
            self.rows.append(BadRow(file, line, reason, excerpt(text)))
        # Later steps find rows from earlier in the file, so more than the limit is held until the end.
        if len(self.rows) > 20 * KEPT_ROWS:
            self.close()

    def close(self) -> None:
        """Sort the kept rows by file and line, and cut them to the first 1,000."""
        order = {file: place for place, file in enumerate(dict.fromkeys(row.file for row in self.rows))}
        self.rows.sort(key=lambda row: (order[row.file], row.line, row.reason))
        del self.rows[KEPT_ROWS:]


@dataclass(frozen=True)
class Source:
    """One data set as read.

    frame: columns sample_id, source, split, image, label, then the source's own; `rows == frame.height +
    unreadable.total`. places: file and line of every row of `frame`, in the same order. path: absolute, except for a
    hub id, which stays as given. root: the absolute folder that image paths are relative to. notes: counted remarks
    that cost no row (duplicate ids, formulas that no index names, archives that can't be read). packed: the files in
    `places` are inside archives. id_column: the column or key, if any, that the last part of every sample_id comes
    from.
    """

    name: str
    format: str
    path: Path
    root: Path
    frame: pl.DataFrame
    rows: int
    unreadable: Unreadable
    notes: dict[str, int]
    places: pl.DataFrame
    packed: bool = False
    id_column: str | None = None

    @property
    def base(self) -> Path:
        """The folder that the files in `places` are relative to."""
        return self.path if self.path.is_dir() else self.path.parent


@dataclass(frozen=True)
class Part:
    """One file (or folder of small files) of a data set, and its split."""

    path: Path
    split: str | None = None
    extra: Path | None = None  # the second file of formats that need two (the formulas for an im2latex index)


@dataclass
class Job:
    """What a format's `read` works with: the call's options, and where it reports what it can't read."""

    name: str
    path: Path
    root: Path
    images_given: bool
    columns: Columns
    limit: int | None
    #: How pictures are drawn for samples that have strokes.
    strokes: StrokeSettings = DEFAULTS
    #: The number of line 1 if pictures are named by numbers: 0, 1, or None to find out.
    first_number: int | None = None
    unreadable: Unreadable = field(default_factory=Unreadable)
    notes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    id_column: str | None = None
    #: The column that the images of the part being read are from if they are ids, which may not be images at all.
    image_ids: str | None = None
    #: The column that the images of the part being read are from, if they are paths or ids.
    image_column: str | None = None

    def left(self) -> int | None:
        """How many rows may still be read; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.rows)

    def file(self, path: Path) -> str:
        """A file's name in reports: relative to the source, with forward slashes."""
        base = self.path if self.path.is_dir() else self.path.parent
        try:
            return path.relative_to(base).as_posix()
        except ValueError:
            return path.as_posix()

    def in_root(self, path: Path) -> str:
        """A file's name in refs to images inside it: relative to the root, with forward slashes."""
        there = path.absolute().is_relative_to(self.root.absolute())
        return (path.absolute().relative_to(self.root.absolute()) if there else path).as_posix()

    def bad(self, path: Path, line: int, reason: str, text: str = "") -> None:
        self.unreadable.add(self.file(path), line, reason, text)

    def reject(self, frame: pl.DataFrame, when: pl.Expr, reason: str, path: Path, text: str = "text") -> pl.DataFrame:
        """Count the rows where `when` holds (null is false) under `reason`; returns the others."""
        mask = frame.select(when.fill_null(False).alias("bad")).to_series()
        if not mask.any():
            return frame
        bad = frame.filter(mask)
        file = self.file(path)
        first = bad.head(KEPT_ROWS).select("line", pl.col(text).fill_null(""))
        self.unreadable.add_many(reason, ((file, line, text) for line, text in first.iter_rows()), bad.height)
        return frame.filter(~mask)


def with_split(frame: pl.DataFrame, part: Part) -> pl.DataFrame:
    """Give rows that don't state a split the split of their file."""
    return frame.with_columns(split=pl.coalesce("split", pl.lit(part.split, pl.String)))


class AmbiguousError(UserError):
    """A source that could have several formats."""


class NoRows(UserError):
    """A source without a readable row. `may_be_empty`: it is a document, which needs no formula."""

    may_be_empty: bool = False


def wrong_shape(path: Path, format_name: str, wanted: str) -> UserError:
    return UserError(f"{path}: not readable as {format_name}: {wanted}")
