"""SYN: what slid into a script, a root or a fraction, or fell out of it, in a label that still compiles.

A brace that closes too late leaves a label that LaTeX draws without complaint: `x ^ { 5 = y }`. Which side of the sign
belongs inside can only be guessed, so fixes here are for display. A brace that is missing altogether is SYN001's.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.groups import RELATIONS, base_of, closers, script_places, top_level
from rules.label import Label
from rules.registry import Options, rule
from rules.sieves import has, has_command

_RELATION = r"(?:[=<>]|\\(?:leq?|geq?|leqslant|geqslant|neq?|approx|equiv|simeq|cong|sim|ll|gg)(?:[^A-Za-z]|$))"


def _first_relation(tokens: list[str], start: int, end: int) -> int | None:
    return next((index for index in top_level(tokens, start, end) if tokens[index] in RELATIONS), None)


def _moved_out(label: Label, opening: int, sign: int, closing: int) -> str:
    """The group with its closing brace moved before the token `sign`."""
    text, spans = label.text, label.spans
    gap = " " if text[spans[sign][0] - 1].isspace() else ""
    before = text[spans[opening][0] : spans[sign][0]].rstrip()
    after = text[spans[sign][0] : spans[closing - 1][1]]
    return f"{before}{gap}}}{gap}{after}"


@rule("SYN029", "relation-in-root", "warning", has_command("sqrt") & has(_RELATION), fix="display")
def relation_in_root(label: Label, options: Options) -> Iterator[Finding]:
    r"""An equation under a root: `\sqrt { a = 6 }`.

    Why: A root of a statement means nothing; its brace closes too late, and the bar covers half the line.
    Fires: ``a \neq 5 \sqrt { a = 6 }`` -> ``{ a = 6 }``
    Fires: ``\sqrt{x^2=2-1}`` -> ``{x^2=2-1}``
    Quiet: ``\sqrt { a } = 6``
    Quiet: ``\sqrt { f ( x = 0 ) }``
    Quiet: ``\sqrt { \sum _ { i = 1 } ^ n x _ i }``
    Quiet: ``\sqrt { < x ^ 2 > }``
    Fix: Display: the brace before the relation.
    """
    tokens = label.tokens
    pairs = closers(tokens)
    for index in label.find(r"\sqrt"):
        opening = index + 1
        if tokens[opening : opening + 1] == ["["]:
            opening = tokens.index("]", opening) + 1 if "]" in tokens[opening:] else opening
        closing = pairs.get(opening)
        if closing is None or _brackets(tokens, opening, closing):
            continue
        sign = _first_relation(tokens, opening + 1, closing)
        if sign is not None and opening + 1 < sign < closing - 1:
            yield label.at(
                opening, closing + 1, f"{tokens[sign]} stands under the root", _moved_out(label, opening, sign, closing)
            )


def _brackets(tokens: list[str], start: int, end: int) -> bool:
    """Are `<` and `>` brackets here, as in `< x >`?"""
    inside = tokens[start:end]
    return "<" in inside and ">" in inside or "|" in inside and ">" in inside


#: What has a range or a condition above it: operators, evaluation bars, closing brackets, big symbols in a font.
_TAKES_CONDITION = frozenset(["|", "]", ")", r"\rangle", r"\}", r"\|", r"\vert", r"\infty", r"\rightarrow", r"\bigr", "."])


@rule("SYN030", "relation-in-superscript", "warning", has(r"\^") & has(_RELATION), fix="display")
def relation_in_superscript(label: Label, options: Options) -> Iterator[Finding]:
    r"""An equation in a superscript whose left side is a number: `x ^ { 5 = y }`.

    Why: The superscript's brace closes too late: `x ^ { 5 } = y` was meant. Of 2,300 CROHME 2023 test labels in one
    public copy, 203 are balanced and wrong like this.
    Fires: ``x ^ { 5 = y }`` -> ``{ 5 = y }``
    Fires: ``a ^ { 2 + b ^ { 2 } = c ^ { 2 } }`` -> ``{ 2 + b ^ { 2 } = c ^ { 2 } }``
    Fires: ``2^{10=1024}`` -> ``{10=1024}``
    Quiet: ``x ^ { 5 } = y``
    Quiet: ``{ \cal L } ^ { N = 2 }``
    Quiet: ``\sum _ { j = 1 } ^ { j = N } x``
    Quiet: ``\sum ^ { 0 \leq i \leq n } x``
    Quiet: ``\Big ] ^ { 0 = t }``
    Quiet: ``x ^ { ( n = 2 ) }``
    Quiet: ``a \xrightarrow { 2 = b } c``
    Fix: Display: the brace before the relation.
    """
    tokens = label.tokens
    for index, opening, closing in script_places(tokens):
        if tokens[index] != "^" or _brackets(tokens, opening, closing):
            continue
        base = base_of(tokens, index)
        sign = _first_relation(tokens, opening + 1, closing)
        if sign is None or base is None or not opening + 1 < sign < closing - 1 or not _on_symbol(tokens, base):
            continue
        if _starts_as_exponent(tokens, opening + 1, sign):
            message = f"{tokens[sign]} stands in the exponent; its brace closes too late"
            yield label.at(opening, closing + 1, message, _moved_out(label, opening, sign, closing))


def _on_symbol(tokens: list[str], base: int) -> bool:
    """Is the base a letter, a number or a group, and nothing that takes a condition above it?"""
    token = tokens[base]
    return token not in _TAKES_CONDITION and (len(token) == 1 or token in _GREEK)


_GREEK = frozenset(
    rf"\{name}"
    for name in "alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon "
    "phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell partial sin cos tan".split()
)


def _starts_as_exponent(tokens: list[str], start: int, sign: int) -> bool:
    """A number, or a number and a sum that goes on: what an exponent starts with and a condition doesn't."""
    at = start + 1 if tokens[start] == "-" else start
    if at >= sign or not tokens[at].isdigit():
        return False
    while at < sign and tokens[at].isdigit():
        at += 1
    return at == sign or tokens[at] in ("+", "-", r"\times", r"\div", r"\cdot", ".", ",")


@rule("SYN033", "relation-in-fraction", "info", has_command("frac") & has(_RELATION), fix="display")
def relation_in_fraction(label: Label, options: Options) -> Iterator[Finding]:
    r"""An equation above or below a fraction bar: `\frac { F = m a } { t }`.

    Why: The bar in the picture is shorter than the label says, or a line was written over another. Rules of inference
    have statements on both sides and are not meant.
    Fires: ``\frac { F = d ( m a ) } { d t }`` -> ``{ F = d ( m a ) }``
    Fires: ``\frac { = S } { 2 }`` -> ``{ = S }``
    Quiet: ``\frac { a } { b } = c``
    Quiet: ``\frac { P ( x = 1 ) } { 2 }``
    Quiet: ``\frac { A = B } { C = D }``
    Quiet: ``\frac { < x > } { 2 }``
    Fix: None: look at the picture.
    """
    tokens = label.tokens
    pairs = closers(tokens)
    for index in label.find(r"\frac", r"\dfrac", r"\tfrac"):
        above = pairs.get(index + 1)
        below = None if above is None else pairs.get(above + 1)
        if above is None or below is None:
            continue
        parts = [(index + 1, above), (above + 1, below)]
        signs = [_first_relation(tokens, opening + 1, closing) for opening, closing in parts]
        if (signs[0] is None) == (signs[1] is None) or _brackets(tokens, index, below):
            continue
        opening, closing = parts[0] if signs[0] is not None else parts[1]
        yield label.at(opening, closing + 1, "a relation stands on one side of a fraction bar")


@rule("SYN034", "unclosed-script-chain", "warning", has(r"\^[^}]*\{[^}]*[-+][^}]*\^"), fix="display")
def unclosed_script_chain(label: Label, options: Options) -> Iterator[Finding]:
    r"""A sum whose every term stands in the exponent of the one before: `a ^ { 2 + b ^ { 2 + c ^ { 2 } } }`.

    Why: The exponents were never closed, and all the braces were put at the end to make the label compile.
    Fires: ``a ^ { 2 + b ^ { 2 + c ^ { 2 } } }`` -> ``{ 2 + b ^ { 2 + c ^ { 2 } } }``
    Fires: ``x ^ { 2 + y ^ { 2 - 1 } }`` -> ``{ 2 + y ^ { 2 - 1 } }``
    Quiet: ``a ^ { 2 } + b ^ { 2 } + c ^ { 2 }``
    Quiet: ``2 ^ { 2 ^ { 2 } }``
    Quiet: ``e ^ { - x ^ { 2 } }``
    Quiet: ``2 ^ { 1 + 2 ^ { n } }``
    Quiet: ``x ^ { 2 + n ^ { 2 } } y``
    Fix: Display: each brace behind its number.
    """
    tokens = label.tokens
    pairs = closers(tokens)
    done = -1
    for index, opening, closing in script_places(tokens):
        if tokens[index] != "^" or opening < done:
            continue
        chain = _chain(tokens, pairs, opening)
        if len(chain) > 1 and all(pairs[start] == closing - depth for depth, start in enumerate(chain)):
            base = base_of(tokens, index)
            if base is not None and tokens[base].isalpha() or tokens[base or 0] == ")":
                yield label.at(opening, closing + 1, "each term stands in the exponent of the one before")
                done = closing


def _chain(tokens: list[str], pairs: dict[int, int], opening: int) -> list[int]:
    """The opening braces of exponents nested like `{ 2 + b ^ { 2 - 1 } }`: each a number, a sign, and a term."""
    chain: list[int] = []
    at = opening
    while at in pairs:
        number = at + 1
        while number < pairs[at] and tokens[number].isdigit():
            number += 1
        if number == at + 1 or number >= pairs[at] or tokens[number] not in ("+", "-", "="):
            return chain
        chain.append(at)
        nested = [
            start for index, start, end in script_places(tokens[: pairs[at] + 1]) if tokens[index] == "^" and start > number and end == pairs[at] - 1
        ]
        if not nested:
            return chain
        at = nested[0]
    return chain


@rule("SYN035", "sum-in-exponent", "info", has(r"\^\s*\{\s*\d[\d\s]*[-+][\d\s.]+\}"), fix="display")
def sum_in_exponent(label: Label, options: Options) -> Iterator[Finding]:
    r"""A sum of two numbers in an exponent: `x ^ { 2 - 1 }`.

    Why: Few write what they could add; more often `x ^ { 2 } - 1` was meant and the brace closes too late.
    Fires: ``\sqrt { x ^ { 2 - 1 } }`` -> ``{ 2 - 1 }``
    Quiet: ``x ^ { 2 } - 1``
    Quiet: ``x ^ { n - 1 }``
    Quiet: ``2 ^ { 3 + 4 } = 2 ^ { 7 }``
    Quiet: ``e ^ { - 1 }``
    Fix: Display: the brace before the sign.
    """
    tokens = label.tokens
    for index, opening, closing in script_places(tokens):
        base = base_of(tokens, index)
        if tokens[index] != "^" or base is None or not tokens[base].isalpha():
            continue
        inside = tokens[opening + 1 : closing]
        signs = [at for at, token in enumerate(inside) if token in ("+", "-")]
        if len(signs) == 1 and 0 < signs[0] < len(inside) - 1 and all(t.isdigit() or t in ".+-" for t in inside):
            replacement = _moved_out(label, opening, opening + 1 + signs[0], closing)
            yield label.at(opening, closing + 1, "a sum of two numbers in the exponent", replacement)


@rule("SYN036", "crossed-brackets", "info", has(r"\(") & has(r"\["))
def crossed_brackets(label: Label, options: Options) -> Iterator[Finding]:
    r"""Parentheses and brackets that cross: `( [ a ) ]`.

    Why: Both kinds are balanced, so counting them says nothing; two of them are swapped.
    Fires: ``( [ a ) ]`` -> ``)``
    Fires: ``[ 2 ( x + 1 ] )`` -> ``]``
    Quiet: ``[ ( a ) ]``
    Quiet: ``[ 0 , 1 ) \cup ( 2 , 3 ]``
    Quiet: ``( a , b ]``
    Fix: None: look at the picture.
    """
    stack: list[str] = []
    tokens = label.tokens
    if tokens.count("(") != tokens.count(")") or tokens.count("[") != tokens.count("]"):
        return
    for index, token in enumerate(tokens):
        if token in ("(", "["):
            stack.append(token)
        elif token in (")", "]"):
            partner = "(" if token == ")" else "["
            if not stack:
                return
            if stack[-1] != partner:
                if partner in stack and len(stack) > 1:
                    yield label.at(index, index + 1, f"{token} closes across {stack[-1]}")
                return
            stack.pop()
