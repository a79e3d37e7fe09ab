"""Computes the score of a label from its findings: 1 is clean, 0 is hopeless. It is not a probability.

score = product of (1 - weight) over the rules that fired. Each rule counts once, however often it fired, so that long
labels are not worse for their length. The weight of a rule is that of its severity, unless it has its own; its severity
on a label is that of its worst finding there. The defaults are a choice, not a measurement: a label with an error
scores below every label without one, five warnings weigh about as much as an error, and remarks on style hardly count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from rules.findings import SEVERITIES
from rules.registry import all_rules, tagged

_DIGITS = 4


def _weights_of_remarks() -> dict[str, float]:
    """The weights of remarks from rules that declare one.

    The weight is 0 if a remark describes the picture or a limit of texsieve, and not a flaw of the label: it has no key
    (because of an error, or of our limits), or it opens a bracket that the next line closes. It is low if the remark is
    about something that isn't part of the formula, and that no model can learn from the picture.
    """
    return {code: rule.weight for code, rule in all_rules().items() if rule.weight is not None}


@dataclass(frozen=True)
class Weights:
    """What a finding of each severity takes off, in [0, 1]; `rules` sets it for single codes."""

    error: float = 0.75
    warning: float = 0.25
    info: float = 0.005
    rules: Mapping[str, float] = field(default_factory=dict)
    #: What a finding of severity info takes off if its rule is here and not in `rules`.
    remarks: Mapping[str, float] = field(default_factory=_weights_of_remarks)

    def __post_init__(self) -> None:
        for name, value in {
            "error": self.error,
            "warning": self.warning,
            "info": self.info,
            **self.remarks,
            **self.rules,
        }.items():
            if not 0 <= value <= 1:
                raise ValueError(f"weight of {name}: {value} is not between 0 and 1")


def scores(findings: pl.DataFrame, by: str, weights: Weights | None = None) -> pl.DataFrame:
    """The score of every `by` (a row or sample id) that has a finding, in the columns `by` and `score` (Float64, 4
    digits).

    `findings` needs the columns `by`, `rule` and `severity`. Rows without a finding have score 1 and are not in the
    result.
    """
    weights = weights or Weights()
    rank = {severity: index for index, severity in enumerate(SEVERITIES)}
    by_rank = {index: getattr(weights, severity) for severity, index in rank.items()}
    weight = pl.col("rank").replace_strict(by_rank, return_dtype=pl.Float64)
    if weights.remarks:
        remark = pl.col("rule").replace_strict(dict(weights.remarks), default=None, return_dtype=pl.Float64)
        weight = pl.when(pl.col("rank") == rank["info"]).then(pl.coalesce(remark, weight)).otherwise(weight)
    if weights.rules:
        own = pl.col("rule").replace_strict(dict(weights.rules), default=None, return_dtype=pl.Float64)
        weight = pl.coalesce(own, weight)
    return (
        findings.lazy()
        .filter(pl.col(by).is_not_null())
        .with_columns(pl.col("severity").replace_strict(rank, return_dtype=pl.Int8).alias("rank"))
        .group_by(by, "rule")
        .agg(pl.col("rank").min())
        .sort(by, "rule")  # a fixed order, so that floating-point products are always the same
        .with_columns((1 - weight).alias("kept"))
        .group_by(by, maintain_order=True)
        .agg(pl.col("kept").product().round(_DIGITS).alias("score"))
        .collect()
    )


def with_scores(labels: pl.DataFrame, findings: pl.DataFrame, weights: Weights | None = None) -> pl.DataFrame:
    """The labels with a column `score`. Both frames have the column `row`, and a row without a finding scores 1.

    A label on which a rule failed, or that ended its process, has no score, since its findings are incomplete.
    """
    scored = labels.join(scores(findings, "row", weights), on="row", how="left", maintain_order="left")
    unknown = findings.filter(pl.col("rule").is_in(tagged("unscored")))["row"]
    score = pl.col("score").fill_null(1.0)
    if unknown.len():
        score = pl.when(~pl.col("row").is_in(unknown.implode())).then(score)
    return scored.with_columns(score.alias("score"))
