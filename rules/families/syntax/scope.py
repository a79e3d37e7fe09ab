"""SYN: parts that ended up in or outside a script, a root or a fraction, in a label that still compiles.

LaTeX draws a label with a brace that closes too late without complaint: `x ^ { 5 = y }`. Where the brace belongs is a
guess, so the fixes here are only displayed. SYN001 reports missing braces.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit.braces import RELATIONS, base_of, moved_out, nesting, top_level
from rules.toolkit.label import Label
from rules.toolkit.sieves import WITHIN, WITHIN_BALANCED, has

_RELATION = r"(?:[=<>]|\\(?:leq?|geq?|leqslant|geqslant|neq?|approx|equiv|simeq|cong|sim|ll|gg)(?:[^A-Za-z]|$))"


def _first_relation(tokens: list[str], start: int, end: int) -> int | None:
    """The first relation outside any braces and parentheses; None if groups before it are nested too deeply."""
    sign = next((index for index in top_level(tokens, start, end) if tokens[index] in RELATIONS), None)
    return sign if sign is None or nesting(tokens, start, sign) <= 2 else None


@rule(
    "SYN040",
    "relation-in-root",
    "warning",
    has(rf"\\sqrt\s*(?:\[(?s:.)*\]\s*)?\{{{WITHIN}{_RELATION}"),
    fix="display",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SYN-swallowed"],
)
def relation_in_root(label: Label, options: Options) -> Iterator[Finding]:
    r"""An equation under a root: `\sqrt { a = 6 }`.

    Why: The root of an equation means nothing. The brace closes too late, and the bar covers too much.
    Fires: ``a \neq 5 \sqrt { a = 6 }`` -> ``{ a = 6 }`` => ``a \neq 5 \sqrt { a } = 6``
    Fires: ``\sqrt{x^2=2-1}`` -> ``{x^2=2-1}`` => ``\sqrt{x^2}=2-1``
    Quiet: ``\sqrt { a } = 6``
    Quiet: ``\sqrt { f ( x = 0 ) }``
    Quiet: ``\sqrt { \sum _ { i = 1 } ^ n x _ i }``
    Quiet: ``\sqrt { < x ^ 2 > }``
    Fix: Display: the closing brace before the relation.
    """
    tokens = label.tokens
    pairs = label.partners
    last = max(label.find("]"), default=-1)
    for index in label.find(r"\sqrt"):
        opening = index + 1
        if tokens[opening : opening + 1] == ["["] and opening < last:
            opening = tokens.index("]", opening) + 1
        closing = pairs.get(opening)
        if closing is None or _brackets(tokens, opening, closing):
            continue
        sign = _first_relation(tokens, opening + 1, closing)
        if sign is not None and opening + 1 < sign < closing - 1:
            yield label.at(
                opening, closing + 1, f"{tokens[sign]} is under the root", moved_out(label, opening, sign, closing)
            )


def _brackets(tokens: list[str], start: int, end: int) -> bool:
    """Are `<` and `>` brackets here, as in `< x >`?"""
    inside = tokens[start:end]
    return ("<" in inside and ">" in inside) or ("|" in inside and ">" in inside)


#: Tokens that may have a range or condition above them: operators, evaluation bars, closing brackets, big symbols.
_TAKES_CONDITION = frozenset(["|", "]", r"\rangle", r"\}", r"\|", r"\vert", r"\infty", r"\rightarrow", r"\bigr", "."])


@rule(
    "SYN030",
    "relation-in-script",
    "warning",
    has(rf"[\^_]\s*\{{\s*-?\s*\d{WITHIN}{_RELATION}"),
    fix="display",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SYN-swallowed"],
)
def relation_in_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""An equation in a script, with a number on the left: `x ^ { 5 = y }`.

    Why: The brace of the script closes too late: `x ^ { 5 } = y` was meant. Of the 2,300 CROHME 2023 test labels in one
    public copy, 203 are balanced but wrong in this way.
    Fires: ``x ^ { 5 = y }`` -> ``{ 5 = y }`` => ``x ^ { 5 } = y``
    Fires: ``a ^ { 2 + b ^ { 2 } = c ^ { 2 } }`` -> ``{ 2 + b ^ { 2 } = c ^ { 2 } }``
    Fires: ``2^{10=1024}`` -> ``{10=1024}`` => ``2^{10}=1024``
    Quiet: ``x ^ { 5 } = y``
    Quiet: ``{ \cal L } ^ { N = 2 }``
    Quiet: ``\sum _ { j = 1 } ^ { j = N } x``
    Quiet: ``\sum ^ { 0 \leq i \leq n } x``
    Quiet: ``\Big ] ^ { 0 = t }``
    Fires: ``( a + b ) ^ { 2 = c }`` -> ``{ 2 = c }`` => ``( a + b ) ^ { 2 } = c``
    Fires: ``x _ { 1 = - 2 }`` -> ``{ 1 = - 2 }`` => ``x _ { 1 } = - 2``
    Quiet: ``x ^ { ( n = 2 ) }``
    Quiet: ``x _ { n = 1 }``
    Quiet: ``( a _ i ) _ { 1 \leq i \leq n }``
    Fires: ``\sin ^ { 2 \theta = 4 }`` -> ``{ 2 \theta = 4 }`` => ``\sin ^ { 2 \theta } = 4``
    Quiet: ``a \xrightarrow { 2 = b } c``
    Fix: Display: the closing brace before the relation.
    """
    tokens = label.tokens
    for index, opening, closing in label.scripts:
        if _brackets(tokens, opening, closing):
            continue
        base = base_of(tokens, index)
        sign = _first_relation(tokens, opening + 1, closing)
        if sign is None or base is None or not opening + 1 < sign < closing - 1 or not _on_symbol(tokens, base):
            continue
        if tokens[index] == "_" and (tokens[sign] != "=" or tokens[base] in (")", "}")):
            continue  # the range of an index: 1 \leq i \leq n
        if _starts_as_exponent(tokens, opening + 1, sign):
            message = f"{tokens[sign]} is in the script, whose brace probably closes too late"
            yield label.at(opening, closing + 1, message, moved_out(label, opening, sign, closing))


def _on_symbol(tokens: list[str], base: int) -> bool:
    """Is the base a letter, a number or a group, rather than something that takes a condition above it?"""
    token = tokens[base]
    return token not in _TAKES_CONDITION and (len(token) == 1 or token in _GREEK)


_GREEK = frozenset(
    rf"\{name}"
    for name in [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "varphi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Phi",
        "Psi",
        "Omega",
        "ell",
        "partial",
        "sin",
        "cos",
        "tan",
    ]
)


def _starts_as_exponent(tokens: list[str], start: int, sign: int) -> bool:
    """Does it begin with a number, as an exponent does but a condition doesn't?"""
    at = start + 1 if tokens[start] == "-" else start
    return at < sign and tokens[at].isdecimal()


@rule(
    "SYN033",
    "relation-in-fraction",
    "info",
    has(rf"frac\s*\{{{WITHIN}(?:\}}\s*\{{{WITHIN})?{_RELATION}"),
    covers=["SYN-swallowed"],
)
def relation_in_fraction(label: Label, options: Options) -> Iterator[Finding]:
    r"""An equation above or below a fraction bar: `\frac { F = m a } { t }`.

    Why: The bar in the picture is shorter than in the label, or one line was written above another. Rules of inference,
    with equations on both sides, are not reported.
    Fires: ``\frac { F = d ( m a ) } { d t }`` -> ``{ F = d ( m a ) }``
    Fires: ``\frac { = S } { 2 }`` -> ``{ = S }``
    Quiet: ``\frac { a } { b } = c``
    Quiet: ``\frac { P ( x = 1 ) } { 2 }``
    Quiet: ``\frac { A = B } { C = D }``
    Quiet: ``\frac { < x > } { 2 }``
    Fix: None: look at the picture.
    """
    tokens = label.tokens
    pairs = label.partners
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
        yield label.at(opening, closing + 1, "a relation on one side of the fraction bar")


@rule(
    "SYN039",
    "parenthesis-across-group",
    "warning",
    has(rf"(?:\\sqrt|\^)\s*\{{{WITHIN_BALANCED}[)\]]"),
    fix="display",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SYN-swallowed"],
)
def parenthesis_across_group(label: Label, options: Options) -> Iterator[Finding]:
    r"""A parenthesis that opens before a root or an exponent and closes inside it: `( a ^ { 2 ) > 0 }`.

    Why: The brace closes too late. It belongs before the parenthesis, or even earlier.
    Fires: ``( a + b ^ { 2 ) > 0 }`` -> ``{ 2 ) > 0 }`` => ``( a + b ^ { 2 } ) > 0``
    Fires: ``[ \sqrt { 2 , + \infty ) }`` -> ``{ 2 , + \infty ) }`` => ``[ \sqrt { 2 , + \infty } )``
    Quiet: ``( a + b ^ { 2 } )``
    Quiet: ``\sqrt { ( a + b ) }``
    Quiet: ``T _ { ( i j ) }``
    Quiet: ``u ^ { ( i } v ^ { j ) }``
    Quiet: ``\sqrt { \left] a \right[ }``
    Quiet: ``( x ) = \sqrt { a + b ) }``
    Quiet: ``f ( 1 ) ^ { 2 ) }``
    Fix: Display: the closing brace before the parenthesis.
    """
    tokens = label.tokens
    pairs = label.partners
    groups = [
        (opening, closing)
        for index, opening, closing in label.scripts
        if tokens[index] == "^" and tokens[opening + 1].isdecimal()
    ]
    for index in label.find(r"\sqrt"):
        if index + 1 in pairs:
            groups.append((index + 1, pairs[index + 1]))
    if not groups:
        return
    left_open = _brackets_open(tokens)
    for opening, closing in sorted(groups):
        depth = braces = 0
        for at in range(opening + 1, closing):
            token = tokens[at]
            braces += (token == "{") - (token == "}")
            if braces > 2 or depth > 1:
                break
            if braces or tokens[at - 1] in (r"\left", r"\right"):
                continue
            depth += (token in ("(", "[")) - (token in (")", "]"))
            if depth < 0:
                if left_open[opening]:
                    message = f"{token} closes a bracket that was opened outside this group"
                    yield label.at(opening, closing + 1, message, moved_out(label, opening, at, closing))
                break


def _brackets_open(tokens: list[str]) -> dict[int, int]:
    """How many parentheses and brackets are open at each opening brace, without those of closed groups."""
    found: dict[int, int] = {}
    depth = 0
    opened: list[int] = []  # the depth of each open bracket
    for index, token in enumerate(tokens):
        if token == "{":
            found[index] = len(opened)
            depth += 1
        elif token == "}":
            while opened and opened[-1] == depth:
                opened.pop()
            depth -= 1
        elif token in ("(", "[", ")", "]") and tokens[index - 1 : index] not in (["\\left"], ["\\right"]):
            if token in ("(", "["):
                opened.append(depth)
            elif opened:
                opened.pop()
    return found
