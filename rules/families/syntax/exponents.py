"""SYN: sums that ended up in an exponent, in a label that still compiles. Relations in exponents are in `scope`.

An exponent may well be a sum, so these rules need evidence that this one isn't.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit.braces import RELATIONS, base_of, moved_out, top_level
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

#: A script that begins with a number and goes on, which every rule here looks for. Clean labels hardly have one.
_SUM_IN_SCRIPT = has(r"[\^_]\s*\{\s*\d[\d\s.]*[-+=,]")


@rule(
    "SYN034",
    "unclosed-script-chain",
    "warning",
    _SUM_IN_SCRIPT,
    fix="display",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SYN-swallowed"],
)
def unclosed_script_chain(label: Label, options: Options) -> Iterator[Finding]:
    r"""A sum in which each term is in the exponent of the previous one: `a ^ { 2 + b ^ { 2 + c ^ { 2 } } }`.

    Why: The exponents were never closed, and all the braces were added at the end to make the label compile.
    Fires: ``a ^ { 2 + b ^ { 2 + c ^ { 2 } } }`` -> ``{ 2 + b ^ { 2 + c ^ { 2 } } }``
    Fires: ``x ^ { 2 + y ^ { 2 - 1 } }`` -> ``{ 2 + y ^ { 2 - 1 } }`` => ``x ^ { 2 } + y ^ { 2 } - 1``
    Quiet: ``a ^ { 2 } + b ^ { 2 } + c ^ { 2 }``
    Quiet: ``2 ^ { 2 ^ { 2 } }``
    Quiet: ``e ^ { - x ^ { 2 } }``
    Quiet: ``2 ^ { 1 + 2 ^ { n } }``
    Quiet: ``x ^ { 2 + n ^ { 2 } } y``
    Fix: Display: each closing brace right after its number.
    """
    for closing, chain in _chains(label):
        message = "each term is in a script of the previous one"
        yield label.at(chain[0], closing + 1, message, _closed(label, chain, closing))


def _chains(label: Label) -> Iterator[tuple[int, list[int]]]:
    """(last brace, opening braces) of every chain of scripts that close at the same place; no chain is inside
    another.
    """
    tokens, pairs = label.tokens, label.partners
    done = -1
    for index, opening, closing in label.scripts:
        if opening < done:
            continue
        chain = _chain(label, opening, tokens[index])
        if len(chain) > 1 and all(pairs[start] == closing - depth for depth, start in enumerate(chain)):
            base = base_of(tokens, index)
            if base is not None and (tokens[base].isalpha() or tokens[base] == ")"):
                yield closing, chain
                done = closing


def _closed(label: Label, chain: list[int], closing: int) -> str:
    """The nested scripts, which all end at the token `closing`, with each brace closed after its number."""
    text, spans, tokens = label.text, label.spans, label.tokens
    parts: list[str] = []
    at = chain[0]
    for opening in chain:
        sign = opening + 1
        while tokens[sign].isdecimal():
            sign += 1
        gap = " " if text[spans[sign][0] - 1].isspace() else ""
        parts.append(text[spans[at][0] : spans[sign - 1][1]] + gap + "}" + gap)
        at = sign
    return "".join(parts) + text[spans[at][0] : spans[closing - len(chain)][1]]


def _chain(label: Label, opening: int, sign: str) -> list[int]:
    """The opening braces of scripts nested like `{ 2 + b ^ { 2 - 1 } }`: each a number, a sign, and a term."""
    tokens, pairs = label.tokens, label.partners
    chain: list[int] = []
    at = opening
    while True:
        number = at + 1
        while number < pairs[at] and tokens[number].isdecimal():
            number += 1
        if number == at + 1 or number >= pairs[at] or tokens[number] not in ("+", "-", "="):
            return chain
        chain.append(at)
        # The script that ends the group. The rest of it belongs to the term.
        nested = next(
            (
                start
                for at_, start, end in label.scripts
                if tokens[at_] == sign and start > number and end == pairs[at] - 1
            ),
            None,
        )
        if nested is None:
            return chain
        at = nested


@rule("SYN035", "sum-in-exponent", "info", _SUM_IN_SCRIPT, fix="display", fix_kind="repair", covers=["SYN-swallowed"])
def sum_in_exponent(label: Label, options: Options) -> Iterator[Finding]:
    r"""A sum of two numbers in an exponent: `x ^ { 2 - 1 }`.

    Why: People rarely write a sum that they could work out. More often `x ^ { 2 } - 1` was meant, and the brace closes
    too late.
    Fires: ``\sqrt { x ^ { 2 - 1 } }`` -> ``{ 2 - 1 }`` => ``\sqrt { x ^ { 2 } - 1 }``
    Quiet: ``x ^ { 2 } - 1``
    Quiet: ``x ^ { n - 1 }``
    Quiet: ``2 ^ { 3 + 4 } = 2 ^ { 7 }``
    Quiet: ``e ^ { - 1 }``
    Quiet: ``7 x ^ { 7 - 1 }``
    Quiet: ``x ^ { 4 } x ^ { 3 } = x ^ { 4 + 3 }``
    Fix: Display: the closing brace before the sign.
    """
    tokens = label.tokens
    for index, opening, closing in label.scripts:
        base = base_of(tokens, index)
        if tokens[index] != "^" or base is None or not tokens[base].isalpha():
            continue
        inside = tokens[opening + 1 : closing]
        signs = [at for at, token in enumerate(inside) if token in ("+", "-")]
        if (
            len(signs) == 1
            and 0 < signs[0] < len(inside) - 1
            and all(t.isdecimal() or t in ".+-" for t in inside)
            and not _counted_out(label, index, opening, closing)
        ):
            replacement = moved_out(label, opening, opening + 1 + signs[0], closing)
            yield label.at(opening, closing + 1, "a sum of two numbers in the exponent", replacement)


_SUM = re.compile(r"\^ \{ \d[\d ]*[-+] [\d ]+\}")


def _counted_out(label: Label, script: int, opening: int, closing: int) -> bool:
    """Does the label show a reason for the sum: a derivative (`7 x ^ { 7 - 1 }`), or a product of powers?"""
    tokens, spelled = label.tokens, label.spaced
    inside = tokens[opening + 1 : closing]
    numbers = "".join(inside).replace("-", "+").split("+")
    if script > 1 and tokens[script - 2] == numbers[0]:
        return True
    sums = _SUM.finditer(spelled)
    if next(sums, None) is not None and next(sums, None) is not None:
        return True
    return all(number and f"^ {{ {' '.join(number)} }}" in spelled for number in numbers)


@rule(
    "SYN038",
    "swallowed-sum",
    "warning",
    _SUM_IN_SCRIPT,
    fix="display",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SYN-swallowed"],
)
def swallowed_sum(label: Label, options: Options) -> Iterator[Finding]:
    r"""An exponent that begins with a number and contains the terms after it: `x ^ { 2 + 4 x }`.

    Why: The brace closes too late: `x ^ { 2 } + 4 x` was meant. The rule fires if the letter occurs in its own
    exponent, or if an exponent at the end of its group contains another power (`a ^ { 2 + b ^ { 2 } }`).
    Fires: ``x ^ { 2 + 4 x - 4 }`` -> ``{ 2 + 4 x - 4 }`` => ``x ^ { 2 } + 4 x - 4``
    Fires: ``\sqrt { a ^ { 2 + b ^ { 2 } } }`` -> ``{ 2 + b ^ { 2 } }`` => ``\sqrt { a ^ { 2 } + b ^ { 2 } }``
    Fires: ``b ^ { 2 - 4 a c }`` -> ``{ 2 - 4 a c }`` => ``b ^ { 2 } - 4 a c``
    Quiet: ``x ^ { 2 } + 4 x``
    Quiet: ``x ^ { 2 + n }``
    Quiet: ``e ^ { 2 - e x }``
    Quiet: ``r ^ { 2 - d }``
    Quiet: ``x ^ { 2 + n ^ { 2 } } y``
    Quiet: ``2 ^ { 1 + 2 ^ { n } }``
    Quiet: ``a ^ { 2 + b ^ { 2 + c ^ { 2 } } }``
    Fix: Display: the closing brace after the number.
    """
    tokens = label.tokens
    chained = [(chain[0], closing) for closing, chain in _chains(label)]
    firsts = [first for first, _ in chained]
    for index, opening, closing in label.scripts:
        chain = bisect_right(firsts, opening) - 1
        if chain >= 0 and opening < chained[chain][1]:
            continue  # SYN034 reports it
        base = base_of(tokens, index)
        if (
            tokens[index] != "^"
            or base is None
            or tokens[base] == "e"
            or not (tokens[base].isalpha() or tokens[base] == ")")
        ):
            continue
        at = opening + 1
        while at < closing and tokens[at].isdecimal():
            at += 1
        if at == opening + 1 or tokens[at] not in ("+", "-", ",") or not _ends_group(tokens, closing):
            continue
        rest = list(top_level(tokens, at, closing))
        again = any(tokens[i] == tokens[base] for i in rest)
        power = any(
            tokens[i] == "^"
            and tokens[i + 1 : i + 2] == ["{"]
            and tokens[i + 2].isdecimal()
            and (tokens[i - 1].isalpha() or tokens[i - 1] == ")")
            for i in rest
        )
        if again or power or "".join(tokens[opening + 1 : closing]) == "2-4ac":
            replacement = moved_out(label, opening, at, closing)
            yield label.at(
                opening,
                closing + 1,
                "the terms after the exponent are in it: its brace probably closes too late",
                replacement,
            )


def _ends_group(tokens: list[str], closing: int) -> bool:
    """Do only closing braces follow, up to the end or a token that relates the formula to its next part?"""
    after = tokens[closing + 1] if closing + 1 < len(tokens) else "}"
    return after in ("}", ")", "]", ",", ".", "&", r"\\", r"\right") or after in RELATIONS
