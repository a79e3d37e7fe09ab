"""Reads CSV and TSV with a header into a part's frame. Not for line formats without a header (HME100K, CROHME)."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import polars as pl

from curate.base.column_names import TRIED, Columns, find_column
from curate.base.errors import UserError
from curate.base.surrogates import half_a_pair
from curate.sources.columns import kept_columns, rows_frame
from curate.sources.format import FileFormat
from curate.sources.image_paths import resolve_images
from curate.sources.lines import read_blocks
from curate.sources.look import Look
from curate.sources.model import BLANK_LINE, LONG_LINE, MAX_LINE, NOT_UTF8, Job, Part, with_split, wrong_shape
from curate.sources.places.file_text import Change
from curate.sources.places.output import Files
from curate.sources.places.table_fields import in_table, separator

WRONG_FIELDS = "the number of fields differs from the header's"
BAD_QUOTES = "unclosed quotes in this row"

#: How sure the ending alone makes us that a file is such a table.
_ENDING_ONLY = 0.5

# Stand-ins that no UTF-8 text can hold. The csv module would end a row at a bare CR. Over-long lines are only marked.
_CR = "\ud801"
_LONG = "\ud802"


class _Lines:
    """Feeds csv.reader with lines (terminators kept) and takes back the lines of a row that failed."""

    def __init__(self, path: Path) -> None:
        self._source = self._read(path)
        self._again: deque[str] = deque()
        self.pending: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._source)
        self.pending.append(line)
        return line

    def row_read(self) -> int:
        """Forget the lines of the row just read; returns their number."""
        count = len(self.pending)
        self.pending.clear()
        return count

    def take_back(self) -> str:
        """Return all lines of the row but the first to the reader; returns the first."""
        first, *others = self.pending
        self._again.extendleft(reversed(others))
        self.pending.clear()
        return first

    def skip_blank(self, most: int | None) -> int:
        """Pass over blank lines, at most so many; returns how many there were."""
        count = 0
        while most is None or count < most:
            line = self._again.popleft() if self._again else next(self._source, None)
            if line is None:
                break
            if line not in ("\n", "\r\n"):
                self._again.appendleft(line)
                break
            count += 1
        return count

    @staticmethod
    def _read(path: Path) -> Iterator[str]:
        for block in read_blocks(path):
            text = block.data.decode("utf-8", "surrogateescape")
            if block.long:
                yield text[:200].replace("\r", _CR).replace("\n", " ").replace('"', "'") + _LONG + "\n"
                continue
            if "\r" in text:
                text = text.replace("\r\n", "\n\ud803").replace("\r", _CR).replace("\n\ud803", "\r\n")
            for line in text.removesuffix("\n").split("\n"):
                yield line + "\n"


def read_rows(path: Path, delimiter: str, job: Job) -> tuple[list[str], list[int], list[list[str]]]:
    """(header, line numbers, rows). Rows whose number of fields differs from the header's are counted as unreadable.

    A TSV row is taken literally, quotes included, if reading it with quotes doesn't give the header's number of
    fields: many TSV files are written by joining fields with tabs.
    """
    csv.field_size_limit(2 * MAX_LINE)
    feed = _Lines(path)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    left = job.left()
    header: list[str] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    line = 1
    while left is None or len(header) == 0 or left > 0:
        try:
            row = next(reader)
            if header and len(row) != len(header) and len(feed.pending) > 1:
                row = [] if delimiter != "\t" else feed.take_back().rstrip("\r\n").split(delimiter)
                if not row:
                    raise csv.Error
        except StopIteration:
            break
        except csv.Error:
            text = feed.take_back()
            row = text.rstrip("\r\n").split(delimiter)
            if delimiter != "\t" or (header and len(row) != len(header)):
                if not header:
                    raise wrong_shape(path, "csv", "its header has unclosed quotes") from None
                job.rows += 1
                left = None if left is None else left - 1
                job.bad(path, line, BAD_QUOTES, text)
                line += 1
                continue
            row = [field.replace(_CR, "\r") for field in row]
            taken = 1
        else:
            taken = feed.row_read() or 1
        if not header:
            if any(field.strip() for field in row):
                header = [_readable(field).strip() for field in row]
            line += taken
            continue
        job.rows += 1
        left = None if left is None else left - 1
        if len(row) == len(header):
            lines.append(line)
            rows.append(row)
        elif any(_LONG in field for field in row):
            job.bad(path, line, LONG_LINE, row[0])
        elif not row:  # one of a million, perhaps
            blank = 1 + feed.skip_blank(left)
            job.rows += blank - 1
            left = None if left is None else left - (blank - 1)
            where = ((job.file(path), number, "") for number in range(line, line + blank))
            job.unreadable.add_many(BLANK_LINE, where, blank)
            taken = blank
        else:
            job.bad(path, line, WRONG_FIELDS, delimiter.join(row))
        line += taken
    return header, lines, rows


def _readable(name: str) -> str:
    """A column's name without stand-ins; bytes that are not UTF-8 are shown as `\\x85`."""
    text = name.replace(_CR, "\r").replace(_LONG, "…")
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_delimited(path: Path, delimiter: str, job: Job) -> pl.DataFrame:
    """A part's frame from a CSV or TSV file. Raises UserError if the header has no label column."""
    delimiter = separator(_first_line(path), delimiter)
    header, lines, rows = read_rows(path, delimiter, job)
    if not header:
        raise wrong_shape(path, "tsv" if delimiter == "\t" else "csv", "it has no header line")
    if len(header) == 1 and "|" in header[0] and "label" not in job.columns.given:
        raise UserError(
            f"{path}: its columns are separated by '|'; save it with commas, semicolons or TABs between them"
        )
    places = _places(header)
    keep_lines, keep_rows = _only_text(lines, rows, path, job)
    columns = {name: [row[places[name]] for row in keep_rows] for name in kept_columns(list(places), job)}
    # Spreadsheets may end every row with thousands of separators.
    held = {name: values for name, values in columns.items() if header[places[name]] or any(values)}
    return rows_frame(held, keep_lines, job, path)


def _places(header: Sequence[str]) -> dict[str, int]:
    """{name: place} of the columns. The second column named `a` is `a_2`; columns without a name are `column`."""
    places: dict[str, int] = {}
    times: Counter[str] = Counter()
    for place, given in enumerate(header):
        name = given = given or "column"
        times[given] += 1
        while name in places:
            name = f"{given}_{times[given]}"
            times[given] += name in places
        places[name] = place
    return places


def _first_line(path: Path) -> str:
    """The first line that isn't blank; "" if there is none."""
    return next((line for line in _Lines(path) if line.strip()), "")


def _only_text(lines: list[int], rows: list[list[str]], path: Path, job: Job) -> tuple[list[int], list[list[str]]]:
    """Put bare CRs back, and count rows that hold invalid UTF-8 or an over-long line."""
    good_lines: list[int] = []
    good: list[list[str]] = []
    for line, row in zip(lines, rows, strict=True):
        whole = "".join(row)
        if _CR in whole:
            row = [field.replace(_CR, "\r") for field in row]
            whole = whole.replace(_CR, "\r")
        if not whole.isascii() and half_a_pair(whole) is not None:
            job.bad(path, line, LONG_LINE if _LONG in whole else NOT_UTF8, whole.replace(_LONG, "…"))
            continue
        good_lines.append(line)
        good.append(row)
    return good_lines, good


class DelimitedFormat(FileFormat):
    """What CSV and TSV share: a header, then rows of one line each, or of several within quotes."""

    general = True
    columns = TRIED
    delimiter: ClassVar[str]

    def recognise_file(self, look: Look) -> float | None:
        if not look.lines or look.records:
            return None
        delimiter = separator(look.lines[0], self.delimiter)
        fields = [field.strip().strip('"') for field in look.lines[0].split(delimiter)]
        named = len(fields) > 1 or look.suffix in self.endings
        if named and find_column(fields, self.columns["label"]):
            return 0.8
        return _ENDING_ONLY if look.suffix in self.endings else None

    def belongs(self, look: Look) -> bool:
        """The split of a table in a folder; a table without a label column (formulas again, metadata) has none."""
        return (self.recognise_file(look) or 0) > _ENDING_ONLY

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        frame = with_split(read_delimited(part.path, self.delimiter, job), part)
        return resolve_images(frame, job, part.path, part.split)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        return in_table(files.text(path), changes, self.delimiter, columns)
