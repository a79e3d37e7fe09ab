"""Spellings that draw the same picture, with the one that the canonical form uses. Not a place for lossy merges."""

from __future__ import annotations

#: From a spelling to the canonical one. Every pair has equal visual keys.
SYNONYMS: dict[str, str] = {
    "\\le": "\\leq",
    "\\ge": "\\geq",
    "\\ne": "\\neq",
    "\\to": "\\rightarrow",
    "\\gets": "\\leftarrow",
    "\\lbrack": "[",
    "\\rbrack": "]",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
    "\\vert": "|",
    "\\Vert": "\\|",
    "\\land": "\\wedge",
    "\\lor": "\\vee",
    "\\lnot": "\\neg",
    "\\ast": "*",
    "\\owns": "\\ni",
    "\\lt": "<",
    "\\gt": ">",
}
