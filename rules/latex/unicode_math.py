"""The LaTeX for characters that are not ASCII. A table; it looks at no label.

Symbols come from pylatexenc's table, if a single math command draws them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from rules.latex.commands import COMMANDS

#: Characters that look like an ASCII one in most fonts.
LOOK_ALIKES: Final[dict[str, str]] = {
    **dict(zip("АВСЕНІЈКМОРЅТХаеорсухіјѕԛԝ", "ABCEHIJKMOPSTXaeopcyxijsqw", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True)),
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u02b9": "'",
    "\u2032": "'",
    "\u2033": "''",
    "\u2044": "/",
    "\u2215": "/",
    "\u2236": ":",
    "\u2217": "*",
    "\u01c0": "|",
    "\u00b4": "'",
}

ACCENTS: Final[dict[str, str]] = {
    "\u0300": r"\grave",
    "\u0301": r"\acute",
    "\u0302": r"\hat",
    "\u0303": r"\tilde",
    "\u0304": r"\bar",
    "\u0305": r"\overline",
    "\u0306": r"\breve",
    "\u0307": r"\dot",
    "\u0308": r"\ddot",
    "\u030c": r"\check",
    "\u0332": r"\underline",
    "\u0338": r"\not",
    "\u20d7": r"\vec",
}

#: Characters for which pylatexenc's choice is another picture, or the table has none.
_OWN: Final[dict[str, str]] = {
    "·": r"\cdot",
    "⋅": r"\cdot",
    "∙": r"\bullet",
    "…": r"\ldots",
    "⋯": r"\cdots",
    "°": r"^ { \circ }",
    "∆": r"\Delta",
    "∕": "/",
    "√": r"\sqrt",
    "∛": r"\sqrt [ 3 ]",
    "∜": r"\sqrt [ 4 ]",
    "∴": r"\therefore",
    "∵": r"\because",
    "≠": r"\neq",
    "≤": r"\leq",
    "≥": r"\geq",
    "→": r"\rightarrow",
    "∥": r"\parallel",
    "⟂": r"\perp",
    "⊥": r"\perp",
    "△": r"\triangle",
    "∠": r"\angle",
    "φ": r"\varphi",
    "ϕ": r"\phi",
    "ε": r"\varepsilon",
    "ϵ": r"\epsilon",
    "µ": r"\mu",
    "Ω": r"\Omega",
    "⩽": r"\leqslant",
    "×": r"\times",
    "÷": r"\div",
    "¬": r"\neg",
    "←": r"\leftarrow",
    "↑": r"\uparrow",
    "↓": r"\downarrow",
    "†": r"\dagger",
    "‡": r"\ddagger",
    "•": r"\bullet",
    "◦": r"\circ",
    "◯": r"\bigcirc",
    "\u2126": r"\Omega",
    "\u2329": r"\langle",
    "\u232a": r"\rangle",
    "℃": r"^ { \circ } \mathrm { C }",
    "¼": r"\frac { 1 } { 4 }",
    "½": r"\frac { 1 } { 2 }",
    "¾": r"\frac { 3 } { 4 }",
    "§": r"\S",
    "¶": r"\P",
    "£": r"\pounds",
    "⩾": r"\geqslant",
}

#: pylatexenc has text commands for them; in a formula they are scripts of what precedes them.
_SCRIPTS: Final = frozenset("¹²³")

_FONTS: Final = {
    "BOLD": r"\mathbf",
    "DOUBLE-STRUCK": r"\mathbb",
    "SCRIPT": r"\mathcal",
    "FRAKTUR": r"\mathfrak",
    "BLACK-LETTER": r"\mathfrak",
    "SANS-SERIF": r"\mathsf",
    "MONOSPACE": r"\mathtt",
}
_WRAPPED = re.compile(r"\\ensuremath\{(.*)\}")


@cache
def _table() -> dict[str, str]:
    from pylatexenc.latexencode import get_builtin_uni2latex_dict

    table: dict[str, str] = {}
    for code, latex in get_builtin_uni2latex_dict().items():
        wrapped = _WRAPPED.fullmatch(latex)
        inner = wrapped[1] if wrapped else latex
        found = COMMANDS.get(inner[1:]) if inner[:1] == "\\" else None
        if (
            found is not None
            and found.latex
            and found.mode != "text"
            and not found.args
            and found.kind not in ("other", "space", "document")
        ):
            table[chr(code)] = inner
    return {**table, **_OWN}


def command(character: str) -> str | None:
    """The math command that draws this symbol, or None: for letters of text, look-alikes and what LaTeX lacks."""
    return None if character in LOOK_ALIKES or character in _SCRIPTS else _table().get(character)


def styled(character: str) -> str | None:
    r"""`\mathbf { A }` for a bold A that is a separate character, `x` for an italic one; None for others."""
    plain = unicodedata.normalize("NFKC", character)
    name = unicodedata.name(character, "")
    if (
        len(plain) != 1
        or not plain.isalnum()
        or plain == character
        or not (name.startswith("MATHEMATICAL ") or "SYMBOL" not in name or "-" in name or "SCRIPT" in name)
    ):
        return None
    if not plain.isascii():
        plain = command(plain) or plain
    font = next((font for word, font in _FONTS.items() if word in name), None)
    return f"{font} {{ {plain} }}" if font else plain


def escaped(plain: str) -> str:
    """An ASCII character as a formula in LaTeX needs it."""
    return {
        "%": r"\%",
        "#": r"\#",
        "$": r"\$",
        "&": r"\&",
        "{": r"\{",
        "}": r"\}",
        "\\": r"\backslash",
        "\u3000": " ",
    }.get(plain, plain)
