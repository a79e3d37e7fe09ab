"""Labels that are the end of a line, or a whole file. Not for lines of JSON or fields of a table."""

from __future__ import annotations

from collections.abc import Sequence

from curate.sources.places.file_text import Change, FileText, lost, one_line


def in_lines(file: FileText, changes: Sequence[Change]) -> list[str]:
    """For formats whose label ends the line: a bare label, or a name, a separator and the label."""
    written = []
    for number, label, new in changes:
        start, end = file.line(number)
        if not file.text[start:end].endswith(label):
            raise lost(file, number)
        written.append(one_line(new))
        file.replace(end - len(label), end, written[-1])
    return written


def in_whole(file: FileText, changes: Sequence[Change]) -> list[str]:
    """For a file that is one label, possibly with a byte order mark and a line end."""
    start = int(file.text.startswith("\ufeff"))
    for number, label, new in changes:
        if not file.text.startswith(label, start) or file.text[start + len(label) :] not in ("", "\n", "\r\n"):
            raise lost(file, number)
        file.replace(start, start + len(label), new)
    return [new for _, _, new in changes]
