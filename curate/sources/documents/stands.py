"""Can a new label replace another one in a document? Asked before anything is written."""

from __future__ import annotations

from curate.sources.documents import latex, markdown
from curate.sources.documents.definitions import Definitions
from curate.sources.documents.latex import ROWS
from curate.sources.documents.read import LATEX


def stands(new: str, label: str, kind: str, ending: str) -> bool:
    """Would `new`, in the place of `label`, be read as one formula of the same kind?

    A label that ends its own formula (`$`, an empty line, another environment) would change the text around it.
    """
    if new == label:
        return True
    is_latex = ending in LATEX
    find = latex.find_formulas if is_latex else markdown.find_formulas
    for opening, closing in _around(kind, is_latex):
        text = f"{opening}{new}{closing}"
        found = find(text, Definitions())
        if found.unread or [text[start:end] for start, end, _ in found.formulas] != [new]:
            return False
        if found.formulas[0].kind != kind:
            return False
    return True


def _around(kind: str, is_latex: bool) -> list[tuple[str, str]]:
    """What may surround a label of a kind; the label must work in each. A line end lets it end with a comment."""
    if kind == "inline":
        return [("$", "\n$"), ("\\(", "\n\\)")] if is_latex else [("$", "$")]
    if kind == "display":
        return [("$$\n", "\n$$"), ("\\[\n", "\n\\]")] if is_latex else [("$$\n", "\n$$")]
    return [("", "")] if kind in ROWS else [(f"\\begin{{{kind}}}\n", f"\n\\end{{{kind}}}")]
