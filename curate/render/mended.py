"""What mathra draws otherwise than LaTeX does, written so that it draws the same. Not for tables: `tables`."""

from __future__ import annotations

import re

from curate.render.tables import STEP, group, split
from rules.latex.commands import COMMANDS

_POSITION = re.compile(r"(\\begin\s*\{(?:aligned|gathered|split|multlined)\})\s*\[[tbc]\]")
_NOT_BEFORE_SPACE = re.compile(r"\\not\s*(?=\\[!,:;>])")
_NO_BOLD = re.compile(r"\\(?:un)?boldmath(?![A-Za-z])\s*")
_GREEK = re.compile(
    r"\\((?:var)?(?:epsilon|theta|pi|rho|sigma|phi|kappa)|alpha|beta|gamma|delta|zeta|eta|iota|lambda|mu|nu|xi|tau|upsilon"
    r"|chi|psi|omega)(?![A-Za-z])"
)
_MOST_FRACTIONS = 150  # beyond, a little space is as good as the time it takes
_FRACTION = re.compile(r"\\[dt]?(?:frac|binom)(?![A-Za-z])")
_ARGUMENT = re.compile(r"\s*(?:\{|\\(?:[A-Za-z]+|.)|[^\s{}\\&^_])", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
#: Primes, and the exponent that they are set before; `\prime` at the start of an exponent.
_PRIMES = re.compile(
    r"(?<!\\)('[\s']*)(\^\s*(?:\{|\\[A-Za-z]+|[^\s{}\\]))?|(\^\s*(?:\{\s*)?)\\prime(?![A-Za-z])", re.DOTALL
)
_TEXT = re.compile(r"\\(?:text(?:rm|bf|it|sf|tt|normal|up)?|[mhf]box)\s*\{")
_FONT = re.compile(r"\\(?:math)?(?:bf|rm|sf|tt|cal|scr|frak|bb)(?![A-Za-z])")
_BOLD_GREEK = re.compile(r"\\(?:boldsymbol|bm|pmb)(?![A-Za-z])")
#: `\dots` stands at half height before these (amsmath).
_BEFORE_HIGH_DOTS = "|".join(
    sorted(
        (re.escape(c.name) for c in COMMANDS.values() if c.latex and c.kind in ("bin", "rel")), key=len, reverse=True
    )
)
_DOTS = re.compile(rf"\\dots\s*(?=[-+=<>*:]|\\(?:{_BEFORE_HIGH_DOTS}|not|sum|prod|bigcup|bigcap)(?![A-Za-z]))")


def mended(label: str) -> str:
    """The label as mathra draws it right; `texts.texts` has been there before."""
    label = _NOT_BEFORE_SPACE.sub(r"\\mathrel{\\mathrlap{/}}", _POSITION.sub(r"\1", label))
    if r"\dots" in label:
        label = _DOTS.sub(r"\\cdots ", label)
    if "'" in label or r"\prime" in label:
        label = _raised_primes(label)
    return _greek_in_italics(_fractions_as_letters(_operators_beside(_small_stacks(label))))


def _raised_primes(label: str) -> str:
    r"""A prime is a script as any other, so `{}\prime`: alone, mathra sets it as a letter that is raised by itself."""
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
    r"""`\mathbf`, `\rm` and the like leave small Greek letters as they are; mathra has bold and upright ones."""
    label = _NO_BOLD.sub("", label)
    if not _FONT.search(label) or _BOLD_GREEK.search(label):
        return label
    return _GREEK.sub(r"{\\mathit{\g<0>}}", label)


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


def _fractions_as_letters(label: str) -> str:
    r"""A fraction is set as a letter is; mathra puts the space of an inner formula (`\left…\right`) around it."""
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
    """Where the group ends that begins before `at`; the label's end where it doesn't."""
    depth = 1
    for brace in _BRACE.finditer(label, at):
        depth += 1 if brace.group() == "{" else -1 if brace.group() == "}" else 0
        if depth == 0:
            return brace.end()
    return len(label)


def _argument(text: str) -> tuple[str, str]:
    """The argument of a command that `text` follows, and what follows that; the first is empty where there is none."""
    if text[:1].isalpha():
        return "", text
    text = text.lstrip()
    if text.startswith("{"):
        return group(text)
    step = STEP.match(text)
    return (step.group(), text[step.end() :]) if step else ("", text)
