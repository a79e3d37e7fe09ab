"""Finds what the splits of data sets share: what each split is for, and how many labels and images are in two of them.

Rules and summary.json use these frames; there are no rules here. A **side** is the samples of one source and split.
Sides have a rank: training 0, validation 1, test 2. A label or image on sides of different ranks is a leak. On two
sides of the same rank it is only a duplicate.
"""

from __future__ import annotations

import polars as pl

from rules.sets.split_names import meaning

#: A label with at least this many tokens is long. Shorter ones coincide by chance.
LONG = 10
RANKS = {"training": 0, "validation": 1, "test": 2}

#: Columns of `leakage`.
LEAKAGE = {
    "source": pl.String,
    "split": pl.String,
    "rank": pl.Int8,
    "samples": pl.Int64,
    "other_source": pl.String,
    "other_split": pl.String,
    "other_rank": pl.Int8,
    "other_samples": pl.Int64,
    "labels": pl.Int64,
    "long_labels": pl.Int64,
    "other_labels": pl.Int64,
    "other_long_labels": pl.Int64,
    "images": pl.Int64,
    "other_images": pl.Int64,
    "near_images": pl.Int64,
    "random_labels": pl.Float64,
}

_SIDE = ("source", "split")


def rank() -> pl.Expr:
    """The rank of a sample's side, from the name of the split or, if that doesn't say, from the name of the source.

    `rules.sets.split_names` has the names of test and validation splits; all others are training.
    """
    standard = meaning(pl.col("split"), pl.col("source"))
    ranks = {"validation": RANKS["validation"], "test": RANKS["test"]}
    return standard.replace_strict(ranks, default=RANKS["training"], return_dtype=pl.Int8).alias("rank")


def side_name(source: str | None, split: str | None) -> str:
    """The name of a side in messages: `source/split`, or the source alone."""
    return f"{source}/{split}" if split else str(source)


def leakage(samples: pl.DataFrame | pl.LazyFrame, *, long: int = LONG) -> pl.DataFrame:
    """One row for each pair of sides with different ranks, with the columns LEAKAGE; `other` is the side of the lower
    rank.

    labels: samples of the higher side whose label is also on the other side; other_labels: the reverse; long_labels:
    those with `long` tokens or more. images: samples with an image of the same pixels on the other side; near_images:
    samples with the same label and a copy of the image there; both are null if no image was opened. random_labels:
    how many of `labels` to expect if the two sides had been drawn row by row from one set; only for two sides of one
    source.

    Needs the columns source, split, n_tokens, label_group, image_group, and `rules.sets.same_label.picture`.
    """
    samples = samples.lazy()
    sides = (
        samples.group_by(*_SIDE, maintain_order=True)
        .agg(pl.len().cast(pl.Int64).alias("samples"), pl.col("picture").count().alias("seen"))
        .with_columns(rank())
        .collect()
        .with_row_index("side")
    )
    if sides["rank"].n_unique() < 2:
        return pl.DataFrame(schema=LEAKAGE)
    rows = (
        samples.select(
            *_SIDE,
            "label_group",
            "picture",
            (pl.col("n_tokens") >= long).fill_null(False).alias("long"),
            pl.when(pl.col("image_group").is_not_null() & pl.col("label_group").is_not_null())
            .then(pl.format("{} {}", "image_group", "label_group"))
            .alias("near"),
        )
        .join(sides.lazy().select(*_SIDE, "side", "rank"), on=_SIDE, how="left", nulls_equal=True)
        .drop(_SIDE)
        .collect(engine="streaming")
    )
    pairs = (
        sides.join(sides, how="cross", suffix="_2")
        .filter(pl.col("rank") > pl.col("rank_2"))
        .rename({f"{name}_2": f"other_{name}" for name in ("side", *_SIDE, "rank", "samples", "seen")})
    )
    key = ["side", "other_side"]
    labels = _shared(rows, "label_group").rename({"rows": "labels", "long": "long_labels"})
    labels = labels.rename({"other_rows": "other_labels", "other_long": "other_long_labels"})
    images = _shared(rows, "picture").select(*key, images="rows", other_images="other_rows")
    near = _shared(rows, "near").select(*key, near_images="rows")
    for found in (labels, images, near, _by_chance(rows, pairs)):
        pairs = pairs.join(found, on=key, how="left", maintain_order="left")
    counts = ("labels", "long_labels", "other_labels", "other_long_labels")
    looked = (pl.col("seen") > 0) & (pl.col("other_seen") > 0)
    return pairs.with_columns(
        pl.col(counts).fill_null(0),
        *(pl.when(looked).then(pl.col(c).fill_null(0)) for c in ("images", "other_images", "near_images")),
    ).select(pl.col(name).cast(dtype) for name, dtype in LEAKAGE.items())


def _held(rows: pl.DataFrame, column: str) -> pl.LazyFrame:
    """How many rows of each side have each value; only for values on sides of several ranks, which are few."""
    held = (
        rows.lazy()
        .filter(pl.col(column).is_not_null())
        .group_by(column, "side", "rank")
        .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("long").sum().cast(pl.Int64))
    )
    return held.filter(pl.col("rank").n_unique().over(column) > 1)


def _shared(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """For each pair of sides with different ranks: the rows of each whose value of `column` is also on the other."""
    held = _held(rows, column).collect().lazy()
    others = held.select(column, *(pl.col(name).alias(f"other_{name}") for name in ("side", "rank", "rows", "long")))
    return (
        held.join(others, on=column)
        .filter(pl.col("rank") > pl.col("other_rank"))
        .group_by("side", "other_side")
        .agg(pl.col("rows", "long", "other_rows", "other_long").sum())
        .collect()
    )


def _by_chance(rows: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """For two sides of one source: the expected rows of the higher side whose label is on both after a random draw.

    Of m equal labels, each row goes to the higher side with probability q, which is its share of both sides. For such a
    row, the probability that none of the other m - 1 is on the lower side is q^(m - 1).
    """
    held = (
        rows.lazy()
        .filter(pl.col("label_group").is_not_null())
        .group_by("label_group", "side")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .collect()
    )
    sizes = dict(held.group_by("side").agg(pl.col("rows").sum()).iter_rows())
    found: list[tuple[int, int, float]] = []
    within = pairs.filter(pl.col("source") == pl.col("other_source")).select("side", "other_side")
    for side, other in within.iter_rows():
        if side not in sizes or other not in sizes:
            continue
        q = sizes[side] / (sizes[side] + sizes[other])
        copies = (
            held.filter(pl.col("side").is_in([side, other]))
            .group_by("label_group")
            .agg(pl.col("rows").sum().alias("m"))
            .group_by("m")
            .len()
            .sort("m")  # a fixed order, so that floating-point sums are always the same
        )
        expected = sum(n * m * q * (1 - q ** (m - 1)) for m, n in copies.iter_rows())
        found.append((side, other, round(expected, 3)))
    schema = {"side": pl.UInt32, "other_side": pl.UInt32, "random_labels": pl.Float64}
    return pl.DataFrame(found, schema=schema, orient="row")


def seen_elsewhere(samples: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Rows whose value of `column` is also on a side of another rank: sample_id, source, `above` and `below`.

    `above` is the first sample with that value on a side of a higher rank, `below` the first on a side of a lower rank;
    null if there is none.
    """
    known = samples.select("sample_id", "source", rank(), pl.col(column).alias("value")).drop_nulls("value")
    sides = samples.select(_SIDE).unique().collect(engine="streaming")
    if sides.select(rank().n_unique()).item() < 2:
        shared = known.clear()
    else:
        ranks = known.group_by("value").agg(pl.col("rank").min().alias("low"), pl.col("rank").max().alias("high"))
        several = ranks.filter(pl.col("low") < pl.col("high"))
        shared = known.with_row_index("row").join(several, on="value", how="semi").sort("row").drop("row")
    held = shared.collect(engine="streaming").lazy()
    firsts = held.group_by("value").agg(
        pl.col("sample_id").filter(pl.col("rank") == number).first().alias(f"first{number}") for number in (0, 1, 2)
    )
    own = pl.col("rank")
    return held.join(firsts, on="value", how="left", maintain_order="left").select(
        "sample_id",
        "source",
        pl.when(own < 2).then(pl.coalesce("first2", pl.when(own < 1).then("first1"))).alias("above"),
        pl.when(own > 0).then(pl.coalesce("first0", pl.when(own > 1).then("first1"))).alias("below"),
    )
