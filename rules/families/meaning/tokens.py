"""SEM: marks of tokenisers, left in a label that was joined from tokens instead of being decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

#: Marks for white space: byte-level BPE's space, line feed and tab, SentencePiece's space, the end of a word in BPE.
_SPACES = r"[\u0120\u010a\u0109\u2581]+|</w>"
#: Pieces of a word with the marks that join them: WordPiece's `##` before a piece, subword-nmt's `@@` after it.
_WORD = r"\\?(?<![A-Za-z0-9])[A-Za-z0-9]"
_PIECES = rf"{_WORD}*+(?:(?:^|(?<!\s)\s++|(?<=\s))##[A-Za-z0-9]+)+|{_WORD}++(?:@@\s+[A-Za-z0-9]+)+|@@(?:\s+|$)"
_MARKS = re.compile(f"(?P<space>{_SPACES})|(?P<pieces>{_PIECES})")
_BETWEEN = re.compile(r"\s*##|@@\s*")


@rule(
    "SEM024",
    "tokeniser-mark",
    "error",
    has("[\u0120\u010a\u0109\u2581]|</w>|##[A-Za-z0-9]|@@(?:\\s|$)"),
    fix="unsafe",
    fix_kind="repair",
    tags=["program-text"],
    covers=["SEM5"],
)
def tokeniser_mark(label: Label, options: Options) -> Iterator[Finding]:
    r"""A tokeniser's mark: `Ġ` or `▁` for a space, `Ċ` for a new line, `##` or `@@` between the pieces of a word.

    Why: The tokens were joined without being decoded. LaTeX stops at the mark, or draws it.
    Fires: ``x Ġ+Ġ y`` -> ``Ġ`` ``Ġ`` => ``x + y``
    Fires: ``▁\frac{▁a}{b}`` -> ``▁`` ``▁`` => ``\frac{ a}{b}``
    Fires: ``\alpha▁x`` -> ``▁`` => ``\alpha x``
    Fires: ``\fr ##ac{a}{b}`` -> ``\fr ##ac`` => ``\frac{a}{b}``
    Fires: ``\al@@ pha`` -> ``\al@@ pha`` => ``\alpha``
    Quiet: ``x + y``
    Quiet: ``\text{#1}``
    Fix: Unsafe: a space for marks of white space; marks between pieces are dropped. It is better to decode the tokens
    again.
    """
    text = label.text
    for match in _MARKS.finditer(text):
        if match["pieces"]:
            meant = _BETWEEN.sub("", match["pieces"])
        else:
            beside = text[match.start() - 1 : match.start()].strip() and text[match.end() : match.end() + 1].strip()
            meant = " " if beside else ""
        yield Finding("the mark of a tokeniser was left in the label", *match.span(), meant)
