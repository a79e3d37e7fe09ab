"""May a new label stand where another one stands in a document? Used before anything is written there."""

from __future__ import annotations

from curate.sources.documents import latex, markdown
from curate.sources.documents.definitions import Definitions
from curate.sources.documents.latex import ROWS, SINGLE


def stands(new: str, label: str, kind: str, ending: str) -> bool:
    """Would `new` be read again as one formula of the same kind, in the place of `label`?

    A label that ends its own formula (`$`, an empty line, another environment) would change the text around it.
    """
    if new == label:
        return True
    opening, closing = _around(kind)
    text = f"{opening}{new}\n{closing}" if kind in SINGLE or kind == "display" else f"{opening}{new}{closing}"
    is_latex = ending in (".tex", ".ltx", ".latex")
    found = (latex if is_latex else markdown).find_formulas(text, Definitions())
    if found.unread or len(found.formulas) != 1:
        return False
    start, end, same = found.formulas[0]
    return text[start:end] == new and same == kind


def _around(kind: str) -> tuple[str, str]:
    if kind == "inline":
        return "$", "$"
    if kind == "display":
        return "$$\n", "$$"
    if kind in ROWS:
        return "", ""
    return f"\\begin{{{kind}}}\n", f"\\end{{{kind}}}"
