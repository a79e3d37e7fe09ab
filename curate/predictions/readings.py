"""What models read instead of a source's labels: proposals, never more. Accepts none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.predictions import contradicted
from rules import Ruleset, engine
from rules.registry import all_rules, tagged


@dataclass(frozen=True)
class Readings:
    """frame: sample_id, reading (what models read), sure (whether they surely contradict the label, by the rule for
    that), why (in its words). rows: predictions in the files; matched: those that belong to a sample of the source."""

    frame: pl.DataFrame
    rows: int
    matched: int


def readings(samples: pl.DataFrame, paths: Sequence[Path], ruleset: Ruleset) -> Readings:
    """What prediction files read differently from the labels of samples with sample_id, source, image and label.

    Raises UserError if a file can't be read.
    """
    files = contradicted.read(paths)
    text = pl.col("label").fill_null("")
    judged = engine.judge(samples.select(text)["label"].unique(maintain_order=True).to_list(), Ruleset(())).labels
    looked = samples.select("sample_id", "source", "image", text.alias("label")).join(
        judged.select("label", "canonical", "visual_key"), on="label", how="left", maintain_order="left"
    )
    found, facts = contradicted.with_predictions(looked.with_columns(pair_score=pl.lit(None, pl.Float64)), files)
    (code,) = sure_rule()
    rule = all_rules()[code]
    sure = rule.judge(found, ruleset.option_values(rule)).select("sample_id", pl.col("message").alias("why"))
    frame = (
        found.filter(pl.col("pred_differ") > 0)
        .join(sure, on="sample_id", how="left", maintain_order="left")
        .select("sample_id", pl.col("pred_label").alias("reading"), pl.col("why").is_not_null().alias("sure"), "why")
    )
    return Readings(frame, sum(one.rows for one in facts), sum(one.matched for one in facts))


def sure_rule() -> tuple[str, ...]:
    """The rule that says which labels predictions surely contradict."""
    return tagged("doubt", "predictions")
