"""Gives samples the labels from decisions and permitted fixes, and judges these again. Drops no sample.

Changes go to two parquet files rather than into memory: a safe fix may respell most labels of a set of millions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from curate.export.decide.inputs import Input
from curate.export.decide.rows import Buckets
from curate.runs.in_force import in_force
from rules import engine, fixing
from rules.registry import fixing_as

#: The actions that set a label, or keep it, whatever rules and filters say.
WINNING = ("accept", "edit", "fix")

CHANGED: dict[str, Any] = {
    "row": pl.UInt32,
    "label": pl.String,
    "n_tokens": pl.Int32,
    "visual_key": pl.String,
    "label_score": pl.Float64,
}
JUDGED: dict[str, Any] = {"row": pl.UInt32, "rule": pl.String, "severity": pl.String, "message": pl.String}


@dataclass
class Relabelled:
    """The result for one run's labels.

    changed: file of the samples with another label (schema CHANGED); judged: the findings of these labels (schema
    JUDGED). decided: action by row of the applied decisions. fixed: samples by code of the rule whose fix was made.
    respelled: samples whose label was written in canonical form; not_canonical: those with another spelling. stale and
    strangers: decisions about a label that has changed, or about no sample of the run.
    """

    changed: Path
    judged: Path
    decided: dict[int, str] = field(default_factory=dict)
    fixed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    n_changed: int = 0
    respelled: int = 0
    not_canonical: int = 0
    stale: list[str] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)


def relabel(
    item: Input,
    fix: str,
    style: str,
    folder: Path,
    found: Buckets,
    *,
    frozen: pl.Expr,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Relabelled:
    """Apply a run's decisions, then repairs of level `fix` ("none", "safe", "unsafe") to labels without a decision.

    style: "canonical" then writes every label in canonical form, decided or not: a source in which each formula has one
    spelling must not end with two. found: from `Input.findings`. frozen: true for samples that no repair may touch,
    over the columns source and split of samples.
    """
    done = Relabelled(folder / f"changed-{item.number}.parquet", folder / f"judged-{item.number}.parquet")
    done.strangers.update(item.decisions.standing)
    with _Table(done.changed, CHANGED) as changed, _Table(done.judged, JUDGED) as judged:
        all_kept = fix == "none" and style == "none"
        for number, start in enumerate(() if all_kept and not done.strangers else item.starts):
            window = item.window(start).select("row", "sample_id", "source", "split", "label", "canonical").collect()
            edited, to_fix = _decide(item, window, done)
            made = [edited, _fix(item, to_fix, "unsafe", done, workers)]
            if fix != "none":
                repairable = _repairable(window, found.read(number), fix, frozen, done)
                made.append(_fix(item, repairable, fix, done, workers))
            new = pl.concat(made)
            if style == "canonical":
                new = _respelled(item, window, new, done, workers)
            others = window.join(new, on="row", how="anti").filter(pl.col("canonical") != pl.col("label")).height
            done.not_canonical += others + _write(item, new, changed, judged, workers)
            if progress is not None:
                progress(start + window.height, item.height)
        done.n_changed = changed.rows
    return done


def _decide(item: Input, window: pl.DataFrame, done: Relabelled) -> tuple[pl.DataFrame, pl.DataFrame]:
    """New labels by row from decisions, and the rows whose decision accepts a fix without naming its result."""
    standing = item.decisions.standing
    new: dict[int, str] = {}
    to_fix: list[int] = []
    found = window.select("row", "sample_id", "label").filter(pl.col("sample_id").is_in(list(standing)))
    for row, sample_id, label in found.iter_rows():
        held = in_force(standing, sample_id, label)
        done.strangers.discard(sample_id)
        if held.action is None:
            done.stale.append(sample_id)
            continue
        done.decided[row] = held.action
        if held.left_to_fixer:
            to_fix.append(row)
        elif held.given is not None and held.given != label:
            new[row] = held.given
    edited = pl.DataFrame({"row": list(new), "new": list(new.values())}, schema={"row": pl.UInt32, "new": pl.String})
    return edited, window.filter(pl.col("row").is_in(to_fix))


def _repairable(window: pl.DataFrame, found: pl.DataFrame, fix: str, frozen: pl.Expr, done: Relabelled) -> pl.DataFrame:
    """The samples of a window without a decision that have a finding with a permitted repair."""
    levels = ["safe"] if fix == "safe" else ["safe", "unsafe"]
    repairs = pl.col("rule").is_in(fixing_as("repair")) & pl.col("fix").is_in(levels)
    proposed = found.filter(repairs & pl.col("replacement").is_not_null())
    free = window.filter(~pl.col("row").is_in(list(done.decided)) & ~frozen.fill_null(False))
    return free.join(proposed, on="row", how="semi", maintain_order="left")


def _fix(item: Input, window: pl.DataFrame, level: str, done: Relabelled, workers: int) -> pl.DataFrame:
    distinct = window["label"].unique(maintain_order=True).to_list()
    fixed = fixing.fix(distinct, item.ruleset, "unsafe" if level == "unsafe" else "safe", workers=workers)
    joined = window.join(fixed, on="label", how="left", maintain_order="left")
    for counter, column in ((done.fixed, "applied"), (done.refused, "refused")):
        counter.update(joined[column].explode().drop_nulls().to_list())
    return joined.filter(pl.col("fixed") != pl.col("label")).select("row", pl.col("fixed").alias("new"))


def _respelled(item: Input, window: pl.DataFrame, new: pl.DataFrame, done: Relabelled, workers: int) -> pl.DataFrame:
    """`new` with the canonical form of every label of the window, new or as read, that has one."""
    now = window.join(new, on="row", how="left", maintain_order="left").with_columns(now=pl.coalesce("new", "label"))
    distinct = now["now"].unique(maintain_order=True).to_list()
    whole = replace(item.ruleset, codes=())  # nothing is repaired again, and kept test sets not at all
    spelled = fixing.fix(distinct, whole, style="canonical", workers=workers).select(now="label", fixed="fixed")
    now = now.join(spelled, on="now", how="left", maintain_order="left")
    done.respelled += now.filter(pl.col("fixed") != pl.col("now")).height
    return now.filter(pl.col("fixed") != pl.col("label")).select("row", pl.col("fixed").alias("new"))


def _write(item: Input, new: pl.DataFrame, changed: _Table, judged: _Table, workers: int) -> int:
    """Judge new labels and write them with their findings; returns how many are not in canonical form."""
    if not new.height:
        return 0
    distinct = new["new"].unique(maintain_order=True)
    result = engine.judge(distinct.to_list(), item.ruleset, weights=item.weights, workers=workers)
    labels = result.labels.with_row_index("place").rename({"score": "label_score"})
    joined = new.rename({"new": "label"}).join(labels, on="label", how="left", maintain_order="left")
    changed.write(joined.select(*CHANGED))
    findings = result.findings.select(pl.col("row").alias("place"), "rule", "severity", "message")
    judged.write(joined.select("row", "place").join(findings, on="place", how="inner").select(*JUDGED))
    return joined.filter(pl.col("canonical") != pl.col("label")).height


class _Table:
    """A parquet file written frame by frame."""

    def __init__(self, path: Path, schema: Any) -> None:
        self.rows = 0
        self._schema = schema
        self._writer = pq.ParquetWriter(path, pl.DataFrame(schema=schema).to_arrow().schema, compression="zstd")

    def write(self, frame: pl.DataFrame) -> None:
        self.rows += frame.height
        if frame.height:
            self._writer.write_table(frame.cast(self._schema).to_arrow().cast(self._writer.schema))

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
