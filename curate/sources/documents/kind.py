"""Is a file a document? Looks at its ending and first lines; reads no formulas."""

from __future__ import annotations

import re

from curate.sources.documents.read import ENDINGS, LATEX, NOTEBOOK
from curate.sources.look import Look

_DOCUMENT = re.compile(r"^[^%\n]*\\(?:documentclass|documentstyle|begin[ \t]*\{document\})", re.MULTILINE)
_PROSE = re.compile(
    r"\\(?:part|chapter|(?:sub)*section|paragraph|item|cite[pt]?|emph|textbf|usepackage|input|include|newcommand|"
    r"bibliography|maketitle|footnote|caption|(?:eq)?ref|"
    r"begin[ \t]*\{(?:abstract|figure|table|itemize|enumerate|theorem|lemma|proof|definition|center))(?![A-Za-z])"
)
_DISPLAY = r"(?:equation|align|gather|multline|eqnarray|displaymath|flalign|alignat|math)\*?"
_MATH = re.compile(rf"(?<!\\)(?:\$|\\[(\[]|\\begin[ \t]*\{{{_DISPLAY}\}})")
_WRAPPED = re.compile(
    rf"\s*(?:\$[^$]+\$|\$\$[^$]+\$\$|\\\[.*\\\]|\\\(.*\\\)|\\begin\{{({_DISPLAY})\}}.*\\end\{{\1\}})\s*"
)
#: A whole text that is one environment, and not a display.
_WHOLE = re.compile(
    rf"\\begin[ \t]*\{{(?!{_DISPLAY}\}})([^{{}}\n]+)\}}.*\\end[ \t]*\{{\1\}}",
    re.DOTALL,
)


def opens_document(look: Look) -> bool:
    r"""Does a file hold `\documentclass` or `\begin{document}`?"""
    return _DOCUMENT.search(look.head.decode("utf-8", "replace")) is not None


def is_document(look: Look) -> float | None:
    """How certain it is that a file is a document rather than one label per line; see `SourceFormat.recognise`."""
    if look.suffix not in ENDINGS or not look.lines:
        return None
    if look.suffix in NOTEBOOK:
        return 0.97 if b'"cell' in look.head or b'"nbformat"' in look.head else None
    if look.suffix not in LATEX:
        return 0.9
    if opens_document(look):
        return 0.96
    text = look.head.decode("utf-8", "replace")
    if _PROSE.search(text):
        return 0.8
    if _WHOLE.fullmatch(text.strip()):
        return None  # for instance a table with formulas in its cells: one label
    # Lines that are one formula each, with delimiters, are labels that somebody wrapped.
    if _MATH.search(text) and not all(_WRAPPED.fullmatch(line) for line in look.lines):
        return 0.7
    return None
