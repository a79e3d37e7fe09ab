"""Where the labels of a source stand in its files, for every text format. Not what is put in their place.

Each function here puts new labels into a `FileText` and returns them as they were written: where a row is a line, line
ends in a label become spaces.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from xml.parsers import expat
from xml.sax import saxutils

from curate.base.errors import UserError
from curate.fix.spans import FileText
from curate.sources.columns import LABEL_COLUMNS, find_column

#: (line or row number as the source counts it, label, new label)
Change = tuple[int, str, str]

_LINE_END = re.compile(r"\r\n|[\n\r]")
_SPACE = re.compile(r"[ \t\r\n]*")


def one_line(label: str) -> str:
    """`label` with a space for every line end."""
    return _LINE_END.sub(" ", label)


def _lost(file: FileText, number: int) -> UserError:
    return UserError(f"{file.path}: row {number} doesn't hold the label that was read from it; has the file changed?")


# Lines ----------------------------------------------------------------------------------------------------------------


def in_lines(file: FileText, changes: Sequence[Change]) -> list[str]:
    """For formats whose label is the end of a line: a label a line, or a name, a separator and the label."""
    written = []
    for number, label, new in changes:
        start, end = file.line(number)
        if not file.text[start:end].endswith(label):
            raise _lost(file, number)
        written.append(one_line(new))
        file.replace(end - len(label), end, written[-1])
    return written


def in_formulas(index: FileText, formulas: FileText, changes: Sequence[Change]) -> list[str]:
    """For im2latex: the changes name lines of the index, and these name lines of the formulas file, counted from 0."""
    moved = []
    for number, label, new in changes:
        start, end = index.line(number)
        numbers = [int(word) for word in index.text[start:end].split() if word.isdecimal()]
        places = [place + 1 for place in numbers if place < len(formulas.line_starts)]
        found = next((place for place in places if _holds(formulas, place, label)), None)
        if found is None:
            raise _lost(index, number)
        moved.append((found, label, new))
    return in_lines(formulas, moved)


def _holds(file: FileText, number: int, label: str) -> bool:
    start, end = file.line(number)
    return file.text[start:end].removeprefix("\ufeff") == label


def in_whole(file: FileText, changes: Sequence[Change]) -> list[str]:
    """For a file that is one label, perhaps with a byte order mark and a line end around it."""
    start = int(file.text.startswith("\ufeff"))
    for number, label, new in changes:
        if not file.text.startswith(label, start) or file.text[start + len(label) :] not in ("", "\n", "\r\n"):
            raise _lost(file, number)
        file.replace(start, start + len(label), new)
    return [new for _, _, new in changes]


# InkML ----------------------------------------------------------------------------------------------------------------

_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*\bencoding=["']([A-Za-z0-9._-]+)["']""")
_START_TAG = re.compile(rb"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""")


def xml_encoding(path: Path) -> str:
    """The encoding that an XML file names, else UTF-8."""
    found = _ENCODING.match(path.open("rb").read(200))
    try:
        return codecs.lookup(found[1].decode()).name if found else "utf-8"
    except LookupError:
        return "utf-8"


def in_inkml(file: FileText, changes: Sequence[Change], kinds: Sequence[str]) -> list[str]:
    """For InkML: the label is the annotation directly in `<ink>` of the first of these kinds that is there."""
    for number, label, new in changes:
        notes = _annotations(file)
        found = next((notes[kind] for kind in kinds if kind in notes), None)
        if found is None or found[2] != label:
            raise _lost(file, number)
        file.replace(found[0], found[1], saxutils.escape(new))
    return [new for _, _, new in changes]


def _annotations(file: FileText) -> dict[str, tuple[int, int, str]]:
    """{type: (start, end, text)} of the annotations directly in `<ink>`, as places in the file's text."""
    data = file.text.encode("utf-8", "surrogateescape")
    parser = expat.ParserCreate("utf-8")
    found: dict[str, tuple[int, int, str]] = {}
    depth = 0
    kind: str | None = None
    start = 0
    text: list[str] = []

    def opened(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, kind, start
        depth += 1
        if depth == 2 and tag.rpartition(":")[2] == "annotation":
            kind = attributes.get("type")
            tag_end = _START_TAG.match(data, parser.CurrentByteIndex)
            start = tag_end.end() if tag_end else parser.CurrentByteIndex
            text.clear()

    def closed(tag: str) -> None:
        nonlocal depth, kind
        if depth == 2 and kind is not None:
            end = max(parser.CurrentByteIndex, start)
            first = len(data[:start].decode("utf-8", "surrogateescape"))
            last = first + len(data[start:end].decode("utf-8", "surrogateescape"))
            found.setdefault(kind, (first, last, "".join(text)))
            kind = None
        depth -= 1

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = text.append
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise UserError(f"{file.path}: not valid InkML: {error}") from error
    return found


# JSON -----------------------------------------------------------------------------------------------------------------


def in_json(file: FileText, changes: Sequence[Change], columns: dict[str, str]) -> list[str]:
    """For JSON lines, a JSON array of objects or labels, and one object {image: label}."""
    text = file.text
    head = text[:4096].lstrip("\ufeff \t\r\n")
    items: list[int] | None = None
    if head.startswith("["):
        items = _items(text)
    elif (pairs := _mapping(text, columns)) is not None:
        return _in_values(file, changes, pairs)
    elif re.match(r"\{\s*\n", head):
        items = [text.index("{")]
    ascii_only = text.isascii()
    for number, label, new in changes:
        start = items[number - 1] if items is not None else _begin(file, number)
        start, end = _label_span(text, start, columns)
        if text[start : start + 1] != '"' or scanstring(text, start + 1)[0] != label:
            raise _lost(file, number)
        file.replace(start, end, json.dumps(new, ensure_ascii=ascii_only))
    return [new for _, _, new in changes]


def _begin(file: FileText, number: int) -> int:
    """Where the JSON value of a line begins."""
    start, end = file.line(number)
    line = file.text[start:end]
    return start + len(line) - len(line.lstrip("\ufeff \t\r\n"))


def _items(text: str) -> list[int]:
    """Where the items of an array begin; of a broken one, those before the break."""
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    starts: list[int] = []
    while True:
        at = re.compile(r"[ \t\r\n,]*").match(text, at).end()  # type: ignore[union-attr]
        try:
            end = decoder.raw_decode(text, at)[1]
        except ValueError:
            return starts
        starts.append(at)
        at = end


def _members(text: str, at: int) -> list[tuple[str, int, int]]:
    """(key, start, end) of the values of the object that begins at `at`."""
    decoder = json.JSONDecoder()
    found: list[tuple[str, int, int]] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        key, at = scanstring(text, at + 1)
        at = _skip(text, _skip(text, at) + 1)  # over the colon
        end = decoder.raw_decode(text, at)[1]
        found.append((key, at, end))
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _label_span(text: str, at: int, columns: dict[str, str]) -> tuple[int, int]:
    """(start, end) of the label's JSON string in the record that begins at `at`: itself, or its label field."""
    if text[at : at + 1] == '"':
        return at, scanstring(text, at + 1)[1]
    spans = {key: (start, end) for key, start, end in _members(text, at)}  # of a repeated key the last one counts
    column = columns.get("label") or find_column(list(spans), LABEL_COLUMNS)
    return spans.get(column or "", (at, at))


def _mapping(text: str, columns: dict[str, str]) -> list[tuple[int, int]] | None:
    """The spans of the labels where the whole text is one object {image: label}, else None."""
    at = _skip(text, len(text) - len(text.lstrip("\ufeff")))
    if text[at : at + 1] != "{" or "label" in columns:
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(text, at)
    except ValueError:
        return None
    if text[end:].strip() or any(key.lower() in LABEL_COLUMNS for key in value):
        return None
    if not value or not all(isinstance(label, str) for label in value.values()):
        return None
    return list({key: (start, stop) for key, start, stop in _members(text, at)}.values())


def _in_values(file: FileText, changes: Sequence[Change], pairs: list[tuple[int, int]]) -> list[str]:
    ascii_only = file.text.isascii()
    for number, label, new in changes:
        start, end = pairs[number - 1] if number <= len(pairs) else (0, 0)
        if end == 0 or scanstring(file.text, start + 1)[0] != label:
            raise _lost(file, number)
        file.replace(start, end, json.dumps(new, ensure_ascii=ascii_only))
    return [new for _, _, new in changes]


# Delimited ------------------------------------------------------------------------------------------------------------


def in_table(file: FileText, changes: Sequence[Change], delimiter: str, columns: dict[str, str]) -> list[str]:
    """For CSV and TSV with a header. In CSV a label keeps its line ends, in quotes."""
    number = next((n for n, start in enumerate(file.line_starts, 1) if file.text[slice(*file.line(n))].strip()), 1)
    start = file.line(number)[0]
    names = [value.strip() for _, _, value in _fields(file.text, start, delimiter)]
    names[0] = names[0].removeprefix("\ufeff").strip().strip('"')
    column = columns.get("label") or find_column(names, LABEL_COLUMNS)
    if column not in names:
        raise UserError(f"{file.path}: no label column; it has: {', '.join(names)}")
    place = names.index(column)
    written = []
    for row, label, new in changes:
        begin, end = file.line(row)
        text = new if delimiter == "," else one_line(new)
        fields = _fields(file.text, begin, delimiter)
        if place < len(fields) and fields[place][2] == label:
            first, after, _ = fields[place]
            quoted = file.text[first : first + 1] == '"' or any(char in text for char in (delimiter, '"', "\n", "\r"))
            shown = '"' + text.replace('"', '""') + '"' if quoted else text
        else:  # a row of a TSV file that is taken literally, quotes and all
            first, after = _literal(file.text[begin:end], delimiter, place)
            first, after = first + begin, after + begin
            shown = text = text.replace("\t", " ")
            if delimiter == "," or file.text[first:after] != label:
                raise _lost(file, row)
        written.append(text)
        file.replace(first, after, shown)
    return written


def _fields(text: str, at: int, delimiter: str) -> list[tuple[int, int, str]]:
    """(start, end, value) of the fields of the row that begins at `at`, quotes read as csv reads them."""
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


_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def _literal(line: str, delimiter: str, place: int) -> tuple[int, int]:
    start = 0
    for _ in range(place):
        start = line.find(delimiter, start) + 1
        if start == 0:
            return 0, 0
    end = line.find(delimiter, start)
    return start, len(line) if end < 0 else end
