r"""Finds the formulas of a file by its kind, and the definitions that apply to it. Makes no frame.

A paper's macros may be defined in another file: in those it names with `\input` or `\usepackage`, in documents and
style files beside it, and, for a chapter without a preamble, in the folder above.
"""

from __future__ import annotations

import bisect
import codecs
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from pathlib import Path

from curate.base.errors import UserError
from curate.sources.documents import latex, markdown
from curate.sources.documents.definitions import Definitions
from curate.sources.documents.found import Formula, Found, Unread
from curate.sources.documents.notebook import markdown_cells
from curate.sources.model import NOT_UTF8

LATEX = (".tex", ".ltx", ".latex")
MARKDOWN = (".md", ".markdown", ".mdown", ".mkd", ".rmd", ".qmd")
NOTEBOOK = (".ipynb",)
ENDINGS = (*LATEX, *MARKDOWN, *NOTEBOOK)
_STYLES = (".sty", ".cls", ".def")
#: How many files beside a document are searched for definitions, up to this size each.
_MOST_FILES, _MOST_BYTES = 200, 2 << 20

_PREAMBLE = re.compile(r"^[^%\n]*\\(?:documentclass|documentstyle|begin[ \t]*\{document\})", re.MULTILINE)
_READS = re.compile(
    r"\\(input|include|subfile|import|usepackage|RequirePackage)(?![A-Za-z])[ \t]*"
    r"(?:\[[^\]\n]{0,300}\])?\{([^{}\n]{1,300})\}"
)
_COMMENT = re.compile(r"(?<!\\)%[^\n]*")
_INPUTENC = re.compile(rb"\\(?:usepackage|RequirePackage)\s*\[([\w-]+)\]\s*\{inputenc\}")
_ENCODINGS = {
    "latin1": "iso8859-1",
    "latin9": "iso8859-15",
    "ansinew": "cp1252",
    "applemac": "mac_roman",
    "latin2": "iso8859-2",
}


def ending(path: Path) -> str:
    """A file's ending in lower case, without `.gz`."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


@dataclass(frozen=True)
class Document:
    """The formulas of a document. `labels`: as the document means them; `formulas`: places in the file's text."""

    formulas: list[Formula]
    labels: list[str]
    unread: list[Unread]
    #: Dollar signs, and brackets after a backslash, that begin no formula.
    passed: int
    brackets: int
    definitions: Definitions
    line_starts: list[int]

    def line(self, at: int) -> int:
        return bisect.bisect_right(self.line_starts, at)

    def column(self, at: int) -> int:
        return at - self.line_starts[self.line(at) - 1] + 1


def read_document(path: Path, text: str) -> Document:
    """The formulas of `text`, the content of the file `path`. Raises UserError for an invalid notebook."""
    kind = ending(path)
    known = definitions_around(path, text) if kind in LATEX else Definitions()
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    if kind in NOTEBOOK:
        return _notebook(path, text, known, starts)
    found = latex.find_formulas(text, known) if kind in LATEX else markdown.find_formulas(text, known)
    labels = [text[formula.start : formula.end] for formula in found.formulas]
    return _document(found, labels, known, starts)


def _document(found: Found, labels: list[str], known: Definitions, starts: list[int]) -> Document:
    """A document in which formulas with invalid UTF-8 are counted as unreadable."""
    good = [_is_text(label) for label in labels]
    broken = [Unread(formula.start, NOT_UTF8) for formula, held in zip(found.formulas, good, strict=True) if not held]
    return Document(
        list(compress(found.formulas, good)),
        list(compress(labels, good)),
        sorted([*found.unread, *broken]),
        found.passed,
        found.brackets,
        known,
        starts,
    )


def _is_text(label: str) -> bool:
    try:
        label.encode()
    except UnicodeEncodeError:
        return False
    return True


def _notebook(path: Path, text: str, known: Definitions, starts: list[int]) -> Document:
    whole, labels = Found(), []
    try:
        for cell in markdown_cells(text):
            found = markdown.find_formulas(cell.text, known)
            for start, end, kind in found.formulas:
                labels.append(cell.text[start:end])
                whole.formulas.append(Formula(cell.offsets[start], _after(text, cell.offsets[end - 1]), kind))
            whole.unread += [Unread(cell.offsets[start], reason) for start, reason in found.unread]
            whole.passed += found.passed
            whole.brackets += found.brackets
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return _document(whole, labels, known, starts)


def _after(text: str, at: int) -> int:
    """The position after the character of a JSON string that is written at `at`."""
    if text[at] != "\\":
        return at + 1
    if text[at + 1] != "u":
        return at + 2
    pair = text[at + 2 : at + 4].lower() in ("d8", "d9", "da", "db") and text.startswith("\\u", at + 6)
    return at + (12 if pair else 6)


# Definitions in other files -------------------------------------------------------------------------------------------


def definitions_around(path: Path, text: str) -> Definitions:
    """What the files around a LaTeX document define for it."""
    found = Definitions()
    folders = [path.parent] if _PREAMBLE.search(text) else [path.parent, path.parent.parent]
    files = {file: None for folder in folders for file in _definers(folder)}
    for name in named_files(path, text):
        files.setdefault(name)
    files.pop(path, None)
    for file in files:
        if (stamp := _stamp(file)) is not None:
            found.add(_defined_in(file, *stamp))
    return found


def named_files(path: Path, text: str) -> list[Path]:
    r"""The files below a document's folder that it names with `\input`, `\include` or `\usepackage`."""
    names: list[Path] = []
    base = path.parent.absolute()
    for command, listed in _READS.findall(_COMMENT.sub("", text) if "%" in text else text):
        endings = (".sty",) if "ackage" in command else ("", *LATEX)
        for name in listed.split(","):
            for suffix in endings:
                file = base / f"{name.strip()}{suffix}"
                if ".." not in file.parts and _is_file(file):
                    names.append(path.parent / file.relative_to(base) if file.is_relative_to(base) else file)
                    break
    return [name for name in dict.fromkeys(names) if name.absolute().is_relative_to(base)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _definers(folder: Path) -> list[Path]:
    """The files of a folder that may define macros: its documents and style files."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.name.lower().endswith((*LATEX, *_STYLES)))
    except OSError:
        return []
    return [folder / name for name in names[:_MOST_FILES]]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return (state.st_mtime_ns, state.st_size) if path.is_file() and state.st_size <= _MOST_BYTES else None


@lru_cache(maxsize=512)
def _defined_in(path: Path, modified: int, size: int) -> Definitions:
    found = Definitions()
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return found
    latex.find_definitions(text, found)
    return found


# Encodings ------------------------------------------------------------------------------------------------------------


def encoding_of(path: Path, data: bytes) -> str:
    """UTF-8 if the document is valid UTF-8; else the encoding its `inputenc` names, if any."""
    try:
        codecs.decode(data, "utf-8")
    except UnicodeDecodeError:
        named = _INPUTENC.search(data) if ending(path) in LATEX else None
        if named is not None:
            return _ENCODINGS.get(named[1].decode().lower(), "utf-8")
    return "utf-8"
