"""SEM: labels that begin or end in the middle of a formula."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

#: Tokens that draw nothing and may come before the first sign.
_FIRST = r"^[\s{~&]*"
_OPERATORS = "leq?|geq?|neq?|approx|equiv|times|div|pm|cdot|simeq|cong"
_TRAILING = re.compile(rf"[=<>+]$|\\(?:{_OPERATORS})$")


@rule("SEM017", "trailing-operator", "info", has(rf"(?:[=<>+]|\\(?:{_OPERATORS}))\s*$"), weight=0.0, covers=["CAN9"])
def trailing_operator(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label that ends with an operator or a relation: `x + y =`.

    Why: The line was cut off, or a blank to fill in was left out. If the picture goes on, the label has lost its end.
    Fires: ``x + y =`` -> ``=``
    Fires: ``2 \times`` -> ``\times``
    Quiet: ``x + y = 2``
    Quiet: ``x ^ { + }``
    Quiet: ``< a >``
    Quiet: ``x _ -``
    Fix: None: look at the picture.
    """
    tokens = label.tokens
    if len(tokens) < 2 or not _TRAILING.search(tokens[-1]) or tokens[-2] in ("_", "^", "{"):
        return
    if tokens[-1] == ">" and ("<" in tokens or "|" in tokens or r"\vert" in tokens or r"\mid" in tokens):
        return
    yield label.at(len(tokens) - 1, len(tokens), f"the label ends with {tokens[-1]}")


@rule(
    "SEM018",
    "leading-punctuation",
    "info",
    has(_FIRST + r"(?:[,;:)\]/]|\.(?:\s*\D|$)|\\(?:\}|(?:times|div|cdot)(?:[^A-Za-z]|$)))"),
    covers=["CAN9"],
)
def leading_punctuation(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label that begins with punctuation, a closing parenthesis or a multiplication sign: `, A D = B C`, `) \div 3`.

    Why: The part before it was cut from the label, and is often still in the picture.
    Fires: ``, A D = B C`` -> ``,``
    Fires: ``) \div 3`` -> ``)``
    Quiet: ``( 1 ) x = 2``
    Quiet: ``. 5 + 1``
    Quiet: ``- 2``
    Fix: None: look at the picture.
    See: 471 labels of HME100K's training set.
    """
    for index, token in enumerate(label.tokens[:2]):
        if token in _LEADING and not (
            token == "." and label.tokens[index + 1 : index + 2][:1] and label.tokens[index + 1].isdecimal()
        ):
            yield label.at(index, index + 1, f"the label begins with {token}")
            return
        if token not in ("{", "~"):
            return


_LEADING = frozenset([",", ";", ":", ")", "]", "/", ".", r"\}", r"\times", r"\div", r"\cdot"])
