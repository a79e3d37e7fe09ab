"""Reads the inputs of `curate check` and `curate render`: files and folders of any source format. Judges nothing.

`label_lines` reads files with one label per line and JSON lines with a label; these labels are named by their line or
`id`. Everything else is read as by `curate audit`.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from curate.base.column_names import LABEL_COLUMNS, find_column
from curate.base.errors import UserError
from curate.base.surrogates import check_characters
from curate.findings.label_lines import Id, is_row, lines_of, places_in, read_labels

if TYPE_CHECKING:
    from curate.findings.locate import TextPlace
    from curate.sources import Source

#: How many unreadable rows of an input are named.
_NAMED_ROWS = 20


@dataclass(frozen=True)
class Input:
    """The labels of a file, a folder, standard input or the command line.

    `name`: as given. `path`: a file whose labels are its lines. `source`: what was read as a data set; then label n is
    row n of its frame.
    """

    name: str
    ids: Sequence[Id]
    labels: Sequence[str]
    path: Path | None = None
    source: Source | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_document(self) -> bool:
        from curate.sources import FORMATS

        return self.source is not None and FORMATS[self.source.format].in_documents

    def macros(self) -> Sequence[str | None]:
        """The macros of its own document that each label uses."""
        if self.source is None or not self.is_document:
            return [None] * len(self.labels)
        return self.source.frame["macros"].to_list()

    def in_latex(self) -> Sequence[bool]:
        """Whether each label is in a LaTeX document, which may load packages."""
        from curate.sources.documents.read import LATEX, ending

        if self.source is None or not self.is_document:
            return [False] * len(self.labels)
        files = self.source.places["file"]
        latex = {name: ending(Path(name)) in LATEX for name in files.unique()}
        return [latex[name] for name in files.to_list()]

    def file_and_line(self, row: int) -> tuple[str | None, int | None]:
        """The file of a label and its line there, if they are known."""
        if self.source is None:
            return (None, None) if self.path is None else (self.name, self._lines[row])
        file, line = self.source.places.row(row)
        return (f"{self.name.rstrip('/')}/{file}" if self.source.path.is_dir() else self._file()), line

    @cached_property
    def _lines(self) -> Sequence[int]:
        """The lines of the labels of a file of lines."""
        return [] if self.path is None else lines_of(self.path)

    def named(self) -> Iterator[tuple[str, str]]:
        """(name, label) for every label; of a file with one label, the name is the file's."""
        path = Path(self._file())
        if len(self.labels) == 1 and path.is_file():
            yield path.stem, self.labels[0]
        else:
            yield from ((str(identity), label) for identity, label in zip(self.ids, self.labels, strict=True))

    def _file(self) -> str:
        """The file of a source, without what may come before and after its path in a SOURCE."""
        from curate.sources import parse_source

        return parse_source(self.name).target

    def places(self, rows: Iterable[int]) -> dict[int, TextPlace]:
        """The places of labels in text files, by their order."""
        from curate.findings.locate import locate

        if self.source is not None:
            return locate(self.source, sorted(set(rows)), dict(self.columns))
        return {} if self.path is None else places_in(self.path, self.labels)

    def unread(self) -> Iterator[str]:
        """A line for every row that could not be read but should have been; if there are many, for the first ones."""
        if self.source is None:
            return
        from curate.sources.documents.found import LEFT_OUT
        from curate.sources.model import BLANK_LINE

        missed = self.source.unreadable
        reasons = {
            reason: number
            for reason, number in missed.by_reason.items()
            if reason != BLANK_LINE and not reason.startswith(LEFT_OUT)
        }
        rows = [row for row in missed.rows if row.reason in reasons][:_NAMED_ROWS]
        for row in rows:
            file = f"{self.name.rstrip('/')}/{row.file}" if self.source.path.is_dir() else self._file()
            yield f"{file}:{row.line}: not read: {row.reason}: {row.excerpt}"
        if (more := sum(reasons.values()) - len(rows)) > 0:
            yield f"{self.name}: {more:,} more rows could not be read"


@dataclass(frozen=True)
class Inputs:
    """Several inputs, with their labels numbered consecutively."""

    items: Sequence[Input]

    def __post_init__(self) -> None:
        starts = [0]
        for item in self.items:
            starts.append(starts[-1] + len(item.labels))
        object.__setattr__(self, "_starts", starts)

    @property
    def ids(self) -> list[Id]:
        return [identity for item in self.items for identity in item.ids]

    @property
    def labels(self) -> list[str]:
        return [label for item in self.items for label in item.labels]

    def of(self, at: int) -> tuple[Input, int]:
        """The input that label `at` is from, and its row there."""
        starts: list[int] = self._starts  # type: ignore[attr-defined]
        number = bisect.bisect_right(starts, at) - 1
        return self.items[number], at - starts[number]

    def places(self, labels: Iterable[int]) -> dict[int, TextPlace]:
        """The places of these labels in text files."""
        starts: list[int] = self._starts  # type: ignore[attr-defined]
        wanted = sorted(set(labels))
        found: dict[int, TextPlace] = {}
        for item, start, end in zip(self.items, starts, starts[1:], strict=False):
            rows = [at - start for at in wanted[bisect.bisect_left(wanted, start) : bisect.bisect_left(wanted, end)]]
            if rows:
                found |= {row + start: place for row, place in item.places(rows).items()}
        return found


def given_labels(texts: Sequence[str]) -> Input:
    """Labels given as arguments. Raises UserError if one is not UTF-8."""
    for number, text in enumerate(texts, 1):
        check_characters(text, f"--latex: label {number}")
    return Input("latex", [str(number) for number in range(1, len(texts) + 1)], list(texts))


def read_input(given: str, columns: Mapping[str | None, Mapping[str, str]] | None = None) -> Input:
    """The labels of a file, a folder, or a SOURCE as for `curate audit`; for `-`, of standard input.

    `columns` are by the source's name, with None for all. Raises UserError if the input can't be read.
    """
    if given == "-":
        return Input("stdin", *read_labels("-"))
    if not _is_there(given):
        plain = re.fullmatch(r"(?:[^=/]+=)?(?:[a-z0-9]+:.+|.+#[^/#]+)", given)
        if plain is None:
            raise UserError(f"{given}: no such file; to check a label, pass it with --latex")
    elif Path(given).is_file() and _is_lines(given):
        return Input(given, *read_labels(given), path=Path(given))
    return _read_source(given, columns or {})


def read_data_set(given: str, columns: Mapping[str | None, Mapping[str, str]] | None = None) -> Input | None:
    """The labels of a file or folder that is read as a data set; None for a file of lines, or if there is no such file.

    `columns` as for `read_input`. Raises UserError if it can't be read.
    """
    if len(given) > 4096 or not _is_there(given) or (Path(given).is_file() and _is_lines(given)):
        return None
    return _read_source(given, columns or {})


def read_inputs(
    given: Sequence[str], columns: Mapping[str | None, Mapping[str, str]] | None = None
) -> tuple[Inputs, list[str]]:
    """The inputs that can be read, each once however often it is named, and a message for every other one.

    A pattern that the shell didn't expand is expanded here.
    """
    items: list[Input] = []
    failed: list[str] = []
    named: dict[str, str] = {}
    for text in given:
        for name in _matching(text) or (text,):
            named.setdefault(_same(name), name)
    for text in named.values():
        try:
            items.append(read_input(text, columns))
        except UserError as error:
            failed.append(str(error))
        except OSError as error:
            failed.append(f"{text}: can't be read: {error.strerror or error}")
    return Inputs(items), failed


def _matching(pattern: str) -> list[str]:
    """The files that a pattern matches; none if it is the name of something, or not a pattern."""
    if pattern == "-" or _is_there(pattern) or not any(mark in pattern for mark in "*?["):
        return []
    root = Path(Path(pattern).anchor)
    try:
        return sorted(map(str, root.glob(str(Path(pattern).relative_to(root)))))
    except (ValueError, OSError, NotImplementedError):
        return []


def _same(given: str) -> str:
    """A key that is equal for two names of one file."""
    return str(Path(given).resolve()) if given != "-" and _is_there(given) else given


def _is_there(given: str) -> bool:
    try:
        return Path(given).exists()
    except (OSError, ValueError):
        return False


def _read_source(given: str, columns: Mapping[str | None, Mapping[str, str]]) -> Input:
    from curate.sources import parse_source, read_source
    from curate.sources.model import NoRows

    spec = parse_source(given)
    roles = {**columns.get(None, {}), **columns.get(spec.name, {})}
    try:
        source = read_source(spec, columns=roles)
    except NoRows as error:
        if not error.may_be_empty:
            raise
        return Input(given, [], [])
    prefix = f"{source.name}/"
    ids = [identity.removeprefix(prefix) for identity in source.frame["sample_id"].to_list()]
    return Input(given, ids, source.frame["label"].to_list(), source=source, columns=roles)


def _is_lines(given: str) -> bool:
    """Whether this is a file with one label per line, or JSON lines with a label. Any other file is a data set."""
    from curate.archives.names import ENDINGS, UNKNOWN, is_archive
    from curate.sources import recognise
    from curate.sources.look import Look
    from curate.sources.model import AmbiguousError

    path = Path(given)
    look = Look(path)
    if path.stat().st_size == 0:
        return True
    if is_archive(path.name, (*ENDINGS, *UNKNOWN)):
        return False
    first = next(iter(look.lines), "")
    if is_row(first):
        try:
            row = json.loads(first)
        except (ValueError, RecursionError):
            return look.suffix in (".jsonl", ".ndjson")
        key = find_column(list(row), LABEL_COLUMNS)
        return key is not None and isinstance(row[key], str)
    try:
        return recognise(path).name == "text"
    except AmbiguousError:
        raise
    except UserError:
        if not look.lines or path.name.lower().endswith(".gz"):
            raise
        return True  # text of an unknown kind: one label per line
