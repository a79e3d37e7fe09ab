"""Rewrites LaTeX commands that mathra lacks with those it has. Not for what it draws differently: `mended`."""

from __future__ import annotations

import re

#: By name: what draws the same. Those that leave no mark in a picture are empty.
_NAMES = {
    **dict.fromkeys(
        ("smallskip", "medskip", "bigskip", "nobreak", "allowdisplaybreaks", "indent", "par", "unskip"), ""
    ),
    **dict.fromkeys(("linebreak", "pagebreak", "nopagebreak", "newpage", "nonscript", "empty", "crcr", "*", "-"), ""),
    "null": "{}",
    "slash": "/",
    "sl": r"\it ",
    "slshape": r"\it ",
    "em": r"\it ",
    "bold": r"\mathbf ",
    "frak": r"\mathfrak ",
    "eqno": r"\qquad ",
    "leqno": r"\qquad ",
    "And": r"\;\&\;",
    "sqrtsign": r"\sqrt ",
    "cdotp": r"\mathpunct{\cdot}",
    "ldotp": r"\mathpunct{.}",
    "mathellipsis": r"\ldots ",
    "lefteqn": r"\mathrlap ",
    "L": "Ł",
    "l": "ł",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "circledR": "®",
    "maltese": "✠",
    "mathdollar": r"\$",
    "mathsection": r"\S ",
    "mathparagraph": r"\P ",
    "mathsterling": r"\pounds ",
    "arrowvert": "|",
    "Arrowvert": r"\|",
    "bracevert": "|",
    "bgroup": "{",
    "egroup": "}",
    "begingroup": "{",
    "endgroup": "}",
    "tabularnewline": r"\\",
    "makebox": r"\mbox ",
    "textsl": r"\textit ",
    "coloneq": r"\mathrel{{:}{-}}",
    "eqcolon": r"\mathrel{{-}{:}}",
    "Coloneq": r"\mathrel{{:}{:}{-}}",
    "models": r"\mathrel{{|}\mkern-3mu{=}}",
    "iff": r"\;\Longleftrightarrow\;",
    "implies": r"\;\Longrightarrow\;",
    "impliedby": r"\;\Longleftarrow\;",
    "varlimsup": r"\mathop{\overline{\mathrm{lim}}}",
    "varliminf": r"\mathop{\underline{\mathrm{lim}}}",
    "varinjlim": r"\mathop{\underrightarrow{\mathrm{lim}}}",
    "intop": r"\int\limits ",
    "varprojlim": r"\mathop{\underleftarrow{\mathrm{lim}}}",
    "ointop": r"\oint\limits ",
    "injlim": r"\operatorname*{inj\,lim}",
    "projlim": r"\operatorname*{proj\,lim}",
    "operatornamewithlimits": r"\operatorname*",
    "lgroup": "⟮",
    "rgroup": "⟯",
    "lmoustache": "⎰",
    "rmoustache": "⎱",
    **{f"var{name}": rf"\mathit{{\{name}}}" for name in ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma")},
    **{f"var{name}": rf"\mathit{{\{name}}}" for name in ("Upsilon", "Phi", "Psi", "Omega")},
}
_NAME = re.compile(
    rf"(\\\\)|\\({'|'.join(sorted(filter(str.isalpha, _NAMES), key=len, reverse=True))})(?![A-Za-z])[ \t]*|\\([*-])"
)
_DEFINED = re.compile(r"\\(?:def|let|(?:re|provide)?(?:new)?command\*?|DeclareMathOperator\*?)\s*\{?\s*\\([A-Za-z]+)")
_SPACE_DOWN = re.compile(r"\\vspace\s*\{[^{}]*\}")
_RAISED = re.compile(r"\\(raise|lower)\s*(-?)\s*([\d.]+\s*[a-z]{2})\s*\\[hm]box\s*(?=\{)")
_BUILDREL = re.compile(r"\\buildrel\s*((?:(?!\\buildrel).)*?)\\over\s*(\{[^{}]*\}|\\[A-Za-z]+|[^\s{}\\])", re.DOTALL)
_ROOT_OF = re.compile(r"\\root(?![A-Za-z])\s*((?:(?!\\root).)*?)\\of(?![A-Za-z])\s*", re.DOTALL)


def without_lacking(label: str) -> str:
    """The label (LaTeX with amsmath, amssymb and bm) in commands that mathra knows, outside texts."""
    own = set(_DEFINED.findall(label))  # a label may define what it uses

    def written(found: re.Match[str]) -> str:
        name = found.group(2) or found.group(3)
        return found.group() if name is None or name in own else _NAMES[name]  # a line may end before a letter

    label = _NAME.sub(written, _SPACE_DOWN.sub("", label))
    if r"\raise" in label or r"\lower" in label:
        label = _RAISED.sub(_raised, label)
    if r"\buildrel" in label:
        label = _BUILDREL.sub(r"\\mathrel{\\overset{\1}{\2}}", label)
    return _ROOT_OF.sub(r"\\sqrt[\1]", label) if r"\root" in label else label


def _raised(found: re.Match[str]) -> str:
    up = (found.group(1) == "raise") == (not found.group(2))
    return rf"\raisebox{{{'' if up else '-'}{found.group(3)}}}"
