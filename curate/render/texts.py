"""The texts within a formula (`\\text`, `\\mbox`), without commands that mathra knows only in formulas."""

from __future__ import annotations

import re
import unicodedata

from curate.render.engine import RenderError
from curate.render.tables import group

_SCRIPT = re.compile(r"[_^]|\\s[bp](?![A-Za-z])")
_SIZE = re.compile(r"\s*\\(tiny|scriptsize|footnotesize|small)(?![A-Za-z])\s*")
_STYLES = {"tiny": r"{\scriptscriptstyle ", "scriptsize": r"{\scriptstyle ", "footnotesize": r"{\scriptstyle "}
_STYLES["small"] = r"{\textstyle "
_TEXT = re.compile(r"\\(?:text(?:rm|bf|it|sf|tt|normal|up)?|[mhf]box)\s*(?=\{)")
_ARGUMENT = r"\s*\{(?:[^{}]|\{[^{}]*\})*\}"
#: Within a text: what mathra knows only in formulas.
_ONLY_IN_MATH = re.compile(
    rf"\\(?:(?:textcircled|hspace|underline|ensuremath|mathrm|phantom){_ARGUMENT}|raisebox\s*\{{[^{{}}]*\}}{_ARGUMENT}"
    r"|(?:kern|hskip)\s*-?[\d.]+\s*[a-z]{2})"
)
_BOLD_MATH = re.compile(r"\\boldmath\s*\$([^$]*)\$")
_UNSEEN_IN_TEXT = re.compile(
    r"\\(?:vspace\s*\{[^{}]*\}|(?:medskip|hfill|par|strut|null|relax|protect|unboldmath|boldmath|upshape|rmfamily)"
    r"(?![A-Za-z])\s*|[/-])"
)
_IN_TEXT = {"itshape": r"\it ", "slshape": r"\it ", "sl": r"\it ", "hbox": r"\mbox ", "textmd": r"\text "}
_IN_TEXT |= {
    "Large": r"\large ",
    "i": "ı",
    "j": "ȷ",
    "thinspace": r"\,",
    "enspace": r"\ ",
    "enskip": r"\ ",
    "newline": " ",
}
_NAME_IN_TEXT = re.compile(rf"\\({'|'.join(_IN_TEXT)})(?![A-Za-z])\s*")
_ACCENTS = {"H": "\u030b", "d": "\u0323", "b": "\u0331", "r": "\u030a", "k": "\u0328"}
_ACCENT = re.compile(r"\\([Hdbrk])\s*\{([A-Za-z])\}")


def texts(label: str) -> str:
    """The label's texts, without what mathra doesn't know there."""
    if "\\" not in label:
        return label
    pieces, at = [], 0
    scripts = _SCRIPT.search(label) is not None  # where `\mbox`, unlike `\text`, keeps its size
    while (found := _TEXT.search(label, at)) is not None:
        try:
            inner, rest = group(label[found.end() :])
        except RenderError:
            break  # mathra's own message is better
        if "\\" in inner:
            inner = _UNSEEN_IN_TEXT.sub("", _BOLD_MATH.sub(r"$\\boldsymbol{\1}$", inner))
            inner = _ACCENT.sub(lambda f: unicodedata.normalize("NFC", f.group(2) + _ACCENTS[f.group(1)]), inner)
            inner = _NAME_IN_TEXT.sub(lambda f: _IN_TEXT[f.group(1)], inner)
            inner = "$".join(
                part if number % 2 else _ONLY_IN_MATH.sub(r"$\g<0>$", part)
                for number, part in enumerate(re.split(r"(?<!\\)\$", inner))
            )
        style = r"{\textstyle "
        if size := _SIZE.match(inner):
            inner, style = inner[size.end() :], _STYLES[size.group(1)]
        keeps_size = size is not None or (scripts and found.group().startswith(("\\mbox", "\\hbox")))
        pieces += [label[at : found.start()], style if keeps_size else "", found.group()]
        pieces += ["{", inner, "}}" if keeps_size else "}"]
        at = len(label) - len(rest)
    return "".join([*pieces, label[at:]])
