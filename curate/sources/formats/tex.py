"""Documents: the formulas in LaTeX files, Markdown files and notebooks."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.sources.documents import notebook
from curate.sources.documents.definitions import used_in
from curate.sources.documents.kind import is_document, opens_document
from curate.sources.documents.read import (
    ENDINGS,
    LATEX,
    NOTEBOOK,
    Document,
    encoding_of,
    ending,
    named_files,
    read_document,
)
from curate.sources.documents.stands import stands
from curate.sources.format import SourceFormat
from curate.sources.lines import read_blocks
from curate.sources.look import Look
from curate.sources.model import PART_SCHEMA, Job, Part, wrong_shape
from curate.sources.places.file_text import Change, FileText, lost
from curate.sources.places.output import Files

OWN_MACROS = "formulas with macros that the document defines itself (column macros)"
NOT_FOLLOWED = "files that \\input or \\include names and that were not read: name the folder to have them read"
DOLLARS = "dollar signs in Markdown that begin no formula"
BRACKETS = "brackets after a backslash in Markdown that begin no formula"

#: Folders whose files nobody writes by hand.
_PASSED_OVER = frozenset(("node_modules", "__pycache__", "site-packages"))
_MOST_DOCUMENTS = 20_000


class Tex(SourceFormat):
    name = "tex"
    shape = "LaTeX (`.tex`), Markdown (`.md`) or a Jupyter notebook, or a folder of them: the formulas"
    page = r"""
A label is a formula as it is in the document. `$…$`, `\(…\)`, `$$…$$`, `\[…\]`, `equation`, `displaymath` and
`math` are left out, because they only mark a formula. `align`, `gather`, `multline`,
`eqnarray`, `flalign` and `alignat` stay, `\begin` and `\end` included: without them `&` and `\\` mean nothing.
`\label` and `\tag` stay too. White space around a formula and a comment before it are not part of it.

A sample is named after the line and column where its label begins (in a folder: file, line and column). The column
`kind` is `inline`, `display` or the environment; `macros` lists the commands and environments of the document's own
that the label uses. They may be defined in the document, in files beside it, in files that it names with `\input` or
`\usepackage`, or, for a chapter without a preamble, in the folder above. A finding that LaTeX doesn't know such a
macro is only a remark. For `curate check`, any other unknown command of a LaTeX document is a warning, because a
package may define it.

In a `.tex` file, `$…$` begins and ends as in TeX, and a paragraph's end ends it; a dollar sign without a partner is
an unreadable row. In Markdown, the rules of Pandoc and GitHub apply: no space inside, no letter or digit before, no
digit after. Fences of the language `math`, `` $`…`$ ``, `\\(…\\)` and bare environments are formulas; `\(…\)` and
`\[…\]` are escaped brackets unless some of them hold LaTeX. Dollar signs that begin no formula are counted in
notes. Comments, `\verb`, verbatim environments, listings, definitions, `\iffalse`, code, HTML and addresses hold no
formulas.

If you name a file, only that file is read; name the folder of a paper in several files. `curate fix` keeps every
byte outside the labels, and leaves a label as it is if the new one wouldn't work in its place. `curate check` and
`curate fix` skip what only a data set's label must be: on one line, without `\label`, number or comment, and outside
display environments.
"""
    example = (
        (
            "paper.tex",
            "\\documentclass{article}\n\\newcommand{\\R}{\\mathbb{R}}\n\\begin{document}\n"
            "Let $x \\in \\R$. % not $y$\n\\begin{equation}\\label{eq:a}\n  f(x) = x^2\n\\end{equation}\n"
            "\\end{document}\n",
        ),
        ("notes.md", "It costs $5 and $6. With $a_1$, a line of `$code$`, and\n\n$$\n\\frac{a}{b}\n$$\n"),
    )
    general = True
    in_documents = True
    endings = ENDINGS

    def recognise(self, look: Look) -> float | None:
        return self._recognise_folder(look) if look.is_dir else is_document(look)

    def _recognise_folder(self, look: Look) -> float | None:
        files = [Look(file) for file in look.all_files(*ENDINGS)[:200]]
        if any(file.suffix in LATEX and opens_document(file) for file in files):
            return 0.93
        others = any(file.suffix not in ENDINGS for file in look.label_files)
        return 0.3 if not others and any(is_document(file) for file in files) else None

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir():
            if ending(path) not in ENDINGS and not is_document(Look(path)):
                raise wrong_shape(path, self.name, f"its name has none of the endings {', '.join(ENDINGS)}")
            return [Part(path)]
        files = [file for file in _documents(path) if ending(file) not in LATEX or is_document(Look(file))]
        if not files:
            raise wrong_shape(path, self.name, "the folder holds no LaTeX or Markdown")
        return [Part(file) for file in files]

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        text = _text(part.path)
        document = read_document(part.path, text.text)
        rows = _rows(document, part, f"{job.file(part.path)}:" if job.path.is_dir() else "")[: job.left()]
        job.rows += rows.height
        for start, reason in document.unread[: job.left()]:
            job.rows += 1
            job.bad(part.path, document.line(start), reason, text.text[start : start + 100])
        job.notes[OWN_MACROS] += rows.height - rows["macros"].null_count()
        job.notes[DOLLARS] += document.passed
        job.notes[BRACKETS] += document.brackets
        if not job.path.is_dir() and ending(part.path) in LATEX:
            job.notes[NOT_FOLLOWED] += sum(ending(file) in LATEX for file in named_files(part.path, text.text))
        return rows

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        file = files.text(path, _encoding(path))
        document = read_document(path, file.text)
        places: dict[tuple[int, str], deque[int]] = defaultdict(deque)
        for at, (formula, label) in enumerate(zip(document.formulas, document.labels, strict=True)):
            places[document.line(formula.start), label].append(at)
        written = []
        is_json = ending(path) in NOTEBOOK
        names = document.definitions.names
        for line, label, new in changes:
            held = places.get((line, label))
            if not held:
                raise lost(file, line)
            start, end, kind = document.formulas[held.popleft()]
            raw = file.text[start:end]
            # A command the document defines means what the document says: none may be added or removed.
            same_macros = set(used_in(new, names)) == set(used_in(label, names))
            kept = new if same_macros and stands(new, label, kind, ending(path)) else label
            written.append(kept)
            file.replace(start, end, raw if kept == label else notebook.spelled(raw, kept) if is_json else kept)
        return written


def _rows(document: Document, part: Part, file: str) -> pl.DataFrame:
    """One row per formula; `file` is the beginning of its name."""
    lines = [document.line(formula.start) for formula in document.formulas]
    columns = [document.column(formula.start) for formula in document.formulas]
    names = document.definitions.names
    return pl.DataFrame(
        {
            "line": lines,
            "split": [part.split] * len(lines),
            "name": [f"{file}{line}:{column}" for line, column in zip(lines, columns, strict=True)],
            "image": [None] * len(lines),
            "label": document.labels,
            "kind": [formula.kind for formula in document.formulas],
            "macros": [" ".join(used_in(label, names)) or None if names else None for label in document.labels],
        },
        schema={**PART_SCHEMA, "kind": pl.String, "macros": pl.String},
    )


def _documents(folder: Path) -> list[Path]:
    """The documents of a folder and its subfolders, sorted, without hidden ones."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _PASSED_OVER)
        found += [
            Path(place) / name for name in sorted(names) if not name.startswith(".") and ending(Path(name)) in ENDINGS
        ]
        if len(found) > _MOST_DOCUMENTS:
            raise UserError(f"{folder}: holds more than {_MOST_DOCUMENTS:,} documents; name a folder in it")
    return found


def _encoding(path: Path) -> str:
    try:
        return encoding_of(path, path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror or error}") from error


def _text(path: Path) -> FileText:
    """The text of a document, as `write_back` reads it. Raises UserError if it isn't text."""
    next(read_blocks(path), None)  # refuses pictures, archives and UTF-16
    return FileText.read(path, _encoding(path))


FORMAT = Tex()
