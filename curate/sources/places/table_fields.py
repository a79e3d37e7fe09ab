"""Labels that are fields of a CSV or TSV file with a header. Not for parquet: that is `table_file`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.sources.places.file_text import Change, FileText, lost, one_line

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def separator(header: str, usual: str) -> str:
    """The character between the columns of a file with this header: the usual one, or the semicolon that spreadsheets
    write instead of the comma where the comma is the decimal sign."""
    return ";" if usual == "," and ";" in header and "," not in header else usual


def in_table(file: FileText, changes: Sequence[Change], delimiter: str, columns: Columns) -> list[str]:
    """For CSV and TSV with a header. In CSV, a label keeps its line ends, in quotes.

    delimiter: the format's usual one.
    """
    start, delimiter = _header(file, delimiter)
    names = [value.strip() for _, _, value in _fields(file.text, start, delimiter)]
    column = columns.label(names)
    if column is None or column not in names:
        raise UserError(f"{file.path}: no label column; it has: {', '.join(names)}")
    place = names.index(column)
    written = []
    for row, label, new in changes:
        begin, end = file.line(row)
        text = new if delimiter != "\t" else one_line(new)
        fields = _fields(file.text, begin, delimiter)
        if place < len(fields) and fields[place][2] == label:
            first, after, _ = fields[place]
            quoted = file.text[first : first + 1] == '"' or any(char in text for char in (delimiter, '"', "\n", "\r"))
            shown = '"' + text.replace('"', '""') + '"' if quoted else text
        else:  # a TSV row that is taken literally, quotes included
            first, after = _literal(file.text[begin:end], delimiter, place)
            first, after = first + begin, after + begin
            shown = text = text.replace("\t", " ")
            if delimiter != "\t" or file.text[first:after] != label:
                raise lost(file, row)
        written.append(text)
        file.replace(first, after, shown)
    return written


def _header(file: FileText, usual: str) -> tuple[int, str]:
    """Where the header begins, after rows without text, and the character between the columns."""
    delimiter = ""
    for number, start in enumerate(file.line_starts, 1):
        start += file.text.startswith("\ufeff", start)
        line = file.text[start : file.line(number)[1]].strip()
        if line and not delimiter:
            delimiter = separator(line, usual)
        if line.strip(f'{delimiter}" \t'):
            return start, delimiter
    return 0, usual


def _fields(text: str, at: int, delimiter: str) -> list[tuple[int, int, str]]:
    """(start, end, value) of the fields of the row that begins at `at`, with quotes read as csv does."""
    fields: list[tuple[int, int, str]] = []
    plain = re.compile(rf"[^{re.escape(delimiter)}\n]*")
    while True:
        quoted = _QUOTED.match(text, at)
        if quoted is not None and text[quoted.end() : quoted.end() + 1] in (delimiter, "\n", "\r", ""):
            end = quoted.end()
            fields.append((at, end, quoted[1].replace('""', '"')))
            end += text.startswith("\r\n", end)
        else:
            end = plain.match(text, at).end()  # type: ignore[union-attr]
            stop = end - 1 if text[end - 1 : end + 1] == "\r\n" and end > at else end
            fields.append((at, stop, text[at:stop]))
        if text[end : end + 1] != delimiter:
            return fields
        at = end + 1


def _literal(line: str, delimiter: str, place: int) -> tuple[int, int]:
    start = 0
    for _ in range(place):
        start = line.find(delimiter, start) + 1
        if start == 0:
            return 0, 0
    end = line.find(delimiter, start)
    return start, len(line) if end < 0 else end
