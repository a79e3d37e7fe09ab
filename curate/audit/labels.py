"""The stage that judges labels, each distinct one once. The rules are in `rules`."""

from __future__ import annotations

import polars as pl

from curate.audit.earlier_run import Earlier
from curate.audit.options import AuditOptions, Progress
from rules import engine


def judge_labels(
    samples: pl.DataFrame, options: AuditOptions, earlier: Earlier | None, report: Progress
) -> engine.Judged:
    """Judge every distinct label once; those that an earlier run judged the same way are taken from it."""
    distinct = samples.select(pl.col("label").unique(maintain_order=True))
    fresh = (
        distinct if earlier is None else distinct.join(earlier.labels, on="label", how="anti", maintain_order="left")
    )
    done = distinct.height - fresh.height
    report("labels", done, distinct.height)

    def step(count: int) -> None:
        nonlocal done
        done += count
        report("labels", done, distinct.height)

    judged = engine.judge(
        fresh["label"].to_list(),
        options.ruleset,
        weights=options.weights,
        workers=options.workers,
        progress=step,
        check_fixes=True,
    )
    return judged if earlier is None else earlier.joined(distinct, judged)


def join_labels(samples: pl.DataFrame, judged: engine.Judged) -> pl.DataFrame:
    """The samples in `order` with what is known of their labels: key, canonical form, tokens, score, `label_row`."""
    labels = judged.labels.with_row_index("label_row")
    return samples.join(labels, on="label", how="left", maintain_order="left").with_row_index("order")


def wrong_labels(judged: engine.Judged) -> list[str]:
    """The labels that have a finding of severity error."""
    rows = judged.findings.filter(pl.col("severity") == "error")["row"].unique(maintain_order=True)
    return judged.labels["label"].gather(rows).to_list()
