"""NRM: damage that popular normalisers do to labels. Labels that they only spell differently are in other families."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.cuts import is_cut_at_percent
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

_OBJECT = re.compile(r"\[? ?\[ ?o ?b ?j ?e ?c ?t ?O ?b ?j ?e ?c ?t ?\](?: ?\])?")


@rule("NRM001", "object-object", "error", has(r"o ?b ?j ?e ?c ?t ?O ?b ?j ?e ?c ?t"), tags=["damage"], covers=["NRM1"])
def object_object(label: Label, options: Options) -> Iterator[Finding]:
    r"""`[object Object]` in a label, which JavaScript printed in place of the index of a root.

    Why: The index is lost, and the model learns to write these words. One set has 429 such rows.
    Fires: ``\sqrt [ [ o b j e c t O b j e c t ] ] { x }`` -> ``[ [ o b j e c t O b j e c t ] ]``
    Fires: ``\sqrt [ [object Object] ] { x }`` -> ``[ [object Object] ]``
    Quiet: ``\sqrt [ 3 ] { x }``
    Fix: None: recover it from the raw source.
    See: harvardnlp/im2markup preprocess_latex.js groupTypes.sqrt; opendatalab/UniMERNet issue 81.
    """
    for match in _OBJECT.finditer(label.text):
        root = re.search(r"\\sqrt *\Z", label.text[max(0, match.start() - 9) : match.start()])
        lost = "the index of a root" if root else "a part of the label"
        yield Finding(f"JavaScript printed [object Object] in place of {lost}", *match.span())


@rule(
    "NRM002",
    "cut-at-percent",
    "error",
    has(r"\d\s*\\\s*$"),
    skips_canonical=True,
    tags=["damage"],
    covers={"DLM3": r"where the label was cut at `\%`", "NRM2": ""},
)
def cut_at_percent(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label that ends with a digit and a single backslash, because it was cut off at `\%`.

    Why: A normaliser took the `%` of `\%` for the start of a comment. The rest of the label is lost.
    Fires: ``x = 5 0 \`` -> ``\``
    Quiet: ``x = 5 0 \%``
    Quiet: ``x = 5 0 \\``
    Quiet: ``x \ = \ 5 \``
    Fix: None: recover it from the raw source.
    See: im2markup, LaTeX-OCR and CDM split lines at `%`; 104 labels of HME100K's test set lose their tail.
    """
    if is_cut_at_percent(label.tokens):
        start = label.spans[-1][0]
        yield Finding("the label was probably cut off at a percent sign", start, start + 1)


#: What draws nothing by itself. Not environments that draw a bracket, nor columns with lines between them.
_BLANK = "|".join(
    (
        r"[\s~{}&$]",
        r"\\[,;:!> \\\[\]()]",
        r"\\(?:quad|qquad|nonumber|notag|displaystyle|textstyle|hfill|relax)\b",
        r"\\(?:begin|end)\s*\{\s*(?:array|matrix|smallmatrix|tabular|aligned|align|gathered|gather"
        r"|split|multline|equation|eqnarray|displaymath|math|center|subarray)\*?\s*\}(?:\s*\{[\slcr]*\})?",
        r"\\label\s*\{[^{}]*\}",
    )
)


@rule("NRM003", "blank-label", "error", has(rf"^(?:{_BLANK})*$"), covers=["NRM3"])
def blank_label(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label that draws nothing: it is empty, or holds only spaces, braces or an environment without content.

    Why: Normalisers write an empty line for a label that they can't parse. The picture isn't empty, so the model learns
    to write nothing.
    Fires: `` `` -> `` ``
    Fires: ``\begin{array} { l l } \end{array}`` -> ``\begin{array} { l l } \end{array}``
    Fires: ``\quad`` -> ``\quad``
    Quiet: ``x``
    Quiet: ``% x``
    Quiet: ``\begin{array} { l } . \end{array}``
    Quiet: ``\begin{pmatrix} \end{pmatrix}``
    Quiet: ``\begin{cases} & \\ \end{cases}``
    Quiet: ``\begin{array} { | l } & \\ \end{array}``
    Fix: None: drop the sample.
    See: harvardnlp/im2markup issue 1: "we simply write a newline". Three labels of im2latex's normalised validation set
    are an `array` without cells.
    """
    if "%" not in label.text:  # DLM003 reports labels that are only a comment
        message = "the label draws nothing" if label.text.strip() else "the label is empty"
        yield Finding(message, 0, len(label.text))
