"""The summary.json entries on duplicates and leaks: counts of a run's samples by source. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from curate.duplicates.near import NearFacts
from rules.families.duplicates import leaks_of, overlaps, prepared
from rules.sets.leaks import RANKS

_ROLE = {number: name for name, number in RANKS.items()}
_PAIR = ("labels", "long_labels", "other_labels", "other_long_labels", "images", "other_images", "near_images")


def duplicates(samples: pl.DataFrame | pl.LazyFrame) -> dict[str, dict[str, int | None]]:
    """By source, how many samples repeat an earlier one of the source.

    by_string: the label as read. by_key: its visual key; labels without one never count. by_label: its group, which is
    the key or else the text. by_pixels: the image. by_pair: image and label. near: an image with other pixels that is
    a copy, with the same label. The last three are null if no image was looked at.
    """
    rows = prepared(samples.lazy())

    def repeats(column: str) -> pl.Expr:
        return pl.col(column).count().cast(pl.Int64) - pl.col(column).drop_nulls().n_unique().cast(pl.Int64)

    looked = pl.col("picture").count() > 0
    drawn = pl.all_horizontal(pl.col(name).is_not_null() for name in ("image_group", "label_group", "picture"))
    both = pl.col("label_group").is_not_null() & pl.col("picture").is_not_null()
    pairs = both.sum().cast(pl.Int64) - pl.struct("label_group", "picture").filter(both).n_unique().cast(pl.Int64)
    pictures = pl.struct("label_group", "picture").filter(drawn).n_unique().cast(pl.Int64)
    near = pictures - pl.struct("label_group", "image_group").filter(drawn).n_unique().cast(pl.Int64)
    counted = rows.group_by("source").agg(
        repeats("label").alias("by_string"),
        repeats("visual_key").alias("by_key"),
        repeats("label_group").alias("by_label"),
        pl.when(looked).then(repeats("picture")).alias("by_pixels"),
        pl.when(looked).then(pairs).alias("by_pair"),
        pl.when(looked).then(near).alias("near"),
    )
    return {row.pop("source"): row for row in counted.collect().to_dicts()}


def leaks(samples: pl.DataFrame | pl.LazyFrame) -> dict[str, list[dict[str, Any]]]:
    """By source, what its test and validation splits share with splits of a lower rank, each pair once: split, role and
    samples, the other split's, and the counts of `rules.sets.leaks.leakage`. If there are more than a hundred pairs of
    sources, those that share nothing are left out."""
    pairs = leaks_of(samples.lazy())
    if pairs.height > 100:
        something = pl.any_horizontal(pl.col(name).fill_null(0) > 0 for name in _PAIR)
        pairs = pairs.filter(something | (pl.col("source") == pl.col("other_source")))
    out: dict[str, list[dict[str, Any]]] = {}
    for row in pairs.sort("source", "split", "other_source", "other_split").iter_rows(named=True):
        entry = {
            "split": row["split"],
            "role": _ROLE[row["rank"]],
            "samples": row["samples"],
            "other_source": row["other_source"],
            "other_split": row["other_split"],
            "other_role": _ROLE[row["other_rank"]],
            "other_samples": row["other_samples"],
            **{name: row[name] for name in _PAIR},
        }
        out.setdefault(row["source"], []).append(entry)
    return out


def against(samples: pl.DataFrame | pl.LazyFrame, sets: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """By source, what its splits share with each of the other sets, in the sets' order: split, samples, name, labels,
    long_labels, images (null if none was looked at on either side).

    sets: their name and number of images. Needs the columns against_labels and against_images.
    """
    if not sets:
        return {}
    rows = prepared(samples.lazy())
    found = {(row[0], row[1], row[2]): row[3:] for row in overlaps(rows).iter_rows()}
    sides = rows.group_by("source", "split").agg(pl.len(), pl.col("picture").count()).sort("source", "split").collect()
    out: dict[str, list[dict[str, Any]]] = {}
    for source, split, number, pictures in sides.iter_rows():
        for other in sets:
            labels, long_labels, images = found.get((source, split, other["name"]), (0, 0, 0))
            entry = {"split": split, "samples": number, "name": other["name"]}
            looked = pictures and other["images"]
            entry |= {"labels": labels, "long_labels": long_labels, "images": images if looked else None}
            out.setdefault(source, []).append(entry)
    return out


def near_duplicates(facts: NearFacts) -> dict[str, int] | None:
    """What the near-duplicate image search did, or None if there were no images."""
    if not facts.hashes:
        return None
    return {
        "images": facts.hashes,
        "bits": facts.bits,
        "distance": facts.distance,
        "tables": facts.tables,
        "comparisons": facts.comparisons,
        "possible": facts.possible,
        "skipped_buckets": facts.skipped,
        "compared": facts.compared,
        "copies": facts.copies,
        "unopened": facts.unopened,
        "crowded": facts.crowded,
    }
