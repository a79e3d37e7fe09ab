"""NRM: damage that popular normalisers do to labels. What a normaliser merely spells differently is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

_OBJECT = re.compile(r"\[? ?\[ ?o ?b ?j ?e ?c ?t ?O ?b ?j ?e ?c ?t ?\](?: ?\])?")


@rule("NRM001", "object-object", "error", has(r"o ?b ?j ?e ?c ?t ?O ?b ?j ?e ?c ?t"), tags=["damage"], covers=["NRM1"])
def object_object(label: Label, options: Options) -> Iterator[Finding]:
    r"""`[object Object]` in a label: JavaScript printed an object where the index of a root stood.

    Why: The index is lost for ever, and the model is taught to write the words. One such set has 429 rows of it.
    Fires: ``\sqrt [ [ o b j e c t O b j e c t ] ] { x }`` -> ``[ [ o b j e c t O b j e c t ] ]``
    Fires: ``\sqrt [ [object Object] ] { x }`` -> ``[ [object Object] ]``
    Quiet: ``\sqrt [ 3 ] { x }``
    Fix: None: recover it from the raw source.
    See: harvardnlp/im2markup preprocess_latex.js groupTypes.sqrt; opendatalab/UniMERNet issue 81.
    """
    for match in _OBJECT.finditer(label.text):
        yield Finding("JavaScript's [object Object] stands where an index was", *match.span())


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
    r"""A label that ends with a digit and a lone backslash: it was cut at its `\%`.

    Why: A normaliser took `%` for a comment without looking at the backslash before it; the rest of the label is lost.
    Fires: ``x = 5 0 \`` -> ``\``
    Quiet: ``x = 5 0 \%``
    Quiet: ``x = 5 0 \\``
    Fix: None: recover it from the raw source.
    See: im2markup, LaTeX-OCR and CDM split lines at `%`; 104 labels of HME100K's test set lose their tail.
    """
    if label.tokens[-1:] == ["\\"] and label.tokens[-2:-1] and label.tokens[-2].isdecimal():
        start = label.spans[-1][0]
        yield Finding("the label was cut at a percent sign; what followed is lost", start, start + 1)


@rule("NRM003", "blank-label", "error", has(r"^[\s~]*$"), covers=["NRM3"])
def blank_label(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label with nothing in it.

    Why: Normalisers write an empty line where they can't parse; the picture is not empty, so the model learns silence.
    Fires: `` `` -> `` ``
    Quiet: ``x``
    Quiet: ``% x``
    Fix: None: drop the sample.
    See: harvardnlp/im2markup issue 1: "we simply write a newline".
    """
    if "%" not in label.text:  # what is only a comment is `DLM003`'s
        yield Finding("the label is empty", 0, len(label.text))
