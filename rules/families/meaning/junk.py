"""SEM: labels that parse and can't be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

_JUNK = re.compile(
    r"https?://\S+|www\.\S+|M ?a ?t ?h ?T ?y ?p ?e ?!?|<(?:pad|unk|eos|bos|sos|s|/s|\|endoftext\|)>|"
    r"\b(?:NaN|undefined|lorem ipsum)\b|^\s*(?:null|None|N/A|n/a)\s*$",
)


@rule(
    "SEM005",
    "junk-text",
    "error",
    has(r"https?://|www\.|M ?a ?t ?h ?T ?y ?p ?e|<[/|]?[a-z]+\|?>|NaN|undefined|lorem|^\s*(?:null|None|N/A|n/a)\s*$"),
    covers=["SEM5"],
)
def junk_text(label: Label, options: Options) -> Iterator[Finding]:
    r"""Text that no formula holds: a URL, "MathType!", a model's special token, `NaN`, `null`.

    Why: It came from a program, not from the picture.
    Fires: ``M a t h T y p e ! x`` -> ``M a t h T y p e !``
    Fires: ``<pad> <pad>`` -> ``<pad>`` ``<pad>``
    Fires: ``https://a.b/c`` -> ``https://a.b/c``
    Fires: ``NaN`` -> ``NaN``
    Quiet: ``a < b > c``
    Quiet: ``N a N``
    Fix: None: drop the sample.
    See: MathNet remove_mathtype; hendrycks/math issue 10.
    """
    for match in _JUNK.finditer(label.text):
        yield Finding("no formula holds this text", *match.span())
