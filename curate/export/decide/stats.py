"""Counts what happened to the samples: by reason, split and source; leaks, and how far the splits drift apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import polars as pl

from curate.export.decide.policy import REASONS
from curate.export.decide.rows import Rows, gathered, windows
from rules.sets import split_names

#: Drift by length is counted in bins of tokens, each twice as wide as the previous; from here on all are one bin.
LONGEST = 1024


_STAYS = pl.col("reason").is_null()


def _counted(plan: Rows, where: pl.Expr | bool, by: Sequence[str], **sums: pl.Expr) -> pl.DataFrame:
    """Sums by some columns over the samples for which `where` is true, in order of first appearance."""
    length = pl.col("n_tokens").fill_null(1).clip(1, LONGEST).log(2).floor().cast(pl.Int8).alias("length")
    columns = ("source", "split", "reason", "rule", "changed", "has_image", "n_tokens")
    parts = (
        window.filter(where).with_columns(length).group_by(by, maintain_order=True).agg(**sums)
        for window in windows(plan, *columns)
    )
    return pl.concat(parts).group_by(by, maintain_order=True).agg(pl.col(*sums).sum())


def _holders(plan: Rows, column: str) -> Iterator[pl.DataFrame]:
    """Which splits hold each value of a column: frames of split and value, without duplicate rows."""

    def held(window: pl.DataFrame) -> pl.DataFrame:
        return window.filter(_STAYS & pl.col(column).is_not_null()).select("split", column).unique()

    for part in gathered(plan, held, column, "split", "reason", column):
        yield part.select("split", column).unique()


def reasons(plan: Rows) -> list[dict[str, Any]]:
    """Dropped samples by reason and source: reason, rule, source, samples; in the order of the reasons."""
    order = {name: at for at, name in enumerate(REASONS)}
    rows = _counted(plan, ~_STAYS, ["reason", "rule", "source"], samples=pl.len()).to_dicts()
    return sorted(rows, key=lambda row: (order[row["reason"]], -row["samples"], row["rule"] or "", row["source"]))


def split_sizes(plan: Rows, splits: Sequence[str]) -> list[dict[str, Any]]:
    """Each split's samples, groups (distinct keys), images, share of all samples, median and longest label."""
    counted = _counted(plan, _STAYS, ["split"], samples=pl.len(), images=pl.col("has_image").sum())
    sizes = {split: (samples, images) for split, samples, images in counted.iter_rows()}
    tokens = _counted(plan, _STAYS, ["split", "n_tokens"], samples=pl.len()).drop_nulls().sort("n_tokens")
    groups: Counter[str] = Counter()
    for part in _holders(plan, "key"):
        groups.update(dict(part.group_by("split").len().iter_rows()))
    total = max(sum(samples for samples, _ in sizes.values()), 1)
    found = []
    for split in splits:
        samples, images = sizes.get(split, (0, 0))
        here = tokens.filter(pl.col("split") == split)
        found.append(
            {
                "split": split,
                "samples": samples,
                "groups": groups[split],
                "images": images,
                "median_tokens": _median(here["n_tokens"], here["samples"]),
                "max_tokens": here["n_tokens"].max(),
                "share": round(samples / total, 6),
            }
        )
    return found


def _median(values: pl.Series, times: pl.Series) -> float | None:
    """The median of sorted values, each of which occurs a number of times."""
    ends, number = times.cum_sum(), times.sum()
    if not number:
        return None
    middle = [values[ends.search_sorted(place, side="right")] for place in ((number - 1) // 2, number // 2)]
    return float(sum(middle) / 2)


def sources(plan: Rows) -> list[dict[str, Any]]:
    """Each source's samples: read, dropped, changed, and how many are in each split."""
    changed = (pl.col("changed") & _STAYS).sum()
    counted = _counted(plan, True, ["source"], samples=pl.len(), kept=_STAYS.sum(), changed=changed).to_dicts()
    by_split = _counted(plan, _STAYS, ["source", "split"], samples=pl.len()).sort("source", "split")
    splits: dict[str, dict[str, int]] = {}
    for source, split, number in by_split.iter_rows():
        splits.setdefault(source, {})[split] = number
    return [{**row, "splits": splits.get(row["source"], {})} for row in counted]


def own_splits(plan: Rows) -> list[dict[str, Any]]:
    """The sources' own splits that have a purpose, and how many samples of each stay.

    is_for: train, validation or test; if split is null, the source's name says it. kept: do they keep that split?
    """
    counted: Counter[tuple[str, str | None, str, bool]] = Counter()
    is_kept = pl.col("kept_split").is_not_null().alias("kept")
    for window in windows(plan, "source", "own_split", "kept_split", "reason"):
        named = window.filter(_STAYS).with_columns(pl.col("source", "own_split").cast(pl.String))
        means = split_names.meaning(pl.col("own_split"), pl.col("source")).alias("is_for")
        sides = named.group_by("source", "own_split", means, is_kept).len().drop_nulls("is_for")
        counted.update({(source, own, use, kept): number for source, own, use, kept, number in sides.iter_rows()})
    return [
        {"source": source, "split": own, "is_for": use, "kept": kept, "samples": number}
        for (source, own, use, kept), number in sorted(counted.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    ]


def leaks(plan: Rows, splits: Sequence[str]) -> list[dict[str, Any]]:
    """Labels (visual keys) and pictures (pixel hashes) that two splits share: none, or the export has a fault."""
    shared: dict[str, Counter[tuple[str, str]]] = {"key": Counter(), "pixels": Counter()}
    for column, counts in shared.items():
        for part in _holders(plan, column):
            both = part.join(part, on=column).filter(pl.col("split") != pl.col("split_right"))
            counts.update(both.select("split", "split_right").iter_rows())
    return [
        {"splits": list(pair), "labels": shared["key"][pair], "pictures": shared["pixels"][pair]}
        for pair in combinations(splits, 2)
    ]


def drift(plan: Rows, splits: Sequence[str]) -> list[dict[str, Any]]:
    """How far each split is from the whole, by source and by label length: the share of its samples (0 to 1) that would
    have to be exchanged (total variation distance), and the same for a random split of its size."""
    counted = {name: _counted(plan, _STAYS, ["split", name], samples=pl.len()) for name in ("source", "length")}
    found = []
    for split in splits:
        here = {name: counts.filter(pl.col("split") == split) for name, counts in counted.items()}
        row: dict[str, Any] = {"split": split, "samples": here["source"]["samples"].sum()}
        for name, counts in counted.items():
            row[name], row[f"{name}_by_chance"] = _distance(here[name], counts, name)
        found.append(row)
    return found


def _distance(part: pl.DataFrame, whole: pl.DataFrame, column: str) -> tuple[float | None, float | None]:
    """Samples by `column`, in one split and in all."""
    if not part.height:
        return None, None
    number, total = int(part["samples"].sum()), int(whole["samples"].sum())
    shares = (
        whole.group_by(column)
        .agg(pl.col("samples").sum().alias("all"))
        .join(part.select(column, pl.col("samples").alias("here")), on=column, how="left")
        .sort(column)
        .select(p=pl.col("all") / total, q=pl.col("here").fill_null(0) / number)
    )
    distance = float((shares["p"] - shares["q"]).abs().sum()) / 2
    # The mean of |q - p| of a sample of n is about sqrt(2 p (1 - p) / (pi n)), less for a part of a finite whole.
    left = 1 - number / total
    chance = float(((2 * shares["p"] * (1 - shares["p"]) * left / (3.141592653589793 * number)) ** 0.5).sum()) / 2
    return round(distance, 4), round(chance, 4)
