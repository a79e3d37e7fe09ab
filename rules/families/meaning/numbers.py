"""SEM: numbers and calculations. School arithmetic only: no algebra, no rounding."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit import arithmetic
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

#: Two sides in a row with only numbers and operations. A label without them is not a calculation.
_PLAIN = r"(?:[\d\s+\-.*/:(){}\[\]^]|\\(?:times|div|cdots?|[dt]?frac)(?:[^A-Za-z]|$)|\\%)*"
_CALCULATION = has(rf"(?:^|=){_PLAIN}\d{_PLAIN}={_PLAIN}\d{_PLAIN}(?:=|$)")

_NUMBER_GOES_ON = r"=\s*-?\s*\d[\d\s.]*(?:[-+*/:(]|\\(?:times|div|cdot|%|[dt]?frac))"


@rule(
    "SEM004",
    "wrong-arithmetic",
    "info",
    _CALCULATION,
    weight=0.0,
    covers={"SEM4": "reports wrong calculations, which are right in the label only if the writer made the mistake"},
)
def wrong_arithmetic(label: Label, options: Options) -> Iterator[Finding]:
    r"""A calculation whose two sides differ: `1 2 \times 3 = 3 5`.

    Why: If the writer made the mistake, the label must have it too, or the model learns to correct what it reads. If
    the writer was right, a digit of the label is wrong. Only the picture shows which.
    Fires: ``1 2 \times 3 = 3 5`` -> ``1 2 \times 3 = 3 5``
    Fires: ``5 8 \div 5 = 1 1 \cdots 2`` -> ``5 8 \div 5 = 1 1 \cdots 2``
    Fires: ``\frac { 1 } { 2 } + \frac { 1 } { 3 } = \frac { 2 } { 5 }``
    Quiet: ``1 2 \times 3 = 3 6``
    Quiet: ``5 8 \div 5 = 1 1 \cdots 3``
    Quiet: ``( 2 + 3 ) \times 4 = 2 0 = 4 \times 5``
    Quiet: ``x = 3``
    Quiet: ``1 = 2 k``
    Quiet: ``1 0 \div 3 = 3 . 3 3``
    Quiet: ``2 ^ { 1 0 } = 1 0 2 4``
    Quiet: ``= 3 5``
    Quiet: ``1 8 + 1 2 = 3 0 3 0 \div 2``
    Fix: None: look at the picture.
    See: arXiv 2604.22774 on models that correct the writer.
    """
    for start, end, left, right in arithmetic.false_equations(label.tokens):
        yield label.at(start, end, f"{left} is not {right}: check whether the writer made this mistake")


@rule(
    "SEM023",
    "glued-calculations",
    "info",
    _CALCULATION & has(_NUMBER_GOES_ON),
    fix="unsafe",
    fix_kind="repair",
    covers={"SEM4": "finds two calculations that run together"},
)
def glued_calculations(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two calculations with nothing between them: `1 8 + 1 2 = 3 0 3 0 \div 2 = 1 5`.

    Why: The picture has a gap or a new line there; the label says 3030. Only labels that add up with it are named.
    Fires: ``1 8 + 1 2 = 3 0 3 0 \div 2 = 1 5`` -> ``3`` => ``1 8 + 1 2 = 3 0 \quad 3 0 \div 2 = 1 5``
    Quiet: ``1 8 + 1 2 = 3 0``
    Quiet: ``1 8 + 1 2 = 3 0 0``
    Quiet: ``1 8 + 1 2 = 3 0 \quad 3 0 \div 2 = 1 5``
    Fix: Unsafe: a `\quad` before the second.
    See: HME100K's training set.
    """
    for index, found in arithmetic.glued_equations(label.tokens):
        yield label.at(index, index + 1, f"another calculation begins after {found}", rf"\quad {label.tokens[index]}")


@rule(
    "SEM020",
    "dot-for-decimal-point",
    "warning",
    has(r"\d\s*\\cdot\s*\d"),
    fix="unsafe",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SEM3"],
)
def dot_for_decimal_point(label: Label, options: Options) -> Iterator[Finding]:
    r"""A centred dot instead of a decimal point: `1 2 \cdot 5 6 \times 2 = 2 5 . 1 2`.

    Why: The label is a product, but a decimal number was meant. It is reported only if the calculation is wrong with
    the dot and right with a point, or if the number begins with a single zero (`0 \cdot 1 5`).
    Fires: ``1 2 \cdot 5 6 \times 2 = 2 5 . 1 2`` -> ``\cdot`` => ``1 2 . 5 6 \times 2 = 2 5 . 1 2``
    Fires: ``x = 0 \cdot 1 5`` -> ``\cdot`` => ``x = 0 . 1 5``
    Quiet: ``2 \cdot 3 = 6``
    Quiet: ``4 \cdot 5 \cdot 1 0 = 2 0 0``
    Quiet: ``2 \cdot 2 c``
    Quiet: ``0 \cdot 5 = 0``
    Quiet: ``1 0 \cdot 2``
    Quiet: ``0 \cdot \frac { 1 } { 2 }``
    Quiet: ``1 \cdot 0 + 0 \cdot 2 + 3``
    Fix: Unsafe: a full stop.
    """
    tokens = label.tokens
    dots = [
        index
        for index in label.find(r"\cdot")
        if 0 < index < len(tokens) - 1 and tokens[index - 1].isdecimal() and tokens[index + 1].isdecimal()
    ]
    if not dots:
        return
    read = ["." if index in dots else token for index, token in enumerate(tokens)]
    proven = False
    if "=" in tokens and len(dots) < 4:
        wrong = any(True for _ in arithmetic.false_equations(tokens))
        proven = wrong and arithmetic.all_true(read)
    for index in dots:
        if proven or _lone_zero(tokens, index):
            yield label.at(index, index + 1, "a centred dot instead of a decimal point", ".")


def _lone_zero(tokens: list[str], dot: int) -> bool:
    """Is it `0 \\cdot` followed by two or more digits, which would be an odd product?"""
    before = tokens[dot - 2] if dot > 1 else ""
    digits = 0
    while dot + 1 + digits < len(tokens) and tokens[dot + 1 + digits].isdecimal():
        digits += 1
    after = tokens[dot + 1 + digits] if dot + 1 + digits < len(tokens) else ""
    return (
        tokens[dot - 1] == "0"
        and not before.isdecimal()
        and before not in (".", ",", r"\cdot", "}")
        and digits > 1
        and after not in (".", r"\cdot", "=", "+", "-")
    )


@rule(
    "SEM021",
    "letter-for-times",
    "warning",
    has(r"\d\s*[xX]\s*\d"),
    fix="unsafe",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SEM3"],
)
def letter_for_times(label: Label, options: Options) -> Iterator[Finding]:
    r"""The letter x between numbers instead of a multiplication sign: `6 x 1 0 ^ { 9 }`, `4 x 3 x 2 x 1`.

    Why: The sign and the letter look alike in handwriting. The label has an unknown where `\times` was meant.
    Fires: ``1 6 x 1 0 ^ { 9 }`` -> ``x`` => ``1 6 \times 1 0 ^ { 9 }``
    Fires: ``4 x 3 x 2 x 1`` -> ``x`` ``x`` ``x`` => ``4 \times 3 \times 2 \times 1``
    Quiet: ``1 6 \times 1 0 ^ { 9 }``
    Quiet: ``2 x + 1 0 ^ { 2 }``
    Quiet: ``2 x 1``
    Quiet: ``0 x 1 f``
    Fix: Unsafe: `\times`.
    See: Four labels of CROHME.
    """
    tokens = label.tokens
    crosses = [
        i
        for i in label.find("x", "X")
        if 0 < i < len(tokens) - 1 and tokens[i - 1].isdecimal() and tokens[i + 1].isdecimal()
    ]
    others = tokens.count("x") + tokens.count("X") - len(crosses)
    if others:
        return
    for index in crosses:
        power = tokens[index + 1 : index + 4] == ["1", "0", "^"]
        if power or len(crosses) > 1:
            yield label.at(index, index + 1, "the letter x instead of \\times", r"\times")


_CONFUSED = re.compile(
    r"(?<!\S)(?<!\d )(?<![A-Za-z_}\]^{] )O \. \d|(?<!\S)\d O \d(?!\S)|(?<!\S)[lI] \. \d(?!\S)"
    r"|(?:(?<![A-Za-z\d] )|(?<=[A-Za-z] \d ))(?<!\S)\d(?: \d)*+ \. (?:\d )*+[Ol](?: \d)+(?!\S)"
)


_DIGIT = str.maketrans("OlI", "011")


@rule(
    "SEM022",
    "letter-in-number",
    "info",
    has(r"[OlI]\s*\.\s*\d|\d\s*[Ol]\s*\d"),
    fix="display",
    fix_kind="repair",
    covers=["SEM3"],
)
def letter_in_number(label: Label, options: Options) -> Iterator[Finding]:
    r"""A letter that looks like a digit inside a number: `O . 2`, `3 O 5`.

    Why: O and 0 look alike in handwriting, and so do l and 1. A number has only digits.
    Fires: ``I = O . 2 A`` -> ``O . 2`` => ``I = 0 . 2 A``
    Fires: ``3 O 5`` -> ``3 O 5`` => ``3 0 5``
    Quiet: ``0 . 2``
    Quiet: ``2 O + 5``
    Quiet: ``H _ { 2 } O . 5``
    Quiet: ``\angle A O . 3``
    Fix: Display: the digit.
    """
    for place in places(label, _CONFUSED):
        replacement = label.shown(place.start, place.end, len(label.text)).translate(_DIGIT)
        yield label.at(place.start, place.end, "a letter inside a number", replacement)
