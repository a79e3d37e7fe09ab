"""SEM: operators without operands, and signs that are doubled. The ends of labels are in `fragments`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

_DOUBLED = re.compile(
    r"(?<![=_^] )(?<!\\cdot )(?<!\S)(?:= =|\\times \\times|\\div \\div|\\times \\div|\\div \\times|\\cdot \\times"
    r"|\\times \\cdot(?! \\cdot)|\\div \\cdot(?! \\cdot)|[-+] \\times|\+ \\div|\\neq =|= \\neq|= \\times(?! \d)"
    r"|\\equiv =|= \\equiv)(?! =)(?!\S)"
)


@rule(
    "SEM011",
    "doubled-operator",
    "warning",
    has(r"=\s*=|(?:\\times|\\div|\\cdot|[-+])\s*\\(?:times|div|cdot)|\\(?:neq|equiv)\s*=|=\s*\\(?:neq|equiv|times)"),
    severity_in=PUPILS_SLIP,
    covers=["SEM-signs"],
)
def doubled_operator(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two relations or two multiplication signs with nothing between them: `a = = b`, `3 \times \div 4`.

    Why: There is a sign too many, or a symbol was lost. The label makes no sense, whatever the picture shows.
    Fires: ``a = = b`` -> ``= =``
    Fires: ``3 \times \times 4`` -> ``\times \times``
    Fires: ``5 \cdot \times 3`` -> ``\cdot \times``
    Quiet: ``a = b``
    Quiet: ``a \times - b``
    Quiet: ``a \cdot \cdot \cdot b``
    Quiet: ``= = = =``
    Quiet: ``S ^ 1 \times \cdots \times S ^ 1``
    Quiet: ``A ^ { + } \times B``
    Quiet: ``f _ + \times g``
    Fix: None: look at the picture.
    """
    for place in places(label, _DOUBLED):
        if label.tokens[place.start - 1 : place.start] in (["_"], ["^"]):
            continue
        yield label.at(
            place.start,
            place.end,
            f"{label.tokens[place.start]} and {label.tokens[place.end - 1]} with nothing between them",
        )


_SIGNS = re.compile(r"(?<![-+_^{|(,&] )(?<!\S)(?:\+ \+|- -|\+ -|- \+)(?! [-+)}|>,&])(?!\S)")


@rule("SEM012", "doubled-sign", "info", has(r"[-+]\s*[-+]"), covers=["SEM-signs"])
def doubled_sign(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two signs in a row in a sum: `3 + + 5`, `- 1 - - 9`.

    Why: A sign was doubled or a symbol was lost. A negative number after an operator would be in parentheses.
    Fires: ``3 + + 5`` -> ``+ +``
    Fires: ``a - - 9`` -> ``- -``
    Quiet: ``x ^ { + + }``
    Quiet: ``( + - + -``
    Quiet: ``x _ - - y``
    Quiet: ``3 + 5``
    Fix: None: look at the picture.
    """
    for place in places(label, _SIGNS):
        yield label.at(place.start, place.end, "two signs in a row")


_NO_RIGHT = re.compile(
    r"(?<![_^{(\[|,] )(?<!\S)(?:\+|-|\\times|\\div)(?= (?:=|\\leq|\\geq|\\neq|\\therefore|\\because)(?!\S))"
    r"|(?<![_^{(\[|,] )(?<!\S)(?:\\times|\\div)(?= (?:\)|\])(?!\S))"
)


@rule(
    "SEM013",
    "missing-operand",
    "warning",
    has(r"(?:[-+]|\\times|\\div)\s*(?:[=)\]]|\\(?:leq|geq|neq|therefore|because))"),
    severity_in=PUPILS_SLIP,
    covers=["SEM-signs"],
)
def missing_operand(label: Label, options: Options) -> Iterator[Finding]:
    r"""An operator with nothing on its right: `2 \times = 1 1 0`, `\frac { 1 } { 2 } x + = 3`.

    Why: An operand is missing, or the sign belongs to the next one.
    Fires: ``2 \times = 1 1 0`` -> ``\times``
    Fires: ``x + = 3`` -> ``+``
    Fires: ``( 2 \div ) 3`` -> ``\div``
    Quiet: ``2 \times 5 = 1 0``
    Quiet: ``x ^ { + } = 3``
    Quiet: ``\Delta _ + = 0``
    Quiet: ``( + ) = 1``
    Quiet: ``x \to 0 ^ + \therefore y``
    Quiet: ``| + > , | - >``
    Quiet: ``< a > + < b >``
    Quiet: ``( \times )``
    Quiet: ``( x , + , \times )``
    Fix: None: look at the picture.
    """
    words = label.prose
    for place in places(label, _NO_RIGHT):
        if place.start == 0 or place.start in words:
            continue
        before = label.tokens[place.start - 1]
        if before in ("=", "&", r"\rightarrow", r"\to", ",", r"\quad", "~", ";", ":") or before.startswith("\\left"):
            continue
        yield label.at(place.start, place.end, f"{label.tokens[place.start]} has no operand on its right")


_SPECK = re.compile(
    r"(?<!\S)(?:=|<|>|\\leq|\\geq|\+|\\times|\\div) (\.)(?= (?:\\frac|\\sqrt|[A-Za-z(]|-)(?!\S))"
    r"|(?<=\S )(?<!\. )(?<!\. [A-Za-z] )(?<!\\left )(?<!\\right )(\.)(?= =(?!\S))"
)


@rule(
    "SEM014",
    "stray-dot",
    "info",
    has(r"(?:[=<>+]|\\(?:leq|geq|times|div))\s*\.|\.\s*="),
    fix="unsafe",
    fix_kind="repair",
    covers=["SEM-signs"],
)
def stray_dot(label: Label, options: Options) -> Iterator[Finding]:
    r"""A full stop directly before or after a relation: `x = . \frac { 1 } { 2 }`, `6 . = 1 2`.

    Why: A speck of ink or dirt was read as a full stop.
    Fires: ``x = . \frac { 1 } { 2 }`` -> ``.`` => ``x = \frac { 1 } { 2 }``
    Fires: ``4 \times 6 . = 2 4`` -> ``.`` => ``4 \times 6 = 2 4``
    Quiet: ``x = . 5``
    Quiet: ``x = 1 .``
    Quiet: ``a + . . . + b``
    Quiet: ``a . . . = b``
    Quiet: ``\left. a \right. = b``
    Quiet: ``r . h . s . = 0``
    Fix: Unsafe: it is dropped.
    """
    for place in places(label, _SPECK):
        start = place.end - 1
        yield label.at(start, place.end, "a full stop beside a relation or operator", "")


@rule("SEM019", "doubled-comma", "info", has(r"[,;]\s*[,;]"), covers=["SEM-signs"])
def doubled_comma(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two separators in a row: `x _ 1 , , x _ 2`, `1 , . 2`.

    Why: One of them is a speck, or an item of the list is missing.
    Fires: ``( x _ { 1 } , , x _ { 2 } )`` -> ``, ,``
    Fires: ``3 ; , 5`` -> ``; ,``
    Quiet: ``a , b``
    Quiet: ``0 \, ,``
    Quiet: ``1 , . 5``
    Quiet: ``[ , , ]``
    Quiet: ``f _ { , , }``
    Fix: None: look at the picture.
    """
    for place in places(label, _COMMAS):
        yield label.at(place.start, place.end, "two separators in a row")


_COMMAS = re.compile(r"(?<=[^,;\[({_^\s] )(?:, ,|, ;|; ,)(?= [^\s,;\])}])")
