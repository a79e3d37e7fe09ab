"""Replaces parts of a file's text without changing any other byte, and diffs the result. Knows no format."""

from __future__ import annotations

import bisect
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from curate.base.errors import UserError
from curate.sources.encodings import NAMES, encoding_of, open_raw

#: (line or row number as the source counts it, label, new label)
Change = tuple[int, str, str]

_CONTEXT = 3
_LINE_END = re.compile(r"\r\n|[\n\r]")


def one_line(label: str) -> str:
    """`label` with spaces for line ends: how it is written if a row is a line."""
    return _LINE_END.sub(" ", label)


def lost(file: FileText, number: int) -> UserError:
    """The error for a row that doesn't hold the label that was read from it."""
    return UserError(f"{file.path}: row {number} doesn't hold the label that was read from it; has the file changed?")


@dataclass
class FileText:
    """A text file and its replacements: `spans` are (start, end, new text) in characters.

    Invalid UTF-8 is kept as lone surrogates, so that encoding restores the original bytes. `of_copies`: the changes are
    for a copy of the data set that has only some of its files; they aren't made in place.
    """

    path: Path
    text: str
    encoding: str = "utf-8"
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    of_copies: bool = False

    @classmethod
    def read(cls, path: Path, encoding: str = "utf-8") -> Self:
        """The text of a file, or of a gzip file's content, in `encoding` or, for UTF-8, in its actual encoding.

        Raises UserError if it can't be read, or if encoding the text again would change other bytes.
        """
        encoding = encoding_of(path) if encoding == "utf-8" else encoding
        try:
            with open_raw(path) as file:
                data = file.read()
            text = data.decode(encoding, "surrogateescape")
        except (OSError, EOFError) as error:
            raise UserError(f"{path}: can't be read to its end: {error}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not all of it is {NAMES.get(encoding, encoding)}; make it UTF-8") from error
        if encoding == "gb18030" and text.encode(encoding) != data:  # some characters have two codes
            raise UserError(f"{path}: its GB18030 can't be written back as it is; make it UTF-8")
        return cls(path, text, encoding)

    @property
    def is_changed(self) -> bool:
        return bool(self.spans) and not self.of_copies

    @cached_property
    def line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def line(self, number: int) -> tuple[int, int]:
        """(start, end) of a line, counted from 1, without its terminator (`\\n` or `\\r\\n`)."""
        if not 0 < number <= len(self.line_starts):
            raise UserError(f"{self.path}: line {number} is not there; has the file changed?")
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        if end < 0:
            return start, len(self.text)
        return start, end - 1 if end > start and self.text[end - 1] == "\r" else end

    def replace(self, start: int, end: int, new: str) -> None:
        if self.text[start:end] != new:
            self.spans.append((start, end, new))

    def replace_too(self, start: int, end: int, new: str) -> None:
        """Also replace a second copy of a text that `replace` put elsewhere: it is not a label's own place."""
        if self.text[start:end] != new:
            self.spans.append((start, end, new))

    def result(self) -> str:
        out: list[str] = []
        at = 0
        for start, end, new in sorted(set(self.spans)):
            out += (self.text[at:start], new)
            at = end
        return "".join([*out, self.text[at:]])

    def backwards(self) -> list[tuple[int, str, str]]:
        """The edits that lead from the result back to the text: (position, new text, old text), in order."""
        out: list[tuple[int, str, str]] = []
        shift = 0
        for start, end, new in sorted(set(self.spans)):
            out.append((start + shift, new, self.text[start:end]))
            shift += len(new) - (end - start)
        return out

    def encoded(self, text: str) -> bytes:
        """`text` in the file's encoding. Raises UserError if the encoding lacks a character."""
        try:
            return text.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError as error:
            char = text[error.start : error.end]
            raise UserError(f"{self.path}: {char!r} can't be written in {self.encoding}, its encoding") from error

    def write_as(self, path: Path, *, compressed: bool) -> None:
        """Write the result; for gzip, equal text gives equal bytes."""
        data = self.encoded(self.result())
        path.write_bytes(gzip.compress(data, mtime=0) if compressed else data)

    # Diff -------------------------------------------------------------------------------------------------------------

    def diff(self, new_name: str) -> Iterator[bytes]:
        """The lines of a unified diff with three lines of context, with terminators; none if nothing changes."""
        changes = self._changed_lines()
        if not changes:
            return
        yield f"--- {self.path}\n+++ {new_name}\n".encode("utf-8", "surrogateescape")
        shift = 0
        hunk: list[tuple[int, int, list[str]]] = []
        for change in changes:
            if hunk and change[0] - hunk[-1][1] > 2 * _CONTEXT:
                yield from self._hunk(hunk, shift)
                shift += sum(len(new) - (end - start) for start, end, new in hunk)
                hunk = []
            hunk.append(change)
        yield from self._hunk(hunk, shift)

    @cached_property
    def _lines(self) -> list[str]:
        return _lines(self.text)

    def _changed_lines(self) -> list[tuple[int, int, list[str]]]:
        """(first line, after the last, new lines), counted from 0, in order and not overlapping."""
        starts = self.line_starts
        changes: list[tuple[int, int, list[tuple[int, int, str]]]] = []
        for span in sorted(set(self.spans)):
            first = bisect.bisect_right(starts, span[0]) - 1
            last = bisect.bisect_right(starts, max(span[0], span[1] - 1))
            if changes and first < changes[-1][1]:
                begun = changes.pop()
                changes.append((begun[0], max(begun[1], last), [*begun[2], span]))
            else:
                changes.append((first, last, [span]))
        out = []
        for first, last, spans in changes:
            begin, end = starts[first], starts[last] if last < len(starts) else len(self.text)
            moved = [(start - begin, stop - begin, new) for start, stop, new in spans]
            part = FileText(self.path, self.text[begin:end], self.encoding, moved)
            out.append((first, last, _lines(part.result())))
        return out

    def _hunk(self, changes: list[tuple[int, int, list[str]]], shift: int) -> Iterator[bytes]:
        lines = self._lines
        begin = max(changes[0][0] - _CONTEXT, 0)
        end = min(changes[-1][1] + _CONTEXT, len(lines))
        size = end - begin
        new_size = size + sum(len(new) - (last - first) for first, last, new in changes)
        yield f"@@ -{begin + 1},{size} +{begin + shift + 1},{new_size} @@\n".encode()
        at = begin
        for first, last, new in changes:
            yield from (self._diff_line(" ", line) for line in lines[at:first])
            yield from (self._diff_line("-", line) for line in lines[first:last])
            yield from (self._diff_line("+", line) for line in new)
            at = last
        yield from (self._diff_line(" ", line) for line in lines[at:end])

    def _diff_line(self, mark: str, line: str) -> bytes:
        end = "" if line.endswith("\n") else "\n\\ No newline at end of file\n"
        wide = self.encoding.startswith(("utf-16", "utf-32"))  # a line of it isn't a diff's line
        return mark.encode() + (line.encode("utf-8", "surrogatepass") if wide else self.encoded(line)) + end.encode()


def _lines(text: str) -> list[str]:
    """The lines of a text, with terminators; only LF ends one."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines
