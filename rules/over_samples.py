"""Runs the rules over samples: images, pairs, splits, whole data sets. `engine` runs those over single labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from rules import faults
from rules.registry import not_judged
from rules.selection import Ruleset
from rules.toolkit.whole_sets import of_sets

#: Columns of the findings; sample_id is null if a finding is about the whole source.
FOUND: dict[str, Any] = dict.fromkeys(("sample_id", "source", "rule", "name", "severity", "message"), pl.String)


@dataclass(frozen=True)
class JudgedSamples:
    """`findings`: see FOUND, by rule. `left_out`: the missing columns, by code of a rule that didn't run."""

    findings: pl.DataFrame
    left_out: Mapping[str, tuple[str, ...]]


def judge_samples(samples: pl.DataFrame | pl.LazyFrame, ruleset: Ruleset) -> JudgedSamples:
    """Run the rules over samples of a ruleset on a frame of samples.

    `samples` has the columns sample_id (distinct, not null), source, label, n_tokens, canonical and visual_key, and
    those of `rules.vocabulary.SAMPLE_COLUMNS` that are known. A rule that declares a missing column is left out.

    A rule that raises is a fault in texsieve (`rules.faults`): the others go on, and each source has a finding that
    says so.
    """
    samples = samples.lazy()  # one frame for all rules, so that what several of them need is computed once
    known = samples.collect_schema()
    frames = [pl.DataFrame(schema=FOUND)]
    left_out: dict[str, tuple[str, ...]] = {}
    for rule in ruleset.rules("samples"):
        missing = tuple(name for name in rule.columns if name not in known)
        if missing:
            left_out[rule.code] = missing
            continue
        try:
            found = rule.judge(samples, ruleset.option_values(rule))
        except BaseException as error:
            number = samples.select(pl.len()).collect().item()
            fault = faults.caught(f"rule {rule.code}", error, count=number, of="sample")
            sources = samples.select(pl.col("source").unique(maintain_order=True)).collect()["source"]
            why = f"not judged by rule {rule.code} ({fault.error}): a fault in texsieve"
            found = of_sets([(source, why) for source in sources])
            rule = not_judged()
        frames.append(
            found.select(
                "sample_id",
                "source",
                pl.lit(rule.code).alias("rule"),
                pl.lit(rule.name).alias("name"),
                pl.lit(ruleset.severity(rule)).alias("severity"),
                "message",
            )
        )
    return JudgedSamples(pl.concat(frames), left_out)
