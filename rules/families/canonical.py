"""CAN: canonical form and visual key. The spelling rules that lead there are to come with the fixes."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
from rules.label import Label
from rules.registry import Options, rule


@rule("CAN100", "no-visual-key", "info", pl.col("visual_key").is_null())
def no_visual_key(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label has no visual key.

    Why: It can't be compared with other labels by what it draws: duplicates and leakage of it are not found, and a fix
    can't be proven safe.
    Fires: ``\frac{a}{b``
    Quiet: ``\frac{a}{b}``
    Fix: None.
    """
    if label.reading.fatal:
        yield Finding("no visual key: the label can't be read as LaTeX")
    else:
        yield Finding("no visual key: math-core, which draws for it, can't convert the label")


@rule("CAN101", "no-canonical-form", "info", pl.col("canonical").is_null())
def no_canonical_form(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label has no canonical form.

    Why: It can't be compared with other labels token by token.
    Fires: ``\frac{a}{b``
    Quiet: ``\frac{a}{b}``
    Fix: None.
    """
    if label.reading.fatal:
        yield Finding("no canonical form: the label can't be read as LaTeX")
    elif label.reading.canonical is None:
        yield Finding("no canonical form: the label defines macros or spans columns")
    else:
        yield Finding("no canonical form: the canonical spelling couldn't be proven to draw the same")
