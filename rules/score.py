"""A label's score from its findings: 1 is clean, 0 is hopeless. Not a probability, and no rule.

score = product over the rules that fired of (1 - weight), each rule once however often it fired, so that a long label
is not worse for its length. A rule weighs what its severity weighs, unless it has or is given a weight of its own. The
severity of a rule on a label is its worst finding there. The defaults are a choice, not a measurement: one error puts a
label below every label without one, five warnings weigh about as much as an error, and facts of style hardly count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from rules.findings import SEVERITIES
from rules.registry import all_rules, tagged

_DIGITS = 4


def _weights_of_remarks() -> dict[str, float]:
    """What remarks of rules that declare a weight take off.

    Nothing, where one says something true of the picture, or of us, and nothing against the label: that it has no key
    (which follows from an error, or is a limit of ours), or opens a bracket that the next line closes. Little, where it
    is about what is no part of the formula, so that no model can learn it from the picture.
    """
    return {code: rule.weight for code, rule in all_rules().items() if rule.weight is not None}


@dataclass(frozen=True)
class Weights:
    """What a finding of each severity takes off, in [0, 1]; `rules` sets it for single codes."""

    error: float = 0.75
    warning: float = 0.25
    info: float = 0.005
    rules: Mapping[str, float] = field(default_factory=dict)
    #: What a finding of severity info takes off where its rule is here and not in `rules`.
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
    """Score of every `by` (a row or sample id) that has a finding, as columns `by` and `score` (Float64, 4 digits).

    `findings` needs the columns `by`, `rule` and `severity`. What has no finding has score 1 and is not in the result.
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
        .sort(by, "rule")  # floating-point products must come in one order
        .with_columns((1 - weight).alias("kept"))
        .group_by(by, maintain_order=True)
        .agg(pl.col("kept").product().round(_DIGITS).alias("score"))
        .collect()
    )


def with_scores(labels: pl.DataFrame, findings: pl.DataFrame, weights: Weights | None = None) -> pl.DataFrame:
    """The labels with a column `score`; both frames have the column `row`, and a row without a finding scores 1.

    A label that a rule failed on, or that ended its process, has none: nobody knows what the rules would have said.
    """
    scored = labels.join(scores(findings, "row", weights), on="row", how="left", maintain_order="left")
    unknown = findings.filter(pl.col("rule").is_in(tagged("unscored")))["row"]
    score = pl.col("score").fill_null(1.0)
    if unknown.len():
        score = pl.when(~pl.col("row").is_in(unknown.implode())).then(score)
    return scored.with_columns(score.alias("score"))
