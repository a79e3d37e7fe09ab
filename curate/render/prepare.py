"""From a label as written to what mathra reads: delimiters off, and what it lacks or draws wrongly written otherwise.

Not for judging labels. What is mended here, and what should be mended in mathra, stands in docs/drawing.md.
"""

from __future__ import annotations

import re
import unicodedata

from curate.render.engine import RenderError
from curate.render.tables import STEP, arrays, group, split

_WRAPPERS = (("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"), ("$", "$"))
_DISPLAY = re.compile(r"^\\begin\s*\{(displaymath|math|equation\*?)\}(.*)\\end\s*\{\1\}$", re.DOTALL)
_UNDRAWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(?:\n[ \t]*|$)")
_TAG = re.compile(r"\\tag\s*(\*?)\s*\{((?:[^{}\\]|\\.|\{[^{}]*\})*)\}")
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
_STARRED = re.compile(r"\\([hv]space)\s*\*")
_LAST_BACKSLASH = re.compile(r"(?<!\\)((?:\\\\)*)\\\s*$")
_POSITION = re.compile(r"(\\begin\s*\{(?:aligned|gathered|split|multlined)\})\s*\[[tbc]\]")
_NOT_BEFORE_SPACE = re.compile(r"\\not\s*(?=\\[!,:;>])")
_MATRIX = re.compile(r"\\(?:(?:[pbvVB]|border)?matrix|cases|eqalign|displaylines|begin|substack)(?![A-Za-z])")

#: Commands of LaTeX (with amsmath, amssymb and bm) that mathra lacks, and what draws the same. Those that leave no mark
#: in a picture are empty.
_NAMES = {
    **dict.fromkeys(("smallskip", "medskip", "bigskip", "nobreak", "allowdisplaybreaks", "indent", "par", "unskip"), ""),
    **dict.fromkeys(("linebreak", "pagebreak", "nopagebreak", "newpage", "nonscript", "empty", "crcr", "*", "-"), ""),
    **{"null": "{}", "slash": "/", "sl": r"\it ", "slshape": r"\it ", "em": r"\it ", "bold": r"\mathbf "},
    **{"frak": r"\mathfrak ", "eqno": r"\qquad ", "leqno": r"\qquad ", "And": r"\;\&\;", "sqrtsign": r"\sqrt "},
    **{"cdotp": r"\mathpunct{\cdot}", "ldotp": r"\mathpunct{.}", "mathellipsis": r"\ldots ", "lefteqn": r"\mathrlap "},
    **{"L": "Ł", "l": "ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "circledR": "®", "maltese": "✠"},
    **{"mathdollar": r"\$", "mathsection": r"\S ", "mathparagraph": r"\P ", "mathsterling": r"\pounds "},
    **{"arrowvert": "|", "Arrowvert": r"\|", "bracevert": "|", "bgroup": "{", "egroup": "}"},
    **{"begingroup": "{", "endgroup": "}", "tabularnewline": r"\\", "makebox": r"\mbox ", "textsl": r"\textit "},
    **{"varlimsup": r"\mathop{\overline{\mathrm{lim}}}", "varliminf": r"\mathop{\underline{\mathrm{lim}}}"},
    **{"varinjlim": r"\mathop{\underrightarrow{\mathrm{lim}}}", "intop": r"\int\limits "},
    **{"varprojlim": r"\mathop{\underleftarrow{\mathrm{lim}}}", "ointop": r"\oint\limits "},
    **{"injlim": r"\operatorname*{inj\,lim}", "projlim": r"\operatorname*{proj\,lim}"},
    **{"operatornamewithlimits": r"\operatorname*", "lgroup": "⟮", "rgroup": "⟯", "lmoustache": "⎰", "rmoustache": "⎱"},
    **{f"var{name}": rf"\mathit{{\{name}}}" for name in ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma")},
    **{f"var{name}": rf"\mathit{{\{name}}}" for name in ("Upsilon", "Phi", "Psi", "Omega")},
}
_NAME = re.compile(rf"\\({'|'.join(sorted(filter(str.isalpha, _NAMES), key=len, reverse=True))})(?![A-Za-z])[ \t]*|\\([*-])")
_SPACE_DOWN = re.compile(r"\\vspace\s*\{[^{}]*\}")
_RAISED = re.compile(r"\\(raise|lower)\s*(-?)\s*([\d.]+\s*[a-z]{2})\s*\\[hm]box\s*(?=\{)")
_BUILDREL = re.compile(r"\\buildrel\s*((?:(?!\\buildrel).)*?)\\over\s*(\{[^{}]*\}|\\[A-Za-z]+|[^\s{}\\])", re.DOTALL)
_ROOT_OF = re.compile(r"\\root(?![A-Za-z])\s*((?:(?!\\root).)*?)\\of(?![A-Za-z])\s*", re.DOTALL)

_TEXT = re.compile(r"\\(?:text(?:rm|bf|it|sf|tt|normal|up)?|[mhf]box)\s*(?=\{)")
_ARGUMENT = r"\s*\{(?:[^{}]|\{[^{}]*\})*\}"
#: Within a text: what mathra knows in formulas only.
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
_IN_TEXT |= {"Large": r"\large ", "i": "ı", "j": "ȷ", "thinspace": r"\,", "enspace": r"\ ", "enskip": r"\ ", "newline": " "}
_NAME_IN_TEXT = re.compile(rf"\\({'|'.join(_IN_TEXT)})(?![A-Za-z])\s*")
_ACCENTS = {"H": "\u030b", "d": "\u0323", "b": "\u0331", "r": "\u030a", "k": "\u0328"}
_ACCENT = re.compile(r"\\([Hdbrk])\s*\{([A-Za-z])\}")


def prepare(label: str) -> str:
    """What to hand to the engine for `label`. Raises RenderError for a character that no drawing can hold."""
    bad = _UNDRAWABLE.search(label)
    if bad:
        raise RenderError(f"Control character U+{ord(bad.group()):04X} at position {bad.start()}")
    if "%" in label:
        label = _COMMENT.sub(r"\1", label)
    if "\\" not in label:
        return _checked(_unwrapped(label.strip()))
    label = _STARRED.sub(r"\\\1", _LABEL.sub(" ", label))
    label = _LAST_BACKSLASH.sub(r"\1", _TAG.sub(_tag, _unwrapped(label.strip())))
    label = arrays(_renamed(label))
    label = _operators_beside(_small_stacks(_POSITION.sub(r"\1", label)))
    return _checked(_texts(_NOT_BEFORE_SPACE.sub(r"\\mathrel{\\mathrlap{/}}", label)))


def _tag(found: re.Match[str]) -> str:
    """A tag stands at the far edge of the page; a picture of a formula has it close by."""
    text = found.group(2)
    return rf" \qquad \text{{{text}}}" if found.group(1) else rf" \qquad \text{{({text})}}"


def _unwrapped(label: str) -> str:
    for opening, closing in _WRAPPERS:
        if label.startswith(opening) and label.endswith(closing) and len(label) >= len(opening) + len(closing):
            inner = label[len(opening) : -len(closing)]
            if opening[0] == "$" and (re.search(r"(?<!\\)\$", inner) or inner.endswith("\\")):
                continue  # `$a$ and $b$` is not one formula in dollars
            if opening[0] == "\\" and (opening in inner or closing in inner):
                continue
            return inner.strip()
    display = _DISPLAY.match(label)
    return display.group(2).strip() if display else label


def _renamed(label: str) -> str:
    label = _NAME.sub(lambda found: _NAMES[found.group(1) or found.group(2)], _SPACE_DOWN.sub("", label))
    if r"\raise" in label or r"\lower" in label:
        label = _RAISED.sub(_raised, label)
    if r"\buildrel" in label:
        label = _BUILDREL.sub(r"\\mathrel{\\overset{\1}{\2}}", label)
    return _ROOT_OF.sub(r"\\sqrt[\1]", label) if r"\root" in label else label


def _raised(found: re.Match[str]) -> str:
    up = (found.group(1) == "raise") == (not found.group(2))
    return rf"\raisebox{{{'' if up else '-'}{found.group(3)}}}"


def _operators_beside(label: str) -> str:
    r"""`\mathop{…}\nolimits`: mathra sets limits all the same, so the operator is an empty one and a letter."""
    at = len(label)
    while (at := label.rfind(r"\mathop", 0, at)) >= 0:
        operator, rest = _argument(label[at + 7 :])
        if operator and (no := re.match(r"\s*\\nolimits(?![A-Za-z])", rest)):
            label = label[:at] + r"\mathop{}\!{" + operator + "}" + rest[no.end() :]
    return label


def _small_stacks(label: str) -> str:
    r"""`\substack` is in script style wherever it stands; mathra knows that in scripts only."""
    at = len(label)
    while (at := label.rfind(r"\substack", 0, at)) >= 0:
        body, rest = _argument(label[at + 9 :])
        if body:
            rows = r" \\ ".join(rf"\scriptstyle {row}" for row, _ in split(body, frozenset({"\\\\"})))
            label = rf"{label[:at]}\substack{{{rows}}}{rest}"
    return label


def _argument(text: str) -> tuple[str, str]:
    """The argument of a command that `text` follows, and what follows that; the first is empty where there is none."""
    if text[:1].isalpha():
        return "", text
    text = text.lstrip()
    if text.startswith("{"):
        return group(text)
    step = STEP.match(text)
    return (step.group(), text[step.end() :]) if step else ("", text)


def _texts(label: str) -> str:
    """Texts within the label, without what mathra does not know there."""
    if "\\" not in label:
        return label
    pieces, at = [], 0
    while (found := _TEXT.search(label, at)) is not None:
        try:
            inner, rest = group(label[found.end() :])
        except RenderError:
            break  # mathra says it better
        if "\\" in inner:
            inner = _UNSEEN_IN_TEXT.sub("", _BOLD_MATH.sub(r"$\\boldsymbol{\1}$", inner))
            inner = _ACCENT.sub(lambda f: unicodedata.normalize("NFC", f.group(2) + _ACCENTS[f.group(1)]), inner)
            inner = _NAME_IN_TEXT.sub(lambda f: _IN_TEXT[f.group(1)], inner)
            inner = "$".join(
                part if number % 2 else _ONLY_IN_MATH.sub(r"$\g<0>$", part)
                for number, part in enumerate(re.split(r"(?<!\\)\$", inner))
            )
        pieces += [label[at : found.end()], "{", inner, "}"]
        at = len(label) - len(rest)
    return "".join([*pieces, label[at:]])


def _checked(label: str) -> str:
    """Raises RenderError for what LaTeX refuses and mathra, even in strict mode, does not."""
    if "&" in label:
        misplaced = len(split(label, frozenset({"&"}))) > 1
        if misplaced or not _MATRIX.search(label) and any(step.group() == "&" for step in STEP.finditer(label)):
            raise RenderError("Misplaced &")
    return label
