"""CAN and SYN: scripts, primes and degrees in a second spelling or on a wrong base; what they swallow is in `scope`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.options import OFF
from rules.registry import EVERY, PUPILS_SLIP, Options, rule
from rules.toolkit.braces import base_of, nesting, places
from rules.toolkit.label import Label
from rules.toolkit.sieves import WITHIN, has, has_command, has_text


@rule(
    "CAN002",
    "script-order",
    "info",
    has(rf"\^\s*(?:[^\s{{\\]|\\prime|\{{{WITHIN}\}})\s*_"),
    fix="safe",
    spelling=True,
)
def script_order(label: Label, options: Options) -> Iterator[Finding]:
    r"""The superscript before the subscript: `x ^ { 2 } _ { i }`.

    Why: LaTeX draws both orders alike, so the label holds a choice that no picture shows.
    Fires: ``x ^ { 2 } _ { i }`` -> ``^ { 2 } _ { i }``
    Fires: ``x^2_i`` -> ``^2_i``
    Fires: ``\sum ^ { n } _ { i = 1 } i`` -> ``^ { n } _ { i = 1 }``
    Quiet: ``x _ { i } ^ { 2 }``
    Quiet: ``x ^ { 2 } y _ { i }``
    Quiet: ``x ^ { 2 _ { i } }``
    Quiet: ``x ^ { 2 } { } _ { i }``
    Fix: Safe: the subscript first.
    See: 35 labels in one public copy of CROHME's training set, none in the other.
    """
    tokens = label.tokens
    pairs = label.partners
    for index in label.find("^"):
        sup_end = _script_end(tokens, index, pairs)
        if sup_end is None or sup_end >= len(tokens) or tokens[sup_end] != "_" or nesting(tokens, index, sup_end) > 3:
            continue
        sub_end = _script_end(tokens, sup_end, pairs)
        before = base_of(tokens, index)
        if sub_end is None or before is None or tokens[sub_end : sub_end + 1] in (["^"], ["_"], ["'"]):
            continue
        sup = label.text[label.spans[index][0] : label.spans[sup_end - 1][1]]
        sub = label.text[label.spans[sup_end][0] : label.spans[sub_end - 1][1]]
        gap = label.text[label.spans[sup_end - 1][1] : label.spans[sup_end][0]]
        yield label.at(index, sub_end, "the superscript stands before the subscript", f"{sub}{gap}{sup}")


def _script_end(tokens: list[str], script: int, pairs: dict[int, int]) -> int | None:
    """The token after the script whose sign is at `script`, where that can be told without reading commands."""
    at = script + 1
    if at in pairs:
        return pairs[at] + 1
    if at < len(tokens) and ((len(tokens[at]) == 1 and tokens[at] not in "{}_^&'") or tokens[at] == r"\prime"):
        return at + 1
    return None


_BARE_PRIME = re.compile(r"(?<!\S)(?<![\^{,] )(?<!\\prime )(?<!\\, )(?:[A-Za-z]|\\[a-z]+|[)\]}])( \\prime)+(?!\S)")


@rule("CAN004", "bare-prime", "warning", has(r"\\prime"), fix="unsafe", severity_in=PUPILS_SLIP)
def bare_prime(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\prime` without `^`: `y \prime`.

    Why: LaTeX draws a large prime on the base line; what was meant is `y ^ { \prime }`.
    Fires: ``y < y \prime`` -> ``\prime``
    Fires: ``f \prime ( x )`` -> ``\prime``
    Quiet: ``y ^ { \prime }``
    Quiet: ``y ^ { \prime \prime }``
    Quiet: ``y ^ { i \prime }``
    Quiet: ``y ^ \prime``
    Quiet: ``\prime``
    Fix: Unsafe: `^ { \prime }`.
    See: two labels of CROHME 2014.
    """
    words = _script_tokens(label)
    for place in places(label, _BARE_PRIME):
        start = label.tokens.index(r"\prime", place.start)
        if start not in words and label.tokens[start - 1] not in _NOT_PRIMED:
            primes = " ".join(label.tokens[start : place.end])
            yield label.at(start, place.end, "\\prime without ^ is drawn large on the base line", f"^ {{ {primes} }}")


_NOT_PRIMED = frozenset(
    [r"\quad", r"\qquad", r"\left", r"\right", r"\cdot", r"\times", r"\rm", r"\bf", r"\scriptstyle", r"\sp", r"\sb"]
)


def _script_tokens(label: Label) -> set[int]:
    """The tokens inside scripts."""
    inside: set[int] = set()
    for _, opening, closing in label.scripts:
        inside.update(range(opening, closing))
    return inside


@rule("CAN011", "quote-prime", "info", has_text("'"), fix="safe", options={EVERY: OFF}, spelling=True)
def quote_prime(label: Label, options: Options) -> Iterator[Finding]:
    r"""A prime as a quote: `f'` for `f ^ { \prime }`.

    Why: Two spellings of one sign; tokenised data sets write `^ { \prime }`.
    Fires: ``f' ( x )`` -> ``'``
    Fires: ``f'' + g'`` -> ``''``
    Quiet: ``f ^ { \prime } ( x )``
    Quiet: ``\text{don't}``
    Quiet: ``x ^ { ' }``
    Fix: Safe: `^ { \prime }`. One finding a label, at the first place; with `every = true` one at each.
    """
    runs: list[tuple[int, int]] = []  # (first quote, token after the last)
    for index in label.find("'"):
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        elif index in label.prose or (index and label.tokens[index - 1] in ("{", "^")):
            continue
        else:
            runs.append((index, index + 1))
    more = f", {len(runs)} in this label" if len(runs) > 1 else ""
    for start, end in runs if options[EVERY] else runs[:1]:
        adjacent = all(label.spans[i][1] == label.spans[i + 1][0] for i in range(start, end - 1))
        follows = label.tokens[end : end + 1] in (["^"], ["_"])
        replacement = f"^ {{ {' '.join([chr(92) + 'prime'] * (end - start))} }}" if adjacent and not follows else None
        yield label.at(start, end, f"a prime as a quote{more}", replacement)


@rule("CAN012", "quote-in-script", "info", has(r"\^\s*\{\s*'"), fix="unsafe", spelling=True)
def quote_in_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A quote inside a superscript: `f ^ { ' }`, a prime on a script.

    Why: The quote is a superscript by itself, so LaTeX raises it twice and draws it smaller than a prime.
    Fires: ``f ^ { ' }`` -> ``'``
    Fires: ``\eta^{'\nu}`` -> ``'``
    Quiet: ``f'``
    Quiet: ``f ^ { \prime }``
    Quiet: ``x ^ { f' }``
    Fix: Unsafe: `\prime`, which is drawn larger and lower.
    See: 21 labels of the normalised im2latex validation set.
    """
    for index in label.find("'"):
        if label.tokens[max(0, index - 2) : index] == ["^", "{"]:
            end = index + 1
            while label.tokens[end : end + 1] == ["'"]:
                end += 1
            primes = " ".join([r"\prime"] * (end - index))
            yield label.at(index, end, "a quote in a superscript is raised twice", primes)


_LETTER_DEGREE = re.compile(r"(?<=\d \^ \{ )[oO](?= \})|(?<=\d \^ )[oO](?!\S)")


@rule("SEM015", "letter-for-degree", "warning", has(r"\d\s*\^\s*\{?\s*[oO]"), fix="unsafe", severity_in=PUPILS_SLIP)
def letter_for_degree(label: Label, options: Options) -> Iterator[Finding]:
    r"""A letter o as a superscript of a number: `6 0 ^ { o }`.

    Why: It is the degree sign, `\circ`; the letter has another shape, and the label another token.
    Fires: ``6 0 ^ { o }`` -> ``o``
    Fires: ``\sin 30^o`` -> ``o``
    Quiet: ``6 0 ^ { \circ }``
    Quiet: ``e ^ { o }``
    Quiet: ``2 ^ { o ( n ) }``
    Fix: Unsafe: `\circ`.
    See: three labels each of CROHME 2014 and CROHME 2023.
    """
    for place in places(label, _LETTER_DEGREE):
        yield label.at(place.start, place.end, "the letter o for the degree sign", r"\circ")


_ZERO_DEGREE = re.compile(r"(?<!\S)\\(?:sin|cos|tan|cot|angle)(?: [A-Z]){0,3}(?: =)?(?: \d)+ \^ \{ (0) \}(?! [\w(])")
_BARE_DEGREE = re.compile(
    r"(?<!\S)(?:\d )+(\\circ)(?= [^\w(\\{]|$| \\(?:times|div|cdot|because|therefore|quad|angle|right)(?![a-z]))"
)


@rule(
    "SEM016", "degree-misspelt", "warning", has(r"\^\s*\{\s*0\s*\}|\d\s*\\circ"), fix="unsafe", severity_in=PUPILS_SLIP
)
def degree_misspelt(label: Label, options: Options) -> Iterator[Finding]:
    r"""An angle whose degree sign is a zero or stands on the base line: `\sin 3 0 ^ { 0 }`, `\sin 3 0 \circ`.

    Why: The label draws a power of zero, or a small circle between numbers.
    Fires: ``\sin 3 0 ^ { 0 }`` -> ``0``
    Fires: ``\angle A = 6 0 ^ { 0 }`` -> ``0``
    Fires: ``\sin 1 3 5 \circ = 1`` -> ``\circ``
    Quiet: ``\sin 3 0 ^ { \circ }``
    Quiet: ``f \circ g``
    Quiet: ``2 ^ { 0 } + 1``
    Quiet: ``2 \circ x``
    Fix: Unsafe: `^ { \circ }`.
    """
    for place in places(label, _ZERO_DEGREE, 1):
        yield label.at(place.start, place.end, "a zero for the degree sign", r"\circ")
    for place in places(label, _BARE_DEGREE, 1):
        if label.tokens[place.start - 1].isdecimal() and r"\angle" not in label.tokens[place.end : place.end + 1]:
            yield label.at(place.start, place.end, "a degree sign on the base line", r"^ { \circ }")


@rule(
    "SYN031",
    "lone-relation-in-script",
    "warning",
    has(r"[\^_]\s*\{\s*[=,]\s*\}"),
    fix="display",
    severity_in=PUPILS_SLIP,
)
def lone_relation_in_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script that holds nothing but an equals sign or a comma: `V _ { = } \frac { E } { B }`, `F ( x _ { , } y )`.

    Why: The sign stood a little low or high in the picture and was taken for a script; the label says no equation.
    Fires: ``V _ { = } \frac { E } { B L }`` -> ``_ { = }``
    Fires: ``F ( x _ { , } y )`` -> ``_ { , }``
    Quiet: ``V = \frac { E } { B L }``
    Quiet: ``x _ { + }``
    Quiet: ``\phi _ { < }``
    Quiet: ``\sum _ { i = 1 } i``
    Quiet: ``1 0 0 _ { , 0 }``
    Fix: Display: the sign on the base line.
    """
    tokens = label.tokens
    for index, opening, closing in label.scripts:
        if closing - opening == 2 and tokens[opening + 1] in ("=", ",") and base_of(tokens, index) is not None:
            sign = tokens[opening + 1]
            yield label.at(index, closing + 1, f"a script that holds only {sign}", sign)


_OPERATORS = frozenset(["+", "-", "=", r"\times", r"\div"])


@rule("SYN032", "script-on-operator", "info", has(r"(?:[-+=(,]|\\times|\\div)\s*[\^_]"))
def script_on_operator(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script on an operator, an opening parenthesis or a comma: `4 3 0 + ^ { 2 }`, `E ( _ { x } )`.

    Why: Nothing there can carry it, so a symbol between was lost, or the script belongs to the one before.
    Fires: ``4 3 0 + ^ { 2 } - 1`` -> ``+ ^``
    Fires: ``E ( _ { x } ) = 0`` -> ``( _``
    Quiet: ``x ^ { 2 } + 1``
    Quiet: ``r _ + ^ 2``
    Quiet: ``A : = _ { d e f } B``
    Quiet: ``\Gamma ^ + _ 1``
    Quiet: ``, ^ * F``
    Fix: None: look at the picture. Letters under `=` ("by definition") are not meant, nor indices before a symbol.
    """
    tokens = label.tokens
    for index in label.find("^", "_"):
        base = base_of(tokens, index)
        if base != index - 1 or index + 1 >= len(tokens):
            continue
        content = tokens[index + 2 : index + 3] if tokens[index + 1] == "{" else tokens[index + 1 : index + 2]
        if tokens[base] in _OPERATORS:
            worded = content[:1] and (
                content[0].isalpha() or content[0] in ("*", r"\prime", r"\mathrm", r"\text", r"\cdot")
            )
            if tokens[index] == "^" or not worded:
                yield label.at(base, index + 1, f"a script stands on {tokens[base]}")
        elif tokens[base] == "(" and tokens[index] == "_" and content and content[0].isalnum():
            yield label.at(base, index + 1, "a script stands on (")


@rule("CAN021", "root-index-two", "info", has(r"\\sqrt\s*\[\s*2\s*\]"), fix="unsafe")
def root_index_two(label: Label, options: Options) -> Iterator[Finding]:
    r"""A square root with its index written: `\sqrt [ 2 ] { x }`.

    Why: Hardly anybody writes the 2; in front of a number it is more often a factor: `2 \sqrt { 3 }`.
    Fires: ``\sqrt [ 2 ] { x }`` -> ``[ 2 ]``
    Quiet: ``\sqrt { x }``
    Quiet: ``\sqrt [ 3 ] { x }``
    Fix: Unsafe: look at the picture.
    """
    for index in label.find(r"\sqrt"):
        if label.tokens[index + 1 : index + 4] == ["[", "2", "]"]:
            yield label.at(index + 1, index + 4, "the index of a square root is hardly ever written", "")


@rule(
    "CMD021",
    "limits-on-integral",
    "info",
    has_command("limits", "nolimits") & has_command("int", "oint", "iint"),
    fix="unsafe",
    spelling=True,
)
def limits_on_integral(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\limits` on an integral: `\int \limits _ { a } ^ { b }`.

    Why: The bounds stand above and below instead of beside the sign; two annotators of one picture choose differently.
    Fires: ``\int \limits _ { a } ^ { b } x`` -> ``\limits``
    Quiet: ``\int _ { a } ^ { b } x``
    Quiet: ``\sum \limits _ { i } \int x``
    Fix: Unsafe: the bounds move.
    """
    for index in label.find(r"\limits"):
        if index and label.tokens[index - 1] in (r"\int", r"\oint", r"\iint", r"\iiint"):
            yield label.at(index, index + 1, "bounds above and below an integral", "")
