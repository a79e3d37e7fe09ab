"""Spellings that draw the same picture, with the canonical one. Not a place for lossy merges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: From a spelling to the canonical one. Every pair has equal visual keys, and pdfTeX sets both alike. The reader
#: doesn't change `\\mbox` in scripts, where `\\text` is smaller.
SYNONYMS: dict[str, str] = {
    "\\le": "\\leq",
    "\\ge": "\\geq",
    "\\ne": "\\neq",
    "\\to": "\\rightarrow",
    "\\gets": "\\leftarrow",
    "\\leadsto": "\\rightsquigarrow",
    "\\lbrack": "[",
    "\\rbrack": "]",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
    "\\vert": "|",
    "\\Vert": "\\|",
    "\\ast": "*",
    "\\lt": "<",
    "\\gt": ">",
    "\\land": "\\wedge",
    "\\lor": "\\vee",
    "\\lnot": "\\neg",
    "\\owns": "\\ni",
    "\\doublecap": "\\Cap",
    "\\doublecup": "\\Cup",
    "\\doteqdot": "\\Doteq",
    "\\gggtr": "\\ggg",
    "\\llless": "\\lll",
    "\\restriction": "\\upharpoonright",
    "\\Diamond": "\\lozenge",
    "\\Box": "\\square",
    "\\mathsterling": "\\pounds",
    "\\Bbb": "\\mathbb",
    "\\bold": "\\mathbf",
    "\\frak": "\\mathfrak",
    "\\bm": "\\boldsymbol",
    "\\mbox": "\\text",
    "\\textnormal": "\\text",
    "\\textrm": "\\text",
    "\\negthinspace": "\\!",
    "\\thinspace": "\\,",
    "\\>": "\\:",
    "\\medspace": "\\:",
    "\\thickspace": "\\;",
}

_FUNCTION_NAMES = """
arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln log max min Pr
sec sin sinh sup tan tanh
"""
#: The functions that have a LaTeX command.
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())


def longest_first(names: Iterable[str]) -> list[str]:
    """Names in the order in which a regular expression has to try them."""
    return sorted(names, key=lambda name: (-len(name), name))


def prefer(canonical: str, spellings: Sequence[str]) -> str:
    r"""A canonical label with other directions of synonyms: `\le` instead of `\leq` if `\le` is asked for.

    Raises ValueError for a spelling that isn't a synonym.
    """
    unknown = [spelling for spelling in spellings if spelling not in SYNONYMS]
    if unknown:
        raise ValueError(f"{unknown[0]} is not a synonym of anything; the synonyms are: {' '.join(SYNONYMS)}")
    instead = {SYNONYMS[spelling]: spelling for spelling in spellings}
    return " ".join(instead.get(token, token) for token in canonical.split(" "))
