"""The stage that judges labels, each distinct one once, and writes what is known of them. The rules are in `rules`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.audit.earlier_run import Earlier
from curate.audit.findings import in_place, with_own_macros
from curate.audit.folder import Tables
from curate.audit.options import AuditOptions, Progress
from curate.audit.parts import Parts
from curate.base.hashing import hashes
from curate.runs.folder import FINDINGS
from rules import engine
from rules.sets.same_label import with_label_groups


@dataclass(frozen=True)
class LabelsJudged:
    """distinct: labels that differ. reused: those of them that an earlier run had judged. wrong: those that have an
    error, where they were asked for."""

    distinct: int
    reused: int
    wrong: list[str]


def judge_labels(
    tables: Tables,
    options: AuditOptions,
    earlier: Earlier | None,
    report: Progress,
    documents: Sequence[str] = (),
    *,
    wrong: bool = False,
) -> LabelsJudged:
    """Judge every distinct label once; those that an earlier run judged the same way are taken from it.

    A part of the samples is read at a time. It gets the columns OWN (label_row is equal for equal labels, and counts
    them in their order), n_tokens, canonical, visual_key, score and label_group; `tables.found` gets the findings in
    its labels, with `order`. What is known of a label is kept in memory until the last part that holds it. documents:
    the sources whose labels may use macros of their documents. wrong: tell which labels have an error.
    """
    samples = tables.samples
    rows, distinct = _numbered(samples)
    last = np.zeros(distinct, np.uint32)
    for number, (start, end) in enumerate(samples.spans()):
        last[rows[start:end]] = number
    kept, kept_findings = _NO_LABELS, _NO_FINDINGS
    next_label = reused = done = 0
    erring: list[str] = []
    schema = samples.schema()

    def step(count: int) -> None:
        nonlocal done
        done += count
        report("labels", done, distinct)

    step(0)
    for number, (start, end) in enumerate(samples.spans()):
        part = samples.read(number).with_columns(
            pl.int_range(start, end, dtype=pl.UInt32).alias("order"), pl.Series("label_row", rows[start:end])
        )
        fresh = part.filter(pl.col("label_row") >= next_label).unique("label_row", keep="first", maintain_order=True)
        known = None if earlier is None else earlier.judged(fresh.select("label"))
        unknown = fresh["label"] if known is None else _without(fresh, known.labels)
        step(fresh.height - unknown.len())
        reused += fresh.height - unknown.len()
        judged = engine.judge(
            unknown.to_list(),
            options.ruleset,
            weights=options.weights,
            workers=options.workers,
            progress=step,
            check_fixes=True,
        )
        if known is not None:
            judged = known.joined(fresh.select("label"), judged)
        labels = judged.labels.drop("label").with_columns(fresh["label_row"])
        findings = judged.findings.with_columns(pl.col("row") + next_label).rename({"row": "label_row"})
        if wrong:
            errors = judged.findings.filter(pl.col("severity") == "error")["row"].unique(maintain_order=True)
            erring += judged.labels["label"].gather(errors).to_list()
        next_label += fresh.height
        labels, findings = pl.concat([kept, labels]), pl.concat([kept_findings, findings])
        part = part.join(labels, on="label_row", how="left", maintain_order="left")
        missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in part.columns]
        found = (
            part.select("order", "sample_id", "source", "label_row")
            .join(findings, on="label_row", maintain_order="left_right")
            .select("order", *FINDINGS)
        )
        part, found = with_own_macros(part.with_columns(missing), in_place(found), options, documents)
        # All parts have the same columns in one order, so that they are scanned as one table.
        samples.put(number, with_label_groups(part).select(*schema, pl.exclude(*schema)))
        tables.found.append(found)
        kept, kept_findings = (
            frame.filter(pl.Series(last[frame["label_row"].to_numpy()] > number)) for frame in (labels, findings)
        )
    return LabelsJudged(distinct, reused, erring)


_NO_LABELS = pl.DataFrame(
    schema={
        "n_tokens": pl.Int32,
        "canonical": pl.String,
        "visual_key": pl.String,
        "score": pl.Float64,
        "label_row": pl.UInt32,
    }
)
_NO_FINDINGS = pl.DataFrame(
    schema={"label_row": pl.UInt32, **{k: v for k, v in FINDINGS.items() if k not in ("sample_id", "source")}}
)


def _numbered(samples: Parts) -> tuple[npt.NDArray[np.uint32], int]:
    """For each sample the number of its label, counted in the labels' order, and how many labels differ."""
    every = samples.scan().select(hashes("label")).collect(engine="streaming")
    distinct = every.unique(maintain_order=True).with_row_index("label_row")
    if distinct.height == every.height:
        return np.arange(every.height, dtype=np.uint32), every.height
    rows = every.join(distinct, on=every.columns, how="left", maintain_order="left")["label_row"]
    return rows.to_numpy(), distinct.height


def _without(labels: pl.DataFrame, known: pl.DataFrame) -> pl.Series:
    return labels.select("label").join(known, on="label", how="anti", maintain_order="left")["label"]
