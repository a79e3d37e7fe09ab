"""What `curate check` and `curate render` read: files and folders of any source format. Judges and draws nothing.

A file of a label a line, or of JSON lines with a label, is read strictly, line by line, and its labels are called by their
line or `id`: that is `read_labels`. Everything else is read as `curate audit` reads it.
"""

from __future__ import annotations

import bisect
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curate.base.column_names import LABEL_COLUMNS, find_column
from curate.base.errors import UserError

if TYPE_CHECKING:
    from curate.findings.locate import TextPlace
    from curate.sources import Source

#: As JSON has it, so that whoever reads the answer finds their own rows in it.
Id = str | int

#: How a JSON object begins that goes on to be no JSON: better an error than a label nobody wrote.
_BROKEN_ROW = re.compile(r'\s*\{\s*"\w+"\s*:')
#: So many unreadable rows of an input are named.
_NAMED_ROWS = 20


@dataclass(frozen=True)
class Input:
    """The labels of a file, a folder, standard input or the command line.

    `name`: as it was given. `path`: a file whose labels are its lines. `source`: what was read as a data set; then
    label n is row n of its frame.
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

    def file_and_line(self, row: int) -> tuple[str | None, int | None]:
        """The file that a label stands in, and its line there, where they are known."""
        if self.source is None:
            line = self.ids[row] if self.path is not None else None
            return (None if self.path is None else self.name), int(line) if str(line).isdigit() else None
        file, line = self.source.places.row(row)
        return (f"{self.name.rstrip('/')}/{file}" if self.source.path.is_dir() else self._file()), line

    def named(self) -> Iterator[tuple[str, str]]:
        """(name, label) for every label; of a file with one label, the name is the file's."""
        path = Path(self._file())
        if len(self.labels) == 1 and path.is_file():
            yield path.stem, self.labels[0]
        else:
            yield from ((str(identity), label) for identity, label in zip(self.ids, self.labels, strict=True))

    def _file(self) -> str:
        """The file of a source, without what may stand before and behind its path in a SOURCE."""
        from curate.sources import parse_source

        return parse_source(self.name).target

    def places(self, rows: Iterable[int]) -> dict[int, TextPlace]:
        """Where labels stand in text files, by their order."""
        from curate.findings.locate import locate

        if self.source is not None:
            return locate(self.source, sorted(set(rows)), dict(self.columns))
        return {} if self.path is None else places_in(self.path, self.labels)

    def unread(self) -> Iterator[str]:
        """A line for every row that could not be read and should have been; of many, for the first ones."""
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
    """Several inputs, their labels counted through."""

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
        """The input of label `at`, and its row there."""
        starts: list[int] = self._starts  # type: ignore[attr-defined]
        number = bisect.bisect_right(starts, at) - 1
        return self.items[number], at - starts[number]

    def places(self, labels: Iterable[int]) -> dict[int, TextPlace]:
        """Where these labels stand in text files."""
        starts: list[int] = self._starts  # type: ignore[attr-defined]
        wanted = sorted(set(labels))
        found: dict[int, TextPlace] = {}
        for item, start, end in zip(self.items, starts, starts[1:], strict=False):
            rows = [at - start for at in wanted[bisect.bisect_left(wanted, start) : bisect.bisect_left(wanted, end)]]
            if rows:
                found |= {row + start: place for row, place in item.places(rows).items()}
        return found


def given_labels(texts: Sequence[str]) -> Input:
    """Labels given as arguments. Raises UserError where one is no UTF-8."""
    for number, text in enumerate(texts, 1):
        _check_unicode(text, f"--latex: label {number}")
    return Input("latex", [str(number) for number in range(1, len(texts) + 1)], list(texts))


def read_input(given: str, columns: Mapping[str | None, Mapping[str, str]] | None = None) -> Input:
    """The labels of a file, a folder, or a SOURCE as `curate audit` takes it; for `-`, of standard input.

    `columns` are by the source's name, with None for all. Raises UserError where it can't be read.
    """
    if given == "-":
        return Input("stdin", *read_labels("-"))
    if not _is_there(given):
        plain = re.fullmatch(r"(?:[^=/]+=)?(?:[a-z0-9]+:.+|.+#[^/#]+)", given)
        if plain is None:
            raise UserError(f"{given}: no such file; a label itself is given with --latex")
    elif Path(given).is_file() and _is_lines(given):
        return Input(given, *read_labels(given), path=Path(given))
    return _read_source(given, columns or {})


def read_data_set(given: str) -> Input | None:
    """The labels of a file or folder that is no file of lines; None for a file of lines, and for what is no file.

    Raises UserError where it can't be read.
    """
    if len(given) > 4096 or not _is_there(given) or (Path(given).is_file() and _is_lines(given)):
        return None
    return _read_source(given, {})


def read_inputs(
    given: Sequence[str], columns: Mapping[str | None, Mapping[str, str]] | None = None
) -> tuple[Inputs, list[str]]:
    """The inputs that can be read, each once however often it is named, and a message for every other one."""
    items: list[Input] = []
    failed: list[str] = []
    named: dict[str, str] = {}
    for text in given:
        named.setdefault(_same(text), text)
    for text in named.values():
        try:
            items.append(read_input(text, columns))
        except UserError as error:
            failed.append(str(error))
        except OSError as error:
            failed.append(f"{text}: can't be read: {error.strerror or error}")
    return Inputs(items), failed


def _same(given: str) -> str:
    """Equal for two names of one file."""
    return str(Path(given).resolve()) if given != "-" and _is_there(given) else given


def _is_there(given: str) -> bool:
    try:
        return Path(given).exists()
    except (OSError, ValueError):
        return False


def _read_source(given: str, columns: Mapping[str | None, Mapping[str, str]]) -> Input:
    from curate.sources import FORMATS, parse_source, read_source, recognise
    from curate.sources.model import NoRows

    spec = parse_source(given)
    roles = {**columns.get(None, {}), **columns.get(spec.name, {})}
    try:
        source = read_source(spec, columns=roles)
    except NoRows:
        chosen = FORMATS[spec.format] if spec.format else recognise(spec.path)
        if not chosen.in_documents:
            raise
        return Input(given, [], [])  # a document needs no formula
    prefix = f"{source.name}/"
    ids = [identity.removeprefix(prefix) for identity in source.frame["sample_id"].to_list()]
    return Input(given, ids, source.frame["label"].to_list(), source=source, columns=roles)


# Lines ----------------------------------------------------------------------------------------------------------------


def _is_lines(given: str) -> bool:
    """Is this a file of a label a line, or of JSON lines with a label? Any other is a data set."""
    from curate.sources import recognise
    from curate.sources.look import Look

    path = Path(given)
    look = Look(path)
    if path.stat().st_size == 0:
        return True
    first = next(iter(look.lines), "")
    if _is_row(first):
        try:
            row = json.loads(first)
        except (ValueError, RecursionError):
            return look.suffix in (".jsonl", ".ndjson")
        key = find_column(list(row), LABEL_COLUMNS)
        return key is not None and isinstance(row[key], str)
    try:
        return recognise(path).name == "text"
    except UserError:
        if look.is_dir or not look.lines or path.name.lower().endswith(".gz"):
            raise
        if "could be" in str(sys.exc_info()[1]):
            raise
        return True


def read_labels(place: str) -> tuple[list[Id], list[str]]:
    """(ids, labels) of a file or, for `-`, of standard input: one label a line, or JSON lines with a label under one of
    LABEL_COLUMNS and an `id`.

    Without an id a label has the number of its line, from 1, as a string. Raises UserError, naming the line, where a
    line is no UTF-8 or, among JSON lines, no such object.
    """
    name = "standard input" if place == "-" else place
    lines = _bytes(place).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    texts = []
    for number, line in enumerate(lines, 1):
        try:
            texts.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError as error:
            raise UserError(f"{name}: line {number} is not valid UTF-8 (byte {error.start + 1})") from error
    if _is_row(next((text for text in texts if text.strip()), "")):
        return _json_rows(name, texts)
    return [str(number) for number in range(1, len(texts) + 1)], texts


def _bytes(place: str) -> bytes:
    if place == "-":
        if sys.stdin is None:
            raise UserError("standard input is closed; name a file, or give a label with --latex")
        return sys.stdin.buffer.read()
    return Path(place).read_bytes()


def _is_row(text: str) -> bool:
    """Is this a JSON object? `{}` is a label: an empty group."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return _BROKEN_ROW.match(text) is not None
    return isinstance(row, dict) and bool(row)


def _json_rows(name: str, texts: Sequence[str]) -> tuple[list[Id], list[str]]:
    ids: list[Id] = []
    labels: list[str] = []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        place = f"{name}: line {number}"
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"{place} is no JSON: {error.msg} at column {error.colno}") from error
        except (ValueError, RecursionError) as error:
            raise UserError(f"{place} is no JSON that can be read: {error}") from error
        label = row.get(find_column(list(row), LABEL_COLUMNS)) if isinstance(row, dict) else None
        if not isinstance(label, str):
            raise UserError(f"{place} has no string under {', '.join(LABEL_COLUMNS[:-1])} or {LABEL_COLUMNS[-1]}")
        identity = row.get("id")
        if identity is None:
            identity = str(number)
        if isinstance(identity, bool) or not isinstance(identity, str | int):
            raise UserError(f"{place}: its id is neither a string nor a whole number")
        _check_unicode(label, place)
        _check_unicode(str(identity), place)
        labels.append(label)
        ids.append(identity)
    return ids, labels


def _check_unicode(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{place} holds what is no character at {error.start + 1}: half a surrogate pair") from error


def places_in(path: Path, labels: Sequence[str]) -> dict[int, TextPlace]:
    """Where the labels that `read_labels` read stand in their file, by their order."""
    from curate.findings.locate import located

    texts = path.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff").split("\n")
    first = next((text for text in texts if text.strip()), "")
    is_json = _is_row(first)
    lines = [number for number, text in enumerate(texts, 1) if text.strip() or not is_json]
    key = find_column(list(json.loads(first)), LABEL_COLUMNS) if is_json else None
    columns = {"label": key} if key is not None else {}
    return located(path, "jsonl" if is_json else "text", lines[: len(labels)], labels, columns)
