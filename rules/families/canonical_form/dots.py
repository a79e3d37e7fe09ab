"""CAN: ellipses and their look-alikes. Full stops at the end of a label are in `delimiters`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.canonical_commands import dots_are_centred
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_command

_RUN = re.compile(r"(?<!\S)(?:\.(?: \.){2,}|\\cdot(?: \\cdot){2,})(?!\S)")


@rule(
    "CAN003",
    "ellipsis-as-dots",
    "info",
    has(r"\.\s*\.\s*\.|\\cdot\s*\\cdot\s*\\cdot"),
    fix="unsafe",
    fix_kind="style",
    covers=["CAN3"],
)
def ellipsis_as_dots(label: Label, options: Options) -> Iterator[Finding]:
    r"""An ellipsis written as single dots: `. . .`, `\cdot \cdot \cdot`.

    Why: It takes three tokens for the one sign that others write as `\ldots` or `\cdots`, and the gaps differ.
    Fires: ``1 , 2 , . . . , n`` -> ``. . .`` => ``1 , 2 , \ldots , n``
    Fires: ``x _ 1 \cdot \cdot \cdot x _ n`` -> ``\cdot \cdot \cdot`` => ``x _ 1 \cdots x _ n``
    Fires: ``a,...,b`` -> ``...`` => ``a,\ldots,b``
    Quiet: ``1 , 2 , \ldots , n``
    Quiet: ``a \cdot b``
    Quiet: ``\text{and so on ...}``
    Fix: Unsafe: `\ldots` or `\cdots`. The dots move a little.
    See: ChkTeX warning 11. CDM flattens all ellipses to `. . .`.
    """
    words = label.prose
    for place in places(label, _RUN):
        if place.start not in words and place.end - place.start in (3, 4):
            sign = r"\ldots" if label.tokens[place.start] == "." else r"\cdots"
            yield label.at(
                place.start, place.end, f"single dots instead of {sign}", sign if place.end - place.start == 3 else None
            )


@rule("CAN010", "dots-by-context", "info", has_command("dots"), fix="unsafe", fix_kind="style", covers=["CAN3"])
def dots_by_context(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\dots`, which amsmath sets low or centred depending on the token that follows.

    Why: It looks like `\ldots` before a comma and like `\cdots` before a plus sign, and KaTeX and MathJax decide by
    rules of their own. A label should name the sign in the picture.
    Fires: ``1 , \dots , n`` -> ``\dots`` => ``1 , \ldots , n``
    Fires: ``a \cup \dots \cup b`` -> ``\dots`` => ``a \cup \cdots \cup b``
    Quiet: ``1 , \ldots , n``
    Fix: Unsafe: `\cdots` before a binary operator or relation, `\ldots` elsewhere.
    See: MathWriting's validation set has 214 `\dots` and 25 `\cdots`.
    """
    for index in label.find(r"\dots"):
        in_text = index in label.prose and "$" not in label.words
        after = label.tokens[index + 1] if index + 1 < len(label.tokens) and not in_text else ""
        sign = r"\cdots" if dots_are_centred(after) else r"\ldots"
        yield label.at(index, index + 1, f"\\dots depends on the next token; here it looks like {sign}", sign)


_TWO = re.compile(
    r"(?<=, )\. \.(?= ,)|(?<=\\cdot )\. \.(?= \\cdot)|(?<=, )\\cdot \\cdot(?= ,)"
    r"|(?<!\S)\\[lc]?dots(?:(?: \.){1,2}(?= ,)| \. \.(?= [^\s.]))"
)


@rule(
    "CAN020",
    "ellipsis-miscounted",
    "warning",
    has(r"\.\s*\.\s*[,\\]|\\[lc]?dots\s*\.|\\cdot\s*\\cdot\s*,"),
    fix="unsafe",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["CAN3"],
)
def ellipsis_miscounted(label: Label, options: Options) -> Iterator[Finding]:
    r"""An ellipsis with too few or too many dots: `1 , . . , n`, `\ldots . , n`.

    Why: A dot was lost or added: nobody writes two dots between commas.
    Fires: ``w _ 0 , . . , w _ n`` -> ``. .`` => ``w _ 0 , \ldots , w _ n``
    Fires: ``k = 0 , \dots . . , n - 1`` -> ``\dots . .`` => ``k = 0 , \dots , n - 1``
    Quiet: ``w _ 0 , . . . , w _ n``
    Quiet: ``x = 1 , \ldots .``
    Quiet: ``f ( . , . )``
    Quiet: ``e \in [ 0 . . 1 ]``
    Quiet: ``x \cdots . \label{a}``
    Fix: Unsafe: three dots.
    """
    for place in places(label, _TWO):
        first = label.tokens[place.start]
        sign = first if first != "." and first != r"\cdot" else r"\ldots" if first == "." else r"\cdots"
        yield label.at(place.start, place.end, "an ellipsis with the wrong number of dots", sign)
