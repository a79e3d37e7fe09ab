"""SYN: signs that shouldn't be next to each other: brackets that cross, a digit after a letter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has


@rule("SYN036", "crossed-brackets", "info", has(r"\(") & has(r"\["), covers={"SYN16": "where they cross"})
def crossed_brackets(label: Label, options: Options) -> Iterator[Finding]:
    r"""Parentheses and brackets that cross: `( [ a ) ]`.

    Why: Two of them are swapped. Counting doesn't show it, since both kinds are balanced.
    Fires: ``( [ a ) ]`` -> ``)``
    Fires: ``[ 2 ( x + 1 ] )`` -> ``]``
    Quiet: ``[ ( a ) ]``
    Quiet: ``[ 0 , 1 ) \cup ( 2 , 3 ]``
    Quiet: ``( a , b ]``
    Fix: None: look at the picture.
    """
    stack: list[str] = []
    count = label.tokens.count
    if count("(") != count(")") or count("[") != count("]"):
        return
    for index in label.find("(", "[", ")", "]"):
        token = label.tokens[index]
        if token in ("(", "["):
            stack.append(token)
        else:
            partner = "(" if token == ")" else "["
            if not stack:
                return
            if stack[-1] != partner:
                if partner in stack and len(stack) > 1:
                    yield label.at(index, index + 1, f"{token} crosses {stack[-1]}")
                return
            stack.pop()


_FLAT = re.compile(
    r"(?<!\S)(?<![A-Za-z0-9}_^] )(?<!\\[A-Za-z] )[A-Za-z] (\d)"
    r"(?= (?:=|\+|-|<|>|,|\)|\}|\\leq|\\geq|\\times|\\cdot)(?!\S)|$)"
)


@rule(
    "SYN037",
    "digit-on-the-line",
    "info",
    has(r"(?:^|[^A-Za-z0-9}_^\s])\s*[A-Za-z]\s*[1-9]\s*(?:$|[=+<>,)}\\-])"),
    fix="display",
    fix_kind="repair",
    covers=["SEM3"],
)
def digit_on_the_line(label: Label, options: Options) -> Iterator[Finding]:
    r"""A single digit after a letter: `x 1 = 3`, where `x _ { 1 }` or `x ^ { 1 }` is likely.

    Why: Nobody writes a factor after its letter, so the digit is a script in the picture. Scores that compare glyphs
    but not their positions count such a label as right.
    Fires: ``x 1 = 3`` -> ``1`` => ``x _ { 1 } = 3``
    Fires: ``\sqrt { x 2 + 4 }`` -> ``2`` => ``\sqrt { x _ { 2 } + 4 }``
    Quiet: ``x _ { 1 } = 3``
    Quiet: ``2 x = 3``
    Quiet: ``x 1 2``
    Quiet: ``A B 1 = 3``
    Quiet: ``x _ { i 1 } + i 0``
    Quiet: ``\text{page 1}``
    Quiet: ``\log 2 + x``
    Fix: Display: a subscript.
    See: Of 24,607 predictions for HME100K's test set, CDM counts 259 wrong ones as right, some with `x 1` for `x _ 1`.
    """
    words = set(label.prose)
    for _, opening, closing in label.scripts:
        words.update(range(opening, closing))
    for place in places(label, _FLAT, 1):
        if place.start not in words and label.tokens[place.start] != "0":
            digit = label.tokens[place.start]
            yield label.at(place.start, place.end, "a digit after a letter is usually a script", f"_ {{ {digit} }}")
