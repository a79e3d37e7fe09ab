"""Lets near-duplicate pictures leave the less guarded of two splits. Which are near, the audit found: `image_group`.

Near-duplicates are therefore found among the sources of one run; equal pictures and labels among all.
"""

from __future__ import annotations

import polars as pl

from curate.export.options import ExportOptions
from curate.export.splits import guard, order


def with_near(frame: pl.DataFrame, options: ExportOptions) -> pl.DataFrame:
    """The frame with the reason leak-near for samples whose picture nearly equals one in a better guarded split."""
    ranks = {name: at for at, name in enumerate(order(options))}
    seen = frame.with_row_index("place").filter(pl.col("reason").is_null() & pl.col("near").is_not_null())
    seen = seen.select("place", "near", "split", "kept_split", guard(ranks).alias("guard"))
    best = seen.group_by("near").agg(
        pl.col("guard").max().alias("best"), pl.col("split").sort_by("guard").last().alias("winner")
    )
    leaving = (
        seen.join(best, on="near")
        .filter((pl.col("split") != pl.col("winner")) & (pl.col("guard") < pl.col("best")))
        .select("place", "winner")
    )
    if not leaving.height:
        return frame
    joined = frame.with_row_index("place").join(leaving, on="place", how="left", maintain_order="left")
    left = pl.col("winner").is_not_null()
    return joined.with_columns(
        pl.when(left).then(pl.lit("leak-near")).otherwise("reason").alias("reason"),
        pl.when(left)
        .then(pl.format("nearly the same picture stands in {}", pl.col("winner")))
        .otherwise("detail")
        .alias("detail"),
    ).drop("place", "winner")
