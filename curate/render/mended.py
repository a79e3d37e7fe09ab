"""Rewrites what mathra draws differently from LaTeX so that it draws the same. Not for tables: `tables`."""

from __future__ import annotations

import re

from curate.render.tables import STEP, group, split
from rules.latex.commands import COMMANDS

_POSITION = re.compile(r"(\\begin\s*\{(?:aligned|gathered|split|multlined)\})\s*\[[tbc]\]")
#: `\not` is a stroke without width; mathra knows it only before relations.
_STROKE = re.compile(r"\\not(?:\s*(?=\\[!,:;>]|\{)|(?![A-Za-z])\s*(?=[A-Za-z]))")
_NO_BOLD = re.compile(r"\\(?:un)?boldmath(?![A-Za-z])\s*")
_GREEK_NAMES = (
    "(?:var)?(?:epsilon|theta|pi|rho|sigma|phi|kappa)|alpha|beta|gamma|delta|zeta|eta|iota|lambda|mu|nu|xi|tau|upsilon"
    "|chi|psi|omega"
)
_GREEK = re.compile(rf"\\({_GREEK_NAMES})(?![A-Za-z])")
_LONGEST_OPERATOR = 60  # it is written twice: nested, they would double at each level
_MOST_FRACTIONS = 150  # beyond that, a little space is as good and takes no time
_FRACTION = re.compile(r"\\[dt]?(?:frac|binom)(?![A-Za-z])")
_ARGUMENT = re.compile(r"\s*(?:\{|\\(?:[A-Za-z]+|.)|[^\s{}\\&^_])", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
#: Primes and the exponent that they precede; `\prime` at the start of an exponent.
_PRIMES = re.compile(
    r"(?<!\\)('[\s']*)(\^\s*(?:\{|\\[A-Za-z]+|[^\s{}\\]))?|(\^\s*(?:\{\s*)?)\\prime(?![A-Za-z])", re.DOTALL
)
_TEXT = re.compile(r"\\(?:text(?:rm|bf|it|sf|tt|normal|up)?|[mhf]box)\s*\{")
_FONT = re.compile(r"\\(?:math)?(?:bf|rm|sf|tt|cal|scr|frak|bb)(?![A-Za-z])")
_BOLD_GREEK = re.compile(r"\\(?:boldsymbol|bm|pmb)(?![A-Za-z])")
#: `\dots` is at half height before these (amsmath).
_BEFORE_HIGH_DOTS = "|".join(
    sorted(
        (re.escape(c.name) for c in COMMANDS.values() if c.latex and c.kind in ("bin", "rel")), key=len, reverse=True
    )
)
_DOTS = re.compile(rf"\\dots\s*(?=[-+=<>*:]|\\(?:{_BEFORE_HIGH_DOTS}|not|sum|prod|bigcup|bigcap)(?![A-Za-z]))")
_SIGN = (
    r"(?:\\math(?:bf|rm|sf|tt|cal|bb|frak|scr)\s*\{\s*[A-Za-z0-9]\s*\}|[A-Za-z0-9]"
    rf"|\\(?:{_GREEK_NAMES}|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega|ell|partial|nabla|imath|jmath)(?![A-Za-z]))"
)
#: An accent over one sign, with an exponent, possibly after an index.
_ACCENTED = re.compile(
    r"\\(vec|hat|widehat|tilde|widetilde|bar|check|breve|acute|grave|dot|ddot|mathring)(?![A-Za-z])\s*"
    rf"(?:\{{\s*({_SIGN})\s*\}}|({_SIGN}))(\s*_\s*(?:\{{[^{{}}]*\}}|{_SIGN}))?(?=\s*\^)"
)


def mended(label: str) -> str:
    """The label in a form that mathra draws correctly; it has already passed `texts.texts`."""
    label = _STROKE.sub(r"\\mathrel{\\mathrlap{/}}", _POSITION.sub(r"\1", label))
    if r"\dots" in label:
        label = _DOTS.sub(r"\\cdots ", label)
    if "'" in label or r"\prime" in label:
        label = _raised_primes(label)
    if "^" in label:
        label = _ACCENTED.sub(_accent_apart, label)
    return _greek_in_italics(_fractions_as_letters(_operators_beside(_small_stacks(_scripts_at_sides(label)))))


def _accent_apart(found: re.Match[str]) -> str:
    """The exponent of an accented sign is as high as without the accent (Appendix G of The TeXbook, rule 12)."""
    accent, inner, bare, index = found.groups()
    sign = inner or bare
    return rf"\mathrlap{{\{accent}{{\phantom{{{sign}}}}}}}{sign}{index or ''}"


def _scripts_at_sides(label: str) -> str:
    r"""`\sideset`: its scripts belong to the operator, as high as those of `\nolimits`; mathra sets a letter's."""
    at = len(label)
    while (at := label.rfind(r"\sideset", 0, at)) >= 0:
        left, rest = _argument(label[at + 8 :])
        right, rest = _argument(rest)
        operator, rest = _argument(rest)
        if 0 < len(operator) <= _LONGEST_OPERATOR:
            # Empty brackets as high as the operator; they are 0.24 em wide.
            before = rf"{{\hspace{{-0.24em}}\left.\vphantom{{{operator}}}\right.{left}}}\!" if left.strip() else ""
            beside = rf"\nolimits {right}" if right.strip() else ""
            label = rf"{label[:at]}\mathop{{{before}{operator}{beside}}}{rest}"
    return label


def _raised_primes(label: str) -> str:
    r"""A prime is a script like any other, hence `{}\prime`: alone, mathra sets it as an already raised letter."""
    pieces, at = [], 0
    for text in _TEXT.finditer(label):
        if text.start() >= at:
            end = _group_end(label, text.end())
            pieces += [_PRIMES.sub(_raised, label[at : text.start()]), label[text.start() : end]]
            at = end
    return "".join([*pieces, _PRIMES.sub(_raised, label[at:])])


def _raised(found: re.Match[str]) -> str:
    if found.group(3):
        return r"^{{}\prime" + ("" if "{" in found.group(3) else "}")
    primes, exponent = r"\prime" * found.group(1).count("'"), (found.group(2) or "").lstrip(" \t^")
    return f"^{{{{}}{primes} {exponent[exponent == '{' :]}" + ("" if exponent == "{" else "}")


def _greek_in_italics(label: str) -> str:
    r"""`\mathbf`, `\rm` and the like leave small Greek letters unchanged; mathra has bold and upright ones."""
    label = _NO_BOLD.sub("", label)
    if not _FONT.search(label) or _BOLD_GREEK.search(label):
        return label
    return _GREEK.sub(r"{\\mathit{\g<0>}}", label)


def _operators_beside(label: str) -> str:
    r"""`\mathop{…}\nolimits`: mathra sets limits anyway, so the operator becomes an empty one and a letter."""
    at = len(label)
    while (at := label.rfind(r"\mathop", 0, at)) >= 0:
        operator, rest = _argument(label[at + 7 :])
        if operator and (no := re.match(r"\s*\\nolimits(?![A-Za-z])", rest)):
            label = label[:at] + r"\mathop{}\!{" + operator + "}" + rest[no.end() :]
    return label


def _small_stacks(label: str) -> str:
    r"""`\substack` is in script style everywhere; mathra knows that only in scripts."""
    at = len(label)
    while (at := label.rfind(r"\substack", 0, at)) >= 0:
        body, rest = _argument(label[at + 9 :])
        if body:
            rows = r" \\ ".join(rf"\scriptstyle {row}" for row, _ in split(body, frozenset({"\\\\"})))
            label = rf"{label[:at]}\substack{{{rows}}}{rest}"
    return label


def _fractions_as_letters(label: str) -> str:
    r"""A fraction is spaced like a letter; mathra spaces it like an inner formula (`\left…\right`)."""
    fractions = list(_FRACTION.finditer(label))
    for found in reversed(fractions) if len(fractions) <= _MOST_FRACTIONS else ():
        end = found.end()
        for _ in range(2):
            argument = _ARGUMENT.match(label, end)
            if argument is None:
                break
            end = _group_end(label, argument.end()) if argument.group().endswith("{") else argument.end()
        else:
            if label[: found.start()].endswith("{") and label.startswith("}", end):
                continue
            label = f"{label[: found.start()]}{{{label[found.start() : end]}}}{label[end:]}"
    return label


def _group_end(label: str, at: int) -> int:
    """Where the group that begins before `at` ends; the label's end if it doesn't."""
    depth = 1
    for brace in _BRACE.finditer(label, at):
        depth += 1 if brace.group() == "{" else -1 if brace.group() == "}" else 0
        if depth == 0:
            return brace.end()
    return len(label)


def _argument(text: str) -> tuple[str, str]:
    """The argument of a command that `text` follows, and what follows it; the first is empty if there is none."""
    if text[:1].isalpha():
        return "", text
    text = text.lstrip()
    if text.startswith("{"):
        return group(text)
    step = STEP.match(text)
    return (step.group(), text[step.end() :]) if step else ("", text)
