"""Derives the kind and the arguments of a command from the tables of the engines, for make_commands.py."""

from __future__ import annotations

import re

KATEX_GROUPS = {
    "rel": "rel",
    "bin": "bin",
    "mathord": "ord",
    "textord": "ord",
    "open": "open",
    "close": "close",
    "punct": "punct",
    "inner": "inner",
    "op-token": "op",
    "spacing": "space",
    "accent-token": "accent",
}
KATEX_TYPES = {
    "accent": "accent",
    "accentUnder": "accent",
    "horizBrace": "accent",
    "font": "font",
    "text": "text",
    "op": "op",
    "mclass": "ord",
    "xArrow": "stack",
    "genfrac": "fraction",
    "infix": "infix",
    "color": "colour",
    "kern": "space",
    "delimsizing": "size",
    "styling": "style",
    "sizing": "sizeswitch",
    "html": "document",
    "href": "document",
    "lap": "box",
    "phantom": "box",
    "enclose": "box",
    "textord": "ord",
}
KATEX_LETTERS = {"text": "t", "raw": "r", "url": "r", "color": "r", "size": "D", "hbox": "t"}
KATEX_BODIES = {
    "mathrel": "rel",
    "mathbin": "bin",
    "mathop": "op",
    "operatorname": "op",
    "mathopen": "open",
    "mathclose": "close",
    "mathpunct": "punct",
    "mathinner": "inner",
    "mathord": "ord",
    "mathrm{": "ord",
    "mathbb{": "ord",
    "textcolor": "colour",
}
MATHJAX_HANDLERS = {
    "NamedFn": ("func", ""),
    "NamedOp": ("op", ""),
    "Accent": ("accent", "m"),
    "MathFont": ("font", "m"),
    "HBox": ("text", "t"),
    "xArrow": ("stack", "om"),
    "Relation": ("rel", ""),
    "UnderOver": ("accent", "m"),
    "SetFont": ("fontswitch", ""),
    "SetSize": ("sizeswitch", ""),
    "NArrow": ("rel", ""),
    "Matrix": ("other", "m"),
    "Expression": ("func", ""),
    "Qqtext": ("text", ""),
    "k": ("text", ""),
    "Spacer": ("space", ""),
}
_SWITCHED = re.compile(r"\\(dimen|skip|count|toks|muskip)\d|\\[a-z]+ ?\d*$")


def tex_kind(name: str, atoms: set[str], meaning: str, inner: str) -> tuple[str, str] | None:
    """From the atoms that TeX makes from a command without arguments; None if it makes none or several kinds."""
    sorts = atoms - {"choice"}
    if len(sorts) != 1 or "#1" in meaning.partition("->")[0] + inner.partition("->")[0]:
        return None
    (kind,) = sorts
    if name.startswith("text"):
        return "text", ""
    named = re.search(r"\\qopname *\\relax *o|\\operator@font \w+\}\\nolimits", meaning + inner)
    return ("func" if kind == "op" and named else kind), ""


def katex_kind(
    name: str, symbols: dict[str, str], functions: dict[str, dict], macros: dict[str, str]
) -> tuple[str, str] | None:
    """From KaTeX's symbol table, functions and macros (a macro has the kind of its expansion)."""
    if name in symbols:
        kind = KATEX_GROUPS[symbols[name]]
        return ("text" if name.startswith("text") else kind), "m" if kind == "accent" else ""
    if name in functions:
        function = functions[name]
        types = (function.get("types") or []) + ["math"] * 9
        letters = ("o" if i < function["opt"] else KATEX_LETTERS.get(types[i], "m") for i in range(9))
        return KATEX_TYPES.get(function["type"], "other"), "".join(letters)[: function["opt"] + function["args"]]
    if name not in macros:
        return None
    body = macros[name]
    args = "m" * max((int(digit) for digit in re.findall(r"(?<!#)#(\d)", body)), default=0)
    for word, kind in KATEX_BODIES.items():
        if re.match(rf"(\\html@mathml\{{)?(\\DOTS\w+)?\\{re.escape(word)}", body):
            return kind, args
    alias = re.fullmatch(r"\\([A-Za-z]+)", body)
    return (alias and alias[1] != name and katex_kind(alias[1], symbols, functions, macros)) or ("other", args)


def mathjax_kind(table: str, handler: str) -> tuple[str, str] | None:
    """From the MathJax map that contains a command, and the function that handles it."""
    if handler in MATHJAX_HANDLERS:
        return MATHJAX_HANDLERS[handler]
    return ("ord", "") if handler == "char" or table.startswith(("mathchar", "lcGreek", "ucGreek")) else None


def remaining_kind(name: str, meaning: str) -> tuple[str, str]:
    """For commands that only LaTeX knows: registers, primitives, text symbols, and macros for documents."""
    if meaning.rstrip() == f"\\{name}":
        return "primitive", ""
    if _SWITCHED.match(meaning):
        return "definition", ""
    return ("text" if "-cmd" in meaning else "document"), ""
