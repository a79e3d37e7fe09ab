"""The Markdown cells of a Jupyter notebook, and their places in its JSON. Not for code cells or outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

from curate.base.errors import UserError

_GAP = re.compile(r"[ \t\r\n,]*")
_BETWEEN = re.compile(r'"[ \t\r\n]*,[ \t\r\n]*"')
_PIECE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\\"]", re.DOTALL
)


@dataclass(frozen=True)
class Cell:
    """The text of a Markdown cell; `offsets[n]` is the position of its n-th character in the notebook's JSON."""

    text: str
    offsets: Sequence[int]


def markdown_cells(text: str) -> Iterator[Cell]:
    """The Markdown cells of a notebook's JSON. Raises UserError if it is not a notebook."""
    try:
        whole = json.loads(text.removeprefix("\ufeff"))
        cells = whole["cells"] if "cells" in whole else whole["worksheets"][0]["cells"]
        kinds = [cell["cell_type"] for cell in cells]
    except (ValueError, RecursionError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"not a Jupyter notebook ({type(error).__name__}: {error})") from error
    at = _member(
        text, _member(text, text.index("{"), "worksheets") + 1 if "cells" not in whole else text.index("{"), "cells"
    )
    decoder = json.JSONDecoder()
    at += 1
    for kind in kinds:
        at = _GAP.match(text, at).end()  # type: ignore[union-attr]
        if kind == "markdown":
            source = _member(text, at, "source")
            if source >= 0:
                yield _cell(text, source)
        at = decoder.raw_decode(text, at)[1]


def _member(text: str, at: int, name: str) -> int:
    """Where the value of a key begins, in the object that begins at `at`; -1 if it lacks the key."""
    decoder = json.JSONDecoder()
    at = _GAP.match(text, at + 1).end()  # type: ignore[union-attr]
    found = -1
    while text[at : at + 1] == '"':
        key, at = scanstring(text, at + 1)
        at = _GAP.match(text, text.index(":", at) + 1).end()  # type: ignore[union-attr]
        if key == name:
            found = at
        at = _GAP.match(text, decoder.raw_decode(text, at)[1]).end()  # type: ignore[union-attr]
    return found


def _cell(text: str, at: int) -> Cell:
    """A cell's source: one string, or an array of strings that are its lines."""
    if text[at : at + 1] == '"':
        starts = [at]
    else:
        starts = []
        at = _GAP.match(text, at + 1).end()  # type: ignore[union-attr]
        while text[at : at + 1] == '"':
            starts.append(at)
            at = _GAP.match(text, scanstring(text, at + 1)[1]).end()  # type: ignore[union-attr]
    characters: list[str] = []
    offsets: list[int] = []
    for start in starts:
        value, end = scanstring(text, start + 1)
        places = [match.start() for match in _PIECE.finditer(text, start + 1, end - 1)]
        if len(places) == len(value):
            characters.append(value)
            offsets += places
    return Cell("".join(characters), offsets)


def label_offsets(raw: str, label: str) -> list[int] | None:
    """Where each character of a label begins in `raw`, and the position after the last; None if `raw` isn't the label.

    `raw` is a piece of JSON from inside a string, which may span several strings that are lines of a cell.
    """
    offsets: list[int] = []
    held: list[str] = []
    at = 0
    while at < len(raw):
        between = _BETWEEN.match(raw, at)
        if between is not None:
            at = between.end()
            continue
        piece = _PIECE.match(raw, at)
        if piece is None:
            return None
        offsets.append(at)
        held.append(piece[0])
        at = piece.end()
    try:
        same = json.loads(f'"{"".join(held)}"', strict=False) == label
    except ValueError:
        return None
    return [*offsets, len(raw)] if same and len(offsets) == len(label) else None


def spelled(raw: str, label: str) -> str:
    """A new label as JSON to replace `raw`: on as many lines of the cell as it has."""
    between = _BETWEEN.search(raw)
    ascii_only = raw.isascii() and "\\u" in raw
    lines = [json.dumps(line, ensure_ascii=ascii_only)[1:-1] for line in label.split("\n")]
    return (f"\\n{between[0]}" if between else "\\n").join(lines)
