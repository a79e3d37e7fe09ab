"""The public functions of `import rules`, which check, fix and compare labels. `engine` does the work."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from rules import engine, fixing, plugins
from rules.findings import SCHEMA
from rules.latex.lexer import whole
from rules.over_samples import judge_samples
from rules.registry import all_rules
from rules.selection import Ruleset, select
from rules.vocabulary import SAMPLE_COLUMNS

#: A single string is one label.
Labels = str | Sequence[str] | pl.Series | pl.DataFrame


class LeftOutWarning(UserWarning):
    """Rules over samples were requested, but the frame lacks columns that they read.

    `left_out` has the codes of these rules, each with the missing columns.
    """

    def __init__(self, left_out: Mapping[str, tuple[str, ...]]) -> None:
        self.left_out = dict(left_out)
        by_columns: dict[tuple[str, ...], list[str]] = {}
        for code, columns in self.left_out.items():
            by_columns.setdefault(columns, []).append(code)
        listed = "; ".join(f"{', '.join(codes)} ({', '.join(columns)})" for columns, codes in by_columns.items())
        count = f"{len(self.left_out)} rule{'' if len(self.left_out) == 1 else 's'} over samples"
        super().__init__(
            f"rules.check left out {count} because of missing columns: {listed}; samples=False checks only labels"
        )


def check(
    labels: Labels,
    *,
    include: Iterable[str] = (),
    ignore: Iterable[str] = (),
    profile: str = "default",
    ruleset: Ruleset | None = None,
    workers: int = 1,
    samples: bool | None = None,
) -> pl.DataFrame:
    """Checks labels and, if the frame has more than labels, samples: their images, splits and whole data sets.

    `labels` is a list or Series of strings, a frame with a column `label`, or a string, which is one label. The result
    has the columns of `rules.findings.SCHEMA`, in the order of the labels. `row` (UInt32) counts the labels from 0. If
    the frame has a column `sample_id`, it comes first. `start` and `end` are code point offsets into the label, end
    exclusive. Null labels are judged as empty, and half a surrogate pair, which isn't a character, as U+FFFD. If a rule
    fails on a label, there is a `rules.faults.FaultWarning`, and the label has a finding that says so.

    samples: also run the rules over samples. None: only if the frame has a column that they read (`split`, `image`,
    `width`, `image_sha256` and the others of `rules.vocabulary.SAMPLE_COLUMNS`, with their types), or if `include` has
    the code or name of such a rule. Findings on a whole data set have no `row` and come last; the column `source` of
    the frame then follows `sample_id` and names the data set. Without that column, everything is one data set,
    `labels`. If there is a `source` but no `split`, the name of the source says what a sample is for. Without
    `image_phash`, which is null for a blank image, no image counts as blank. A rule whose columns are missing is left
    out with a `LeftOutWarning`.

    Raises SelectionError for unknown rules or profiles; ValueError for a frame without labels and, with rules over
    samples, for a column of the wrong type or a `sample_id` that is null or duplicated.
    """
    include = list(include)
    ruleset = ruleset or select(include, ignore, profile=profile)
    plugins.warn()
    frame = _as_frame(labels)
    distinct = frame.select(pl.col("label").unique(maintain_order=True))
    judged = engine.judge(distinct["label"].to_list(), ruleset, workers=workers, check_fixes=True)
    rows = frame.with_row_index("row").join(
        distinct.with_row_index("distinct"), on="label", how="left", maintain_order="left"
    )
    ids = ["sample_id"] if "sample_id" in frame.columns else []
    found = (
        rows.lazy()
        .select("row", "distinct", *ids)
        .join(
            judged.findings.lazy().rename({"row": "distinct"}), on="distinct", how="inner", maintain_order="left_right"
        )
        .select(*ids, *SCHEMA)
        .collect()
    )
    known = _sample_columns(labels)
    if samples is None:
        samples = bool(known) or any(_names_samples_rule(name) for name in include)
    if not samples:
        return found
    seen = _as_samples(rows, known, judged.labels)
    of_samples = judge_samples(seen, ruleset)
    if of_samples.left_out:
        warnings.warn(LeftOutWarning(of_samples.left_out), stacklevel=2)
    sources = ["source"] if "source" in known else []
    places = seen.select(pl.col("sample_id").alias("id"), "row")
    more = of_samples.findings.rename({"sample_id": "id"}).join(places, on="id", how="left", maintain_order="left")
    if ids:
        more = more.join(rows.select("row", *ids), on="row", how="left", maintain_order="left")
    if sources:
        found = found.join(seen.select("row", *sources), on="row", how="left", maintain_order="left")
    return (
        pl.concat([found, more.drop("id")], how="diagonal")
        .select(*ids, *sources, *SCHEMA)
        .sort("row", "start", "rule", "end", nulls_last=True, maintain_order=True)
    )


def _names_samples_rule(name: str) -> bool:
    """Is this the code or name of a rule over samples? The letters of a family don't count."""
    return any(
        rule.scope == "samples" for rule in all_rules().values() if name.upper() == rule.code or name == rule.name
    )


def _sample_columns(labels: Labels) -> dict[str, pl.Series]:
    """The columns of a frame that rules over samples read."""
    if not isinstance(labels, pl.DataFrame):
        return {}
    return {name: labels[name] for name in SAMPLE_COLUMNS if name in labels.columns}


def _as_samples(rows: pl.DataFrame, known: Mapping[str, pl.Series], judged: pl.DataFrame) -> pl.DataFrame:
    """The frame for rules over samples, and `row`. rows: row, label, distinct, perhaps sample_id; judged: by
    distinct.
    """
    if "sample_id" in rows.columns:
        ids = rows["sample_id"].cast(pl.String)
        if ids.null_count():
            raise ValueError(f"the column 'sample_id' is null in row {ids.is_null().arg_max()}: every sample needs one")
        if ids.n_unique() < ids.len():
            raise ValueError(
                f"several samples have the sample_id {ids.filter(ids.is_duplicated())[0]!r}: give each its own"
            )
    else:
        ids = rows["row"].cast(pl.String).alias("sample_id")
    columns = [_typed(series) for series in known.values()]
    if "source" not in known:
        columns.append(pl.Series("source", ["labels"], pl.String).new_from_index(0, rows.height))
    elif "split" not in known:
        columns.append(pl.Series("split", [None], pl.String).new_from_index(0, rows.height))
    facts = judged.with_row_index("distinct").select("distinct", "n_tokens", "canonical", "visual_key")
    return (
        rows.select("row", "distinct", "label")
        .with_columns(ids, *columns)
        .join(facts, on="distinct", how="left", maintain_order="left")
        .drop("distinct")
    )


def _typed(series: pl.Series) -> pl.Series:
    """A column of samples, cast to the type that rules read."""
    column = SAMPLE_COLUMNS[series.name]
    try:
        return series.cast(column.dtype)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"the column {series.name!r} is {series.dtype}, not {column.dtype} ({column.what})") from error


def fix(
    labels: Labels,
    level: fixing.Level = "safe",
    *,
    style: fixing.Style = "none",
    include: Iterable[str] = (),
    ignore: Iterable[str] = (),
    profile: str = "default",
    ruleset: Ruleset | None = None,
    workers: int = 1,
) -> pl.DataFrame:
    """Repairs labels; `rules.fixing` explains which fixes are made, and in which order.

    `labels` is as in `check`. The result has one row per label, in order: `sample_id` if the frame has it, label, fixed
    (equal to label if nothing was changed), applied (codes of the rules whose fixes were made), visual_key_before,
    visual_key_after, refused (codes of fixes that could not be proven, or would have left a label that LaTeX can't
    read). `level` "unsafe" makes unsafe fixes too. `style` adds fixes of style: "canonical" writes every label in the
    canonical form, "rules" makes the fixes of style that the rules propose. Raises SelectionError as `check` does, and
    ValueError for another level or style.
    """
    ruleset = ruleset or select(include, ignore, profile=profile)
    plugins.warn()
    frame = _as_frame(labels)
    distinct = frame.select(pl.col("label").unique(maintain_order=True))
    fixed = fixing.fix(distinct["label"].to_list(), ruleset, level, style=style, workers=workers)
    return frame.join(fixed, on="label", how="left", maintain_order="left").select(
        *(["sample_id"] if "sample_id" in frame.columns else []), *fixing.SCHEMA
    )


def visual_key(labels: Labels) -> pl.Series:
    """The visual key of each label, as a Series of 24 hexadecimal digits; null if a label has none.

    Two labels with equal keys look the same in display style. A null isn't equal to anything.
    """
    frame = _as_frame(labels)
    distinct = frame.select(pl.col("label").unique(maintain_order=True))
    keys = distinct.with_columns(pl.Series("visual_key", engine.visual_keys(distinct["label"].to_list()), pl.String))
    return frame.join(keys, on="label", how="left", maintain_order="left")["visual_key"]


def _as_frame(labels: Labels) -> pl.DataFrame:
    if isinstance(labels, pl.DataFrame):
        if "label" not in labels.columns:
            raise ValueError(f"the frame has no column 'label'; it has {', '.join(labels.columns) or 'none'}")
        keep = ["label", *(["sample_id"] if "sample_id" in labels.columns else [])]
        return labels.select(keep).with_columns(pl.col("label").cast(pl.String).fill_null(""))
    if isinstance(labels, str):  # a string is also a sequence of its characters
        labels = [labels]
    if isinstance(labels, pl.Series):
        series = labels
    else:
        series = pl.Series("label", [label if label is None else whole(label) for label in labels], pl.String)
    return series.cast(pl.String).fill_null("").to_frame("label")
