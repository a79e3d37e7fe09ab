"""Labels that are annotations in InkML. Not for strokes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path
from xml.parsers import expat
from xml.sax import saxutils

from curate.base.errors import UserError
from curate.sources.places.file_text import Change, FileText, lost

_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*\bencoding=["']([A-Za-z0-9._-]+)["']""")
_START_TAG = re.compile(rb"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""")


def xml_encoding(path: Path) -> str:
    """The encoding that an XML file declares, else UTF-8."""
    found = _ENCODING.match(path.open("rb").read(200))
    try:
        return codecs.lookup(found[1].decode()).name if found else "utf-8"
    except LookupError:
        return "utf-8"


def in_inkml(file: FileText, changes: Sequence[Change], kinds: Sequence[str]) -> list[str]:
    """For InkML: the label is the first annotation of these kinds that is directly in `<ink>`."""
    for number, label, new in changes:
        notes = _annotations(file)
        found = next((notes[kind] for kind in kinds if kind in notes), None)
        if found is None or found[2] != label:
            raise lost(file, number)
        file.replace(found[0], found[1], saxutils.escape(new))
    return [new for _, _, new in changes]


def _annotations(file: FileText) -> dict[str, tuple[int, int, str]]:
    """{type: (start, end, text)} of the annotations directly in `<ink>`, as positions in the file's text."""
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
