"""Spoils correct labels in known ways and notes where. Doesn't grow labels, nor find defects: that is `rules`.

One row of PLANTS is one spoiled sample: in `source`, `put` replaces a match of `find` in some label, and the part
between « and » is what a rule should point at. `rule` is the defect's name in the project's catalogue of defects.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Plant:
    source: str
    kind: str
    rule: str
    find: str
    put: str | None  # None: the label stays and its image is missing


@dataclass(frozen=True)
class Planted:
    """A spoiled label: the sample's number in its source, the label, the span (code points; None: no image)."""

    number: int
    plant: Plant
    label: str
    start: int | None
    end: int | None


_ALL = r"(?s)^(.*)$"
_MISSING = "missing-image"

PLANTS: tuple[Plant, ...] = (
    # JSON unescaped once too often: `\t` of `\times` became a TAB. Only JSON can hold these; in other formats rows
    # break.
    Plant("m2e", "eaten-escape-tab", "ESC5", r"\\times", "«\times»"),
    Plant("m2e", "eaten-escape-tab", "ESC5", r"\\times", "«\times»"),
    Plant("m2e", "eaten-escape-form-feed", "ESC5", r"\\frac", "«\frac»"),
    Plant("m2e", "eaten-escape-form-feed", "ESC5", r"\\frac", "«\frac»"),
    Plant("m2e", "eaten-escape-carriage-return", "ESC5", r"\\rho", "«\rho»"),
    Plant("m2e", "eaten-escape-line-feed", "ESC5", r"\\neq", "«\neq»"),
    Plant("m2e", "eaten-escape-backspace", "ESC5", r"\\beta", "«\beta»"),
    Plant("m2e", "eaten-escape-vertical-tab", "ESC5", r"\\vec", "«\vec»"),
    Plant("m2e", "eaten-escape-bell", "ESC5", r"\\alpha", "«\alpha»"),
    Plant("m2e", "double-escaped-command", "ESC6", r"\\frac", r"«\\\\frac»"),
    Plant("m2e", "double-escaped-command", "ESC6", r"\\div", r"«\\\\div»"),
    Plant("m2e", "control-character", "ESC7", r" = ", " «\t»= "),
    Plant("m2e", "control-character", "ESC7", r" \+ ", " «\x01»+ "),
    Plant("m2e", "html-entity", "ESC8", r" < ", r" «&lt;» "),
    Plant("m2e", "html-entity", "ESC8", r" < ", r" «&lt;» "),
    Plant("m2e", "trailing-layout-token", "ESC3", r"(\\n .*)$", r"\1 «\\n»"),
    Plant("m2e", "trailing-layout-token", "ESC3", r"(\\t .*)$", r"\1 «\\t»"),
    Plant("m2e", "outer-dollars", "DLM1", _ALL, r"«$\1$»"),
    Plant("m2e", "unknown-command", "CMD1", r"\\div", r"«\\DIV»"),
    Plant("m2e", _MISSING, "PAR2", r"", None),
    Plant("m2e", _MISSING, "PAR2", r"", None),
    # Handwriting: slips of annotators and of normalisers.
    Plant("hme100k", "unbalanced-brace", "SYN1", r"(\\sqrt \{ [^{}]*) \} =", r"«\1» ="),
    Plant("hme100k", "unbalanced-brace", "SYN1", r" = 0$", r" = 0 «}»"),
    Plant("hme100k", "left-without-right", "SYN2", r"\| (\\overrightarrow \{ . . \})", r"«\\left |» \1"),
    Plant("hme100k", "missing-argument", "SYN4", r"(\\frac \{ [^{}]* \}) \{ x \} = .*$", r"«\1»"),
    Plant("hme100k", "missing-argument", "SYN4", r"\\sqrt \{ [ \d]+ \}$", r"«\\sqrt»"),
    Plant("hme100k", "dangling-script", "SYN5", r"a _ \{ 1 \} = .*$", r"a «_»"),
    Plant("hme100k", "dangling-script", "SYN5", r"(= \d \\sqrt \{ [ \d]+) \}$", r"\1 «^» }"),
    Plant("hme100k", "double-superscript", "SYN6", r"([xyt]) \^ \{ 2 \}", r"\1 «^ { 2 } ^ { 3 }»"),
    Plant("hme100k", "double-superscript", "SYN6", r"([xyt]) \^ \{ 2 \}", r"\1 «^ { 2 } ^ { 2 }»"),
    Plant("hme100k", "double-subscript", "SYN6", r"y _ \{ 2 \}", r"y «_ { 2 } _ { 1 }»"),
    Plant("hme100k", "alignment-outside-environment", "SYN8", r" = ", r" «&» = "),
    Plant("hme100k", "alignment-outside-environment", "SYN8", r" = ", r" «&» = "),
    Plant("hme100k", "unknown-command", "CMD1", r"\\times", r"«\\tmies»"),
    Plant("hme100k", "unknown-command", "CMD1", r"\\overrightarrow", r"«\\overightarrow»"),
    Plant("hme100k", "glued-command", "CMD2", r"\\leq ([a-pr-z])", r"«\\leq\1»"),  # \leqq exists
    Plant("hme100k", "line-break-outside-environment", "ENV1", r" = ", r" «\\\\» = "),
    Plant("hme100k", "line-break-outside-environment", "ENV1", r" = ", r" «\\\\» = "),
    Plant("hme100k", "object-object", "NRM1", r"\\sqrt \[ 3 \]", r"\\sqrt [ «[object Object]» ]"),
    Plant("hme100k", "object-object", "NRM1", r"\\sqrt \[ 3 \]", r"\\sqrt [ «[object Object]» ]"),
    Plant("hme100k", "cut-at-percent", "NRM2", r" \\%.*$", r" «\\»"),
    Plant("hme100k", "cut-at-percent", "NRM2", r" \\%.*$", r" «\\»"),
    Plant("hme100k", "html-entity", "ESC8", r" < ", r" «&lt;» "),
    Plant("hme100k", _MISSING, "PAR2", r"", None),
    Plant("hme100k", _MISSING, "PAR2", r"", None),
    # Print: what a paper's source file leaves in its formulas.
    Plant("im2latex", "outer-dollars", "DLM1", _ALL, r"«$$\1$$»"),
    Plant("im2latex", "outer-equation", "DLM1", r"^(\\sum.*)$", r"«\\begin{equation}\1\\end{equation}»"),
    Plant("im2latex", "inner-dollar", "DLM2", r"dx", r"«$dx$»"),
    Plant("im2latex", "comment", "DLM3", r"$", r" «% checked»"),
    Plant("im2latex", "comment", "DLM3", r" (= .*)$", r" «% \1»"),
    Plant("im2latex", "equation-tag", "DLM4", r"$", r" «\\tag{12}»"),
    Plant("im2latex", "label-residue", "DLM5", r"$", r" «\\label{eq:main}»"),
    Plant("im2latex", "label-residue", "DLM5", r"$", r" «\\label{eq:energy}»"),
    Plant("im2latex", "label-residue", "DLM5", r"$", r" «\\nonumber»"),
    Plant("im2latex", "unbalanced-brace", "SYN1", r"(\\binom\{\d+)\}", r"«\1»"),
    Plant("im2latex", "unbalanced-brace", "SYN1", r"(e\^\{-[abc]x\^\{2\})\}", r"«\1»"),
    Plant("im2latex", "left-without-right", "SYN2", r"(\\left\()( R .*?) \\right\)", r"«\1»\2 )"),
    Plant("im2latex", "right-without-left", "SYN2", r"\\left(\\\{.*)(\\right\.)$", r"\1«\2»"),
    Plant("im2latex", "begin-end-mismatch", "SYN3", r"\\end\{pmatrix\}", r"«\\end{matrix}»"),
    Plant("im2latex", "begin-end-mismatch", "SYN3", r"\\end\{cases\}", r"«\\end{array}»"),
    Plant("im2latex", "array-columns", "SYN9", r"\\begin\{array\}\{ll\}(.*\\end\{array\})", r"«\\begin{array}{l}\1»"),
    Plant("im2latex", "unknown-command", "CMD1", r"\\mathcal", r"«\\mathcl»"),
    Plant("im2latex", "unknown-command", "CMD1", r"\\rightarrow", r"«\\rigtharrow»"),
    Plant("im2latex", "glued-command", "CMD2", r"F_\{\\(\w+)\\(\w+)\}", r"F_{«\\\1\2»}"),
    Plant("im2latex", "glued-command", "CMD2", r"\\Delta H", r"«\\DeltaH»"),
    Plant("im2latex", "user-macro", "CMD3", _ALL, r"«\\be» \1"),
    Plant("im2latex", "user-macro", "CMD3", _ALL, r"«\\newcommand{\\dd}{\\mathrm{d}}» \1"),
    Plant("im2latex", "document-residue", "CMD4", r"$", r" «\\includegraphics{fig1}»"),
    Plant("im2latex", "document-residue", "CMD4", r"^", r"«\\bibitem{first}» "),
    Plant("im2latex", "double-escaped-command", "ESC6", r"\\partial", r"«\\\\partial»"),
    Plant("im2latex", _MISSING, "PAR2", r"", None),
)


def plant(source: str, labels: Sequence[str], rng: Random, *, spare: int = 0) -> dict[int, Planted]:
    """Choose a label for every plant of `source` and spoil it; the first `spare` labels stay correct.

    Returns the spoiled ones by number. No label is spoiled twice. Raises ValueError if a plant finds no label.
    """
    plants = [row for row in PLANTS if row.source == source]
    prey = {row: [n for n, label in enumerate(labels) if n >= spare and re.search(row.find, label)] for row in plants}
    taken: dict[int, Planted] = {}
    for row in sorted(plants, key=lambda row: len(prey[row])):  # the most selective ones first
        free = [number for number in prey[row] if number not in taken]
        if not free:
            raise ValueError(f"no label left for {row.kind} in {source}")
        number = rng.choice(free)
        taken[number] = _spoil(number, labels[number], row)
    return dict(sorted(taken.items()))


def _spoil(number: int, label: str, row: Plant) -> Planted:
    if row.put is None:
        return Planted(number, row, label, None, None)
    return Planted(number, row, *unmarked(re.sub(row.find, row.put, label, count=1)))


def unmarked(text: str) -> tuple[str, int, int]:
    """(text without its marks « and », start, end of what was between them)."""
    return text.replace("«", "").replace("»", ""), text.index("«"), text.index("»") - 1
