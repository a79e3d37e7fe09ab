"""Labels checked, fixed and compared with one call each: what `import rules` offers. The work is done in `engine`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from rules import engine, fixing
from rules.findings import SCHEMA
from rules.latex.lexer import whole
from rules.registry import Ruleset, select

#: A single string is one label.
Labels = str | Sequence[str] | pl.Series | pl.DataFrame


def check(
    labels: Labels,
    *,
    include: Iterable[str] = (),
    ignore: Iterable[str] = (),
    profile: str = "default",
    ruleset: Ruleset | None = None,
    workers: int = 1,
) -> pl.DataFrame:
    """Findings of labels.

    `labels` is a list or Series of strings, a frame with a column `label`, or a string, which is one label. The
    result has the columns of `rules.findings.SCHEMA`; `row` (UInt32) counts the labels from 0, and where the frame
    has a column `sample_id` that comes first. `start` and `end` are code point offsets into the label, end
    exclusive. Rows are in the labels' order. Null labels are judged as empty; half a surrogate pair, which is no
    character, as U+FFFD. A rule that fails on a label is a `rules.faults.FaultWarning`, and the label has a finding
    that says so. Raises SelectionError for rules or a profile that don't exist.
    """
    ruleset = ruleset or select(include, ignore, profile=profile)
    frame = _as_frame(labels)
    distinct = frame.select(pl.col("label").unique(maintain_order=True))
    judged = engine.judge(distinct["label"].to_list(), ruleset, workers=workers, check_fixes=True)
    rows = frame.with_row_index("row").join(
        distinct.with_row_index("distinct"), on="label", how="left", maintain_order="left"
    )
    columns = [*(["sample_id"] if "sample_id" in frame.columns else []), *SCHEMA]
    return (
        rows.lazy()
        .select("row", "distinct", *(["sample_id"] if "sample_id" in frame.columns else []))
        .join(
            judged.findings.lazy().rename({"row": "distinct"}), on="distinct", how="inner", maintain_order="left_right"
        )
        .select(columns)
        .collect()
    )


def fix(
    labels: Labels,
    level: fixing.Level = "safe",
    *,
    include: Iterable[str] = (),
    ignore: Iterable[str] = (),
    profile: str = "default",
    ruleset: Ruleset | None = None,
    workers: int = 1,
) -> pl.DataFrame:
    """Labels with the fixes of their findings made; see `rules.fixing` for what is made, and in which order.

    `labels` is as in `check`. The result has a row a label, in their order: `sample_id` where the labels' frame has it,
    label, fixed (equal to label where nothing was done), applied (codes of the rules whose fixes were made),
    visual_key_before, visual_key_after, refused (codes of fixes that could not be proven, or would have left a label
    that LaTeX can't read). `level` "unsafe" makes unsafe fixes too. Raises SelectionError as `check` does, ValueError
    for another level.
    """
    ruleset = ruleset or select(include, ignore, profile=profile)
    frame = _as_frame(labels)
    distinct = frame.select(pl.col("label").unique(maintain_order=True))
    fixed = fixing.fix(distinct["label"].to_list(), ruleset, level, workers=workers)
    return frame.join(fixed, on="label", how="left", maintain_order="left").select(
        *(["sample_id"] if "sample_id" in frame.columns else []), *fixing.SCHEMA
    )


def visual_key(labels: Labels) -> pl.Series:
    """The visual key of each label as a Series of 24 hexadecimal digits; null where it can't be made.

    Two labels with equal keys look the same in display style. Two nulls are never equal.
    """
    frame = _as_frame(labels)
    distinct = frame.select(pl.col("label").unique(maintain_order=True))
    keys = distinct.with_columns(pl.Series("visual_key", engine.visual_keys(distinct["label"]), pl.String))
    return frame.join(keys, on="label", how="left", maintain_order="left")["visual_key"]


def _as_frame(labels: Labels) -> pl.DataFrame:
    if isinstance(labels, pl.DataFrame):
        if "label" not in labels.columns:
            raise ValueError(f"the frame has no column 'label'; it has {', '.join(labels.columns) or 'none'}")
        keep = ["label", *(["sample_id"] if "sample_id" in labels.columns else [])]
        return labels.select(keep).with_columns(pl.col("label").cast(pl.String).fill_null(""))
    if isinstance(labels, str):  # a sequence of its characters, too
        labels = [labels]
    if isinstance(labels, pl.Series):
        series = labels
    else:
        series = pl.Series("label", [label if label is None else whole(label) for label in labels], pl.String)
    return series.cast(pl.String).fill_null("").to_frame("label")
