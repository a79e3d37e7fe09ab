r"""Adapts findings to formulas in documents, to which some of them don't apply. Judges nothing itself.

A rule judges a label as the text of one picture. A formula in a paper may use the paper's own macros, extend over
several lines, have a number, and be an `align`: in its document, all of that is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from rules.registry import tagged
from rules.selection import Ruleset


def without_label_form(ruleset: Ruleset) -> Ruleset:
    """The ruleset for changing formulas in documents: without the rules about the form of a label."""
    form = tagged("label-form")
    return replace(ruleset, codes=tuple(code for code in ruleset.codes if code not in form))


def of_formulas(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings (rule, severity, label, start, end) that apply to a formula in a document.

    Those about the form of labels don't, unless LaTeX rejects the formula, or a control character isn't a line end.
    """
    span = pl.col("label").str.slice(pl.col("start"), pl.col("end") - pl.col("start"))
    is_form = pl.col("rule").is_in(tagged("label-form")) & (pl.col("severity") != "error")
    holds_control = span.str.contains(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").fill_null(False)
    return findings.filter(~is_form | holds_control)


def with_packages(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings, with unknown commands in LaTeX documents turned into warnings: a package may define them.

    If the rule proposes a known name instead, the command is a typo, and the finding stays as it is. `findings` needs a
    column `is_latex`.
    """
    unknown = pl.col("rule").is_in(tagged("unknown-name")) & (pl.col("severity") == "error")
    doubtful = unknown & pl.col("replacement").is_null() & pl.col("is_latex")
    return findings.with_columns(
        severity=pl.when(doubtful).then(pl.lit("warning")).otherwise("severity"),
        message=pl.when(doubtful)
        .then(pl.col("message") + ", unless a package of the document defines it")
        .otherwise("message"),
    )


def with_own_macros(findings: pl.DataFrame) -> pl.DataFrame:
    r"""The findings, with those about the document's own macros turned into remarks. `findings` needs a column
    `macros`: the names that the label's document defines, separated by spaces; null if it defines none.
    """
    if findings["macros"].null_count() == findings.height:
        return findings
    rows = findings.with_row_index("place")
    some = rows.filter(
        pl.col("macros").is_not_null() & pl.col("rule").is_in(tagged("unknown-name")) & pl.col("start").is_not_null()
    )
    own = {
        place: name
        for place, macros, label, start, end in some.select("place", "macros", "label", "start", "end").iter_rows()
        if (name := _named(label[start:end], macros.split(" "))) is not None
    }
    if not own:
        return findings
    names = pl.col("place").replace_strict(own, default=None, return_dtype=pl.String)
    is_own = names.is_not_null()
    return rows.with_columns(
        severity=pl.when(is_own).then(pl.lit("info")).otherwise("severity"),
        message=pl.when(is_own)
        .then(pl.format("{} is defined in the document; LaTeX alone doesn't know it", names))
        .otherwise("message"),
        fix=pl.when(~is_own).then("fix"),
        replacement=pl.when(~is_own).then("replacement"),
    ).drop("place")


def _named(span: str, names: Sequence[str]) -> str | None:
    r"""Which of these names a finding's span contains: `\R`, or for environments the `name` in `\begin{name}`."""
    held = span.strip()
    if held in names:
        return held
    inner = held.partition("{")[2].rpartition("}")[0].strip()
    return inner if inner in names else None
