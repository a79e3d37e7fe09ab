"""Holds what an audit found against what the demo planted. Plants nothing and judges nothing."""

from __future__ import annotations

from dataclasses import asdict

import polars as pl

from curate.base.tables import Column, text_table
from curate.demo import DemoData
from curate.runs.folder import Run

_COLUMNS = (Column("planted"), Column("in"), Column("found by"))


def found_planted(data: DemoData, run: Run) -> pl.DataFrame:
    """Every planted defect with the rules that point at its place: columns kind, source, sample_id, rules (sorted).

    A finding points at a place where its span overlaps it, or where it has no span and the defect has none.
    """
    planted = pl.DataFrame([asdict(row) for row in data.planted], infer_schema_length=None).with_row_index("plant")
    findings = run.findings.select(
        "sample_id", pl.col("rule").alias("code"), pl.col("start").alias("from"), pl.col("end").alias("to")
    )
    overlap = (pl.col("from") < pl.max_horizontal("end", pl.col("start") + 1)) & (
        pl.max_horizontal("to", pl.col("from") + 1) > pl.col("start")
    )
    neither = pl.col("from").is_null() & pl.col("start").is_null() & pl.col("code").str.starts_with("PAR")
    hits = (
        planted.lazy()
        .join(findings, on="sample_id", how="inner")
        .filter(overlap.fill_null(False) | neither)
        .group_by("plant")
        .agg(pl.col("code").unique().sort().alias("rules"))
    )
    return (
        planted.lazy()
        .join(hits, on="plant", how="left", maintain_order="left")
        .select("kind", "source", "sample_id", pl.col("rules").fill_null([]))
        .collect()
    )


def compare_planted(data: DemoData, run: Run, width: int) -> str:
    """The planted kinds with the rules that found them, and how many were found."""
    found = found_planted(data, run)
    by_kind = (
        found.group_by("kind", "source", maintain_order=True)
        .agg(
            pl.len().alias("planted"),
            (pl.col("rules").list.len() > 0).sum().alias("found"),
            pl.col("rules").explode().drop_nulls().unique().sort().alias("rules"),
        )
        .sort("source", "kind")
    )
    rows = [
        [row["kind"], row["source"], " ".join(row["rules"]) if row["found"] == row["planted"] else "NOT FOUND"]
        for row in by_kind.iter_rows(named=True)
    ]
    hit = found.filter(pl.col("rules").list.len() > 0).height
    return f"{text_table(_COLUMNS, rows, width=width)}\n\n{hit} of {found.height} planted defects found."
