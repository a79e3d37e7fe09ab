"""Counts what became of the samples: by reason, split and source; leaks, and how far the splits drift apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import polars as pl

from curate.export.policy import REASONS

#: Drift by length is counted in bins of tokens, each twice as wide as the one before; from here on all are one bin.
LONGEST = 1024


def reasons(plan: pl.DataFrame) -> list[dict[str, Any]]:
    """Samples left out by reason and source: reason, rule, source, samples; in the order of the reasons."""
    order = {name: at for at, name in enumerate(REASONS)}
    counted = plan.lazy().filter(pl.col("reason").is_not_null()).group_by("reason", "rule", "source").len("samples")
    rows = counted.sort("reason", "rule", "source", nulls_last=True).collect().to_dicts()
    return sorted(rows, key=lambda row: (order[row["reason"]], -row["samples"], row["rule"] or "", row["source"]))


def _staying(plan: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Some columns of the samples that are in the data set."""
    return plan.lazy().filter(pl.col("reason").is_null()).select(columns).collect()


def split_sizes(plan: pl.DataFrame, splits: Sequence[str]) -> list[dict[str, Any]]:
    """Each split's samples, groups (distinct keys), images, share of all samples, median and longest label."""
    total = max(plan["reason"].null_count(), 1)
    found = []
    for split in splits:  # one by one: a group_by would hold the rows of all
        part = plan.lazy().filter(pl.col("reason").is_null() & (pl.col("split") == split))
        counts = part.select(
            pl.len().alias("samples"),
            pl.col("key").n_unique().alias("groups"),
            pl.col("has_image").sum().alias("images"),
            pl.col("n_tokens").median().alias("median_tokens"),
            pl.col("n_tokens").max().alias("max_tokens"),
        )
        row = counts.collect().to_dicts()[0]
        found.append({"split": split, **row, "share": round(row["samples"] / total, 6)})
    return found


def sources(plan: pl.DataFrame) -> list[dict[str, Any]]:
    """Each source's samples: read, left out, changed, and how many of them each split has."""
    counted = (
        plan.lazy()
        .select("source", "changed", "reason")
        .group_by("source", maintain_order=True)
        .agg(
            pl.len().alias("samples"),
            pl.col("reason").is_null().sum().alias("kept"),
            (pl.col("changed") & pl.col("reason").is_null()).sum().alias("changed"),
        )
        .collect()
        .to_dicts()
    )
    by_split = _staying(plan, "source", "split").group_by("source", "split").len().sort("source", "split")
    splits: dict[str, dict[str, int]] = {}
    for source, split, number in by_split.iter_rows():
        splits.setdefault(source, {})[split] = number
    return [{**row, "splits": splits.get(row["source"], {})} for row in counted]


def leaks(plan: pl.DataFrame, splits: Sequence[str]) -> list[dict[str, Any]]:
    """Labels (visual keys) and pictures (pixel hashes) that each two splits share: none, or the export has a fault."""
    held = {
        column: {
            split: staying.filter((pl.col("split") == split) & pl.col(column).is_not_null())[column].unique()
            for split in splits
        }
        for column in ("key", "pixels")
        for staying in (_staying(plan, "split", column),)
    }
    return [
        {
            "splits": [one, other],
            "labels": held["key"][one].is_in(held["key"][other].implode()).sum(),
            "pictures": held["pixels"][one].is_in(held["pixels"][other].implode()).sum(),
        }
        for one, other in combinations(splits, 2)
    ]


def drift(plan: pl.DataFrame, splits: Sequence[str]) -> list[dict[str, Any]]:
    """How far each split is from the whole, by source and by label length: the part of its samples (0 to 1) that
    would have to change places (total variation distance), and what a random split of its size would have."""
    staying = _staying(plan, "split", "source", "n_tokens").with_columns(
        pl.col("n_tokens").fill_null(1).clip(1, LONGEST).log(2).floor().cast(pl.Int8).alias("length")
    )
    found = []
    for split in splits:
        part = staying.filter(pl.col("split") == split)
        row: dict[str, Any] = {"split": split, "samples": part.height}
        for column in ("source", "length"):
            row[column], row[f"{column}_by_chance"] = _distance(part, staying, column)
        found.append(row)
    return found


def _distance(part: pl.DataFrame, whole: pl.DataFrame, column: str) -> tuple[float | None, float | None]:
    if not part.height:
        return None, None
    shares = (
        whole.group_by(column)
        .len("all")
        .join(part.group_by(column).len("here"), on=column, how="left")
        .sort(column)
        .select(p=pl.col("all") / whole.height, q=pl.col("here").fill_null(0) / part.height)
    )
    distance = float((shares["p"] - shares["q"]).abs().sum()) / 2
    # The mean of |q - p| of a sample of n is about sqrt(2 p (1 - p) / (pi n)), less for a part of a finite whole.
    left = 1 - part.height / whole.height
    chance = float(((2 * shares["p"] * (1 - shares["p"]) * left / (3.141592653589793 * part.height)) ** 0.5).sum()) / 2
    return round(distance, 4), round(chance, 4)
