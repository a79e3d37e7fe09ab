"""CAN: canonical form and visual key."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
from rules.latex.synonyms import prefer
from rules.registry import Options, rule
from rules.toolkit.label import Label


@rule("CAN100", "no-visual-key", "info", pl.col("visual_key").is_null())
def no_visual_key(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label has no visual key, and so no canonical form.

    Why: It can't be compared with other labels by what it draws: duplicates and leakage of it are not found, and a fix
    can't be proven safe. Nor can it be compared token by token.
    Fires: ``\frac{a}{b``
    Quiet: ``\frac{a}{b}``
    Fix: None.
    """
    if label.reading.fatal:
        yield Finding("no visual key: the label can't be read as LaTeX")
    else:
        yield Finding("no visual key: math-core, which draws for it, can't convert the label")


@rule("CAN102", "ends-its-process", "warning", pl.lit(False))
def ends_its_process(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label ended the process that read it, or kept it busy for longer than half a minute, twice.

    Why: No rule has judged the label, so nothing is known of it, and whatever reads it next may end in the same way. It
    has no canonical form and no visual key. Only the engine says so, and only where labels are judged in processes of
    their own, as the commands do.
    Quiet: ``x``
    Fix: None. Take the label out of the set, and report it: it is a fault of texsieve or of a library that it uses.
    """
    yield from ()


@rule(
    "CAN110",
    "not-canonical",
    "info",
    pl.col("canonical").is_not_null(),
    fix="safe",
    profiles=["canonical"],
    options={"prefer": ""},
)
def not_canonical(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label is not in the canonical form: the one spelling that all labels with its visual key share.

    `prefer` lists synonyms to use in place of the canonical ones, as in `\le \to`.

    Why: A model that sees one picture spelled in several ways spends its capacity on the spelling, and string metrics
    count a right answer as wrong.
    Fires: ``x^2`` -> ``x^2``
    Quiet: ``x ^ { 2 }``
    Fix: Safe: the canonical form has the label's key.
    See: docs/canonical-form.md.
    """
    if label.canonical is None:
        return
    spelled = prefer(label.canonical, options["prefer"].split())
    if spelled != label.text:
        yield Finding(f"the canonical form is {spelled}", 0, len(label.text), spelled)
