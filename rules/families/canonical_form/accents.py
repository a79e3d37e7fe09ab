"""CAN: accents of the wrong width, and fonts that handwriting can't show. Plain TeX's font switches are in `commands`.

No rule finds a dropped font (CAN8 in the catalogue of defects): a plain x is as valid a label as a bold one.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.commands import COMMANDS
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_command

_WIDER = {r"\bar": r"\overline", r"\hat": r"\widehat", r"\tilde": r"\widetilde", r"\vec": r"\overrightarrow"}
_NARROWER = {wide: narrow for narrow, wide in _WIDER.items()}
_NO_ATOM = frozenset(
    ["{", "}", "_", "^", r"\,", r"\!", r"\;", r"\:", "~", r"\prime", "'", r"\bf", r"\cal", r"\rm", r"\it"]
    + [
        rf"\{name}"
        for name in ["bar", "hat", "tilde", "vec", "dot", "ddot", "check", "breve", "acute", "grave", "mathring"]
    ]
)


#: Commands that choose a font or size, or strike a symbol through, and draw no symbol of their own.
_NO_SYMBOL = frozenset(
    f"\\{command.name}"
    for command in COMMANDS.values()
    if command.kind in ("font", "fontswitch", "style", "sizeswitch", "text", "space")
) | {r"\boldsymbol", r"\not", r"\mbox", r"\hbox", r"\operatorname"}


def _atoms(tokens: list[str], start: int, end: int) -> int:
    """The number of symbols side by side between two tokens. Scripts don't count; a command with parts counts as 2."""
    count = 0
    depth = 0
    at = start
    while at < end:
        token = tokens[at]
        if token in ("_", "^"):
            at += 1
            if at < end and tokens[at] == "{":
                nested = 0
                while at < end:
                    nested += (tokens[at] == "{") - (tokens[at] == "}")
                    if nested == 0:
                        break
                    at += 1
        elif token in (r"\frac", r"\sqrt", r"\left", r"\begin", r"\overline", r"\underline"):
            return 2
        elif token not in _NO_ATOM and not token.startswith(r"\math") and token not in _NO_SYMBOL:
            count += 1
        depth += (token == "{") - (token == "}")
        at += 1
    return count


#: An opening brace followed by anything but a single symbol.
_OVER_SEVERAL = (
    r"\\(?:bar|hat|tilde|vec)\s*\{\s*(?:\{|\\[A-Za-z]+(?:\s+[^}\s]|[^A-Za-z}\s])|\\[^A-Za-z]|[^\\{}\s]\s*[^}\s])"
)


@rule("CAN006", "narrow-accent-on-several", "info", has(_OVER_SEVERAL), fix="unsafe", fix_kind="style", covers=["CAN6"])
def narrow_accent_on_several(label: Label, options: Options) -> Iterator[Finding]:
    r"""A narrow accent over several symbols: `\bar { A B }`, `\vec { A B }`.

    Why: LaTeX draws the accent over the middle only. A line over all the symbols is `\overline`.
    Fires: ``\bar { A B }`` -> ``\bar`` => ``\overline { A B }``
    Fires: ``\vec { A B } = \vec { c }`` -> ``\vec`` => ``\overrightarrow { A B } = \vec { c }``
    Quiet: ``\bar { x _ { 1 } }``
    Quiet: ``\overline { A B }``
    Quiet: ``\hat { \mathbf { n } }``
    Quiet: ``\bar { \tilde { x } }``
    Quiet: ``\hat { \displaystyle x }``
    Quiet: ``\tilde { \not D }``
    Fix: Unsafe: the wide accent.
    See: The list ONE_Tail_Tokens in CDM.
    """
    pairs = label.partners
    for index in label.find(*_WIDER):
        closing = pairs.get(index + 1)
        # A single token may count as two, such as a `\left` without its `\right`.
        if closing is not None and closing > index + 3 and _atoms(label.tokens, index + 2, closing) > 1:
            token = label.tokens[index]
            yield label.at(index, index + 1, f"{token} over several symbols; {_WIDER[token]} spans them", _WIDER[token])


@rule(
    "CAN014",
    "wide-accent-on-one",
    "info",
    has_command("overline", "widehat", "widetilde", "overrightarrow"),
    fix="unsafe",
    fix_kind="style",
    profiles=("default", "handwritten", "m2e"),
    covers=["CAN6"],
)
def wide_accent_on_one(label: Label, options: Options) -> Iterator[Finding]:
    r"""A wide accent over one symbol: `\overline { x }`, `\overrightarrow { a }`.

    Why: It looks almost like `\bar { x }`, the usual spelling; in handwriting the two can't be told apart. The rule is
    off for print, where they can.
    Fires: ``\overline { x }`` -> ``\overline`` => ``\bar { x }``
    Fires: ``\overrightarrow { a } + b`` -> ``\overrightarrow`` => ``\vec { a } + b``
    Quiet: ``\overline { A B }``
    Quiet: ``\bar { x }``
    Fix: Unsafe: the narrow accent.
    """
    pairs = label.partners
    for index in label.find(*_NARROWER):
        closing = pairs.get(index + 1)
        if closing is not None and _atoms(label.tokens, index + 2, closing) == 1:
            token = label.tokens[index]
            yield label.at(index, index + 1, f"{token} over one symbol; {_NARROWER[token]} is usual", _NARROWER[token])


_FONTS = ("mathbf", "mathsf", "mathtt", "mathit", "mathnormal", "boldsymbol", "bm", "pmb", "mathrm")


@rule(
    "CAN008",
    "invisible-font",
    "info",
    has(r"\\(?:math(?:bf|sf|tt|it|rm|normal)|boldsymbol|bm|pmb)\s*\{?\s*[A-Za-z\\]"),
    fix="unsafe",
    fix_kind="style",
    profiles=("handwritten",),
    covers={"CAN8": "in handwriting"},
)
def invisible_font(label: Label, options: Options) -> Iterator[Finding]:
    r"""A font that handwriting doesn't show, on one letter: `\mathbf { x }`, `\mathrm { d }`.

    Why: A handwritten x looks the same whether or not it is meant to be bold, so the model can only guess. The rule is
    off for print, where the font can be seen.
    Fires: ``\mathbf { x } + 1`` -> ``\mathbf { x }`` => ``x + 1``
    Fires: ``a\boldsymbol{\alpha}b`` -> ``\boldsymbol{\alpha}`` => ``a\alpha b``
    Quiet: ``x + 1``
    Quiet: ``\mathbb { R }``
    Quiet: ``\mathrm { i f }``
    Fix: Unsafe: the letter alone.
    See: run-llama/ParseBench issue 168, on print. MathNet drops all fonts, and doesn't read `\mathbb` at all.
    """
    for index in label.find(*(f"\\{name}" for name in _FONTS)):
        after = label.tokens[index + 1 : index + 4]
        if len(after) == 3 and after[0] == "{" and after[2] == "}" and (after[1].isalpha() or after[1][0] == "\\"):
            yield label.at(index, index + 4, f"{label.tokens[index]} can't be seen in handwriting", after[1])
