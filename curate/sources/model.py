"""What reading a source gives: the frame, the counts, and every row that could not be read. Reads nothing itself."""

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

#: A label longer than this many UTF-8 bytes is no label: it is counted as an unreadable row.
MAX_LABEL = 1 << 20
#: A line longer than this many bytes is skipped without being held in memory (JSON may spell a character in six).
MAX_LINE = 8 << 20
#: So many unreadable rows are kept with their place; the counts by reason are always complete.
KEPT_ROWS = 1000
EXCERPT = 80

BLANK_LINE = "blank line"
NOT_UTF8 = "not valid UTF-8"
NUL_BYTE = "holds a NUL byte"
LONG_LABEL = "label longer than 1 MiB"
LONG_LINE = "line longer than 8 MiB"
NO_LABEL = "the label is missing"
LEAVES_FOLDER = (
    "images behind a link out of the image folder: not opened; name a folder that holds them with --images DIR"
)
#: The column of the image paths that were not found, as the label file gives them; null where there is a file.
NOT_FOUND = "image_not_found"
DUPLICATE_ID = "duplicate id: the sample_id got a suffix ~2, ~3, …"

#: A column that a format's `read` may add: refs to images inside files, which stand for the `image` of their rows.
STORED_IMAGE = "stored_image"
#: What a format's `read` returns; the columns a source brought follow these.
PART_SCHEMA: dict[str, Any] = {
    "line": pl.Int64,
    "split": pl.String,
    "name": pl.String,
    "image": pl.String,
    "label": pl.String,
}


def excerpt(text: str) -> str:
    """The beginning of a row, safe to print: at most 80 characters, everything that isn't printable escaped."""
    out: list[str] = []
    size = 0
    for char in text[: EXCERPT + 1]:
        code = ord(char)
        if char.isprintable():
            piece = char
        elif 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8, kept by surrogateescape
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
    """A row that could not be read. `line` counts lines from 1; in a table or JSON array it counts rows or items."""

    file: str
    line: int
    reason: str
    excerpt: str


@dataclass
class Unreadable:
    """Every unreadable row counted under its reason, and the first 1,000 of them with their place."""

    by_reason: Counter[str] = field(default_factory=Counter)
    rows: list[BadRow] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.by_reason.total()

    def add(self, file: str, line: int, reason: str, text: str = "") -> None:
        self.add_many(reason, [(file, line, text)], 1)

    def add_many(self, reason: str, rows: Iterable[tuple[str, int, str]], count: int) -> None:
        """Count `count` rows; `rows` gives the first of them, of which at most 1,000 a call are kept."""
        if count:
            self.by_reason[reason] += count
        for kept, (file, line, text) in enumerate(rows):
            if kept >= KEPT_ROWS:
                break
            self.rows.append(BadRow(file, line, reason, excerpt(text)))
        # Later steps find rows that stand earlier in the file, so more than the limit is held until the end.
        if len(self.rows) > 20 * KEPT_ROWS:
            self.close()

    def close(self) -> None:
        """Bring the kept rows into file and line order and cut them to the first 1,000."""
        order = {file: place for place, file in enumerate(dict.fromkeys(row.file for row in self.rows))}
        self.rows.sort(key=lambda row: (order[row.file], row.line, row.reason))
        del self.rows[KEPT_ROWS:]


@dataclass(frozen=True)
class Source:
    """One data set, read.

    frame: columns sample_id, source, split, image, label, then what the source brought; `rows == frame.height +
    unreadable.total`. places: file and line of every row of `frame`, in the same order. path: absolute, but for a hub
    id, which stays as it was given. root: the absolute folder that image paths are relative to. notes: things worth
    saying that cost no row, counted (duplicate ids, formulas that no index names, archives that can't be read). packed:
    the files in `places` are inside archives. id_column: the column or key that the last part of every sample_id comes
    from, if it is one.
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
        """The folder that the files in `places` are named from."""
        return self.path if self.path.is_dir() else self.path.parent


@dataclass(frozen=True)
class Part:
    """One file (or folder of small files) of a data set and the split that it is."""

    path: Path
    split: str | None = None
    extra: Path | None = None  # the second file of formats that need two (the formulas beside an im2latex index)


@dataclass
class Job:
    """What a format's `read` works with: the options of the call and where it puts what it can't read."""

    name: str
    path: Path
    root: Path
    images_given: bool
    columns: Columns
    limit: int | None
    #: How pictures are drawn for samples that have strokes.
    strokes: StrokeSettings = DEFAULTS
    #: The number of line 1 where pictures are named by numbers: 0, 1, or None where that is to be found out.
    first_number: int | None = None
    unreadable: Unreadable = field(default_factory=Unreadable)
    notes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    id_column: str | None = None
    #: The images of the part that is being read are ids, which may be no images at all.
    image_ids: bool = False

    def left(self) -> int | None:
        """How many rows may still be read; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.rows)

    def file(self, path: Path) -> str:
        """How a file of this source is named in reports: relative to the source, with forward slashes."""
        base = self.path if self.path.is_dir() else self.path.parent
        try:
            return path.relative_to(base).as_posix()
        except ValueError:
            return path.as_posix()

    def in_root(self, path: Path) -> str:
        """How refs to images inside a file name it: relative to the root, with forward slashes."""
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
    """Give the rows that don't say their split themselves the split of their file."""
    return frame.with_columns(split=pl.coalesce("split", pl.lit(part.split, pl.String)))


class AmbiguousError(UserError):
    """A source that could be of several formats."""


class NoRows(UserError):
    """A source that was read and holds no readable row. `may_be_empty`: a document, which needs no formula."""

    may_be_empty: bool = False


def wrong_shape(path: Path, format_name: str, wanted: str) -> UserError:
    return UserError(f"{path}: not readable as {format_name}: {wanted}")
