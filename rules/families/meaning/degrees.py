"""SEM: degree signs that are letters or zeros, or that are on the baseline."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

_LETTER_DEGREE = re.compile(r"(?<=\d \^ \{ )[oO](?= \})|(?<=\d \^ )[oO](?!\S)")


@rule(
    "SEM015",
    "letter-for-degree",
    "warning",
    has(r"\d\s*\^\s*\{?\s*[oO]"),
    fix="unsafe",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SEM3"],
)
def letter_for_degree(label: Label, options: Options) -> Iterator[Finding]:
    r"""A letter o as a superscript of a number: `6 0 ^ { o }`.

    Why: The degree sign, `\circ`, is meant. The letter has a different shape, and the vocabulary gets two tokens for
    one sign.
    Fires: ``6 0 ^ { o }`` -> ``o`` => ``6 0 ^ { \circ }``
    Fires: ``\sin 30^o`` -> ``o`` => ``\sin 30^\circ``
    Quiet: ``6 0 ^ { \circ }``
    Quiet: ``e ^ { o }``
    Quiet: ``2 ^ { o ( n ) }``
    Quiet: ``E _ 1 ^ o``
    Fix: Unsafe: `\circ`.
    See: Three labels each in CROHME 2014 and CROHME 2023.
    """
    for place in places(label, _LETTER_DEGREE):
        number = place.start - 1
        while number > 0 and (label.tokens[number] in ("^", "{") or label.tokens[number].isdecimal()):
            number -= 1
        if label.tokens[number] == "_":
            continue  # of `E _ 1 ^ o`
        letter = label.tokens[place.start]
        yield label.at(place.start, place.end, f"the letter {letter} instead of the degree sign", r"\circ")


_ZERO_DEGREE = re.compile(r"(?<!\S)\\(?:sin|cos|tan|cot|angle)(?: [A-Z]){0,3}(?: =)?(?: \d)+ \^ \{ (0) \}(?! [\w(])")


_BARE_DEGREE = re.compile(
    r"(?<!\S)(?<!\d )(?:\d )++(\\circ)"
    r"(?= [^\w(\\{]|$| \\(?:times|div|cdot|because|therefore|quad|angle|right)(?![a-z]))"
)


@rule(
    "SEM016",
    "degree-misspelt",
    "warning",
    has(r"\^\s*\{\s*0\s*\}|\d\s*\\circ"),
    fix="unsafe",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SEM3"],
)
def degree_misspelt(label: Label, options: Options) -> Iterator[Finding]:
    r"""An angle whose degree sign is a zero or is on the baseline: `\sin 3 0 ^ { 0 }`, `\sin 3 0 \circ`.

    Why: The label draws a zero exponent, or a small circle between numbers.
    Fires: ``\sin 3 0 ^ { 0 }`` -> ``0`` => ``\sin 3 0 ^ { \circ }``
    Fires: ``\angle A = 6 0 ^ { 0 }`` -> ``0`` => ``\angle A = 6 0 ^ { \circ }``
    Fires: ``\sin 1 3 5 \circ = 1`` -> ``\circ`` => ``\sin 1 3 5 ^ { \circ } = 1``
    Quiet: ``\sin 3 0 ^ { \circ }``
    Quiet: ``f \circ g``
    Quiet: ``2 ^ { 0 } + 1``
    Quiet: ``2 \circ x``
    Fix: Unsafe: `^ { \circ }`.
    """
    for place in places(label, _ZERO_DEGREE, 1):
        yield label.at(place.start, place.end, "a zero instead of the degree sign", r"\circ")
    for place in places(label, _BARE_DEGREE, 1):
        if label.tokens[place.start - 1].isdecimal() and r"\angle" not in label.tokens[place.end : place.end + 1]:
            yield label.at(place.start, place.end, "a degree sign on the baseline", r"^ { \circ }")
