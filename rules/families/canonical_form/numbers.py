"""CAN: numbers that LaTeX doesn't set as they are meant. Wrong numbers are SEM."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

_THOUSANDS = re.compile(r"(?<!\S)(?<![\d,.({;:] )(?<!\\[{(] )[1-9](?: \d){0,2}(?: , \d \d \d)+(?! [\d,.;)])(?!\S)")


@rule(
    "CAN023",
    "thousands-comma",
    "info",
    has(r"\d\s*,\s*\d\s*\d\s*\d"),
    fix="unsafe",
    fix_kind="style",
    covers=["CAN-more"],
)
def thousands_comma(label: Label, options: Options) -> Iterator[Finding]:
    r"""A comma that groups digits: `1 , 0 0 0`.

    Why: LaTeX takes it for a separator and sets a gap after it, as between two numbers. `{ , }` has no gap.
    Fires: ``x = 1 , 0 0 0`` -> ``,`` => ``x = 1 { , } 0 0 0``
    Fires: ``2 , 5 0 0 , 0 0 0 + 1`` -> ``,`` ``,`` => ``2 { , } 5 0 0 { , } 0 0 0 + 1``
    Quiet: ``( 7 4 , 1 1 1 )``
    Quiet: ``1 , 2 , 3``
    Quiet: ``2 8 9 , 3 2 4 , 3 6 1``
    Quiet: ``1 0 1 , 1 6 0 \cdots``
    Quiet: ``1 { , } 0 0 0``
    Quiet: ``0 , 1 2 5``
    Quiet: ``x ^ { a + 1 , 0 0 0 }``
    Quiet: ``\text { a = 1 , 0 0 0 }``
    Fix: Unsafe: `{ , }`.
    """
    tight = label.prose.union(*(range(opening, closing) for _, opening, closing in label.scripts))
    for place in places(label, _THOUSANDS):
        if place.start in tight:
            continue  # no gap in text and in scripts
        first = label.tokens.index(",", place.start) - place.start
        before, after = label.tokens[max(0, place.start - 1) : place.start], label.tokens[place.end : place.end + 1]
        if after in ([r"\cdots"], [r"\ldots"]):
            continue
        several = label.tokens[place.start : place.end].count(",") > 1
        if first == 3 and (several or not _CALCULATES.intersection(before + after)):
            continue  # a list of three-digit numbers looks the same
        for index in range(place.start, place.end):
            if label.tokens[index] == ",":
                yield label.at(index, index + 1, "LaTeX sets a gap after this comma inside a number", "{ , }")


_CALCULATES = frozenset(["=", "+", "-", r"\times", r"\div", r"\cdot", "/", "<", ">", r"\approx"])
