"""Turns a run's frames and summary into the numbers that the report's plots need. Draws nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from curate.report import plots

#: Sources with a curve of their own in the length plot.
CURVES = 12
#: Bins of the length plot per doubling, and cells of the image plot along a side.
PER_DOUBLING = 3
CELLS = 48
#: The side below which Qwen2.5-VL refuses an image.
LEAST_SIDE = 28


def score_plot(summary: Mapping[str, Any]) -> Markup:
    return plots.score_histogram(summary["score_histogram"])


def rules_plot(summary: Mapping[str, Any]) -> Markup:
    rows = [(rule["rule"], rule["name"], rule["severity"], rule["samples"]) for rule in summary["rules"]]
    return plots.rule_counts([row for row in rows if row[3]])


def length_plot(samples: pl.LazyFrame, sources: Sequence[Mapping[str, Any]]) -> Markup:
    """Histograms of `n_tokens` for the first sources of the summary."""
    names = [source["name"] for source in sources[:CURVES]]
    longest = max([source["max_tokens"] or 1 for source in sources[:CURVES]], default=1)
    bins = max(math.ceil(math.log2(longest + 1)), 4) * PER_DOUBLING
    place = (pl.col("n_tokens").clip(1).log(2) * PER_DOUBLING + 1e-9).floor().clip(0, bins - 1).cast(pl.Int32)
    counted = (
        samples.filter(pl.col("source").is_in(names) & pl.col("n_tokens").is_not_null())
        .group_by("source", place.alias("bin"))
        .len()
        .collect(engine="streaming")
    )
    counts: dict[str, list[int]] = {name: [0] * bins for name in names}
    for source, at, number in counted.iter_rows():
        counts[source][at] = number
    edges = [2 ** (i / PER_DOUBLING) for i in range(bins + 1)]
    rows = [(s["name"], counts[s["name"]], s["median_tokens"], s["max_tokens"]) for s in sources[:CURVES]]
    return plots.lengths(rows, edges)


def image_plot(samples: pl.LazyFrame) -> Markup | None:
    """Images binned by width and height, or None if no image was opened."""
    sized = samples.filter(pl.col("width").is_not_null() & pl.col("height").is_not_null()).select(
        pl.col("width", "height").clip(1)
    )
    sides = pl.concat([sized.select(side=pl.col(name)) for name in ("width", "height")])
    ends = sides.select(pl.col("side").min(), pl.col("side").max().alias("most"))
    least, most = ends.collect(engine="streaming").row(0)
    if least is None:
        return None
    low = 4.0 ** math.floor(math.log(min(least, LEAST_SIDE), 4))
    high = 4.0 ** math.ceil(math.log(max(most, 4 * LEAST_SIDE) + 1, 4))
    step = math.log(high / low) / CELLS

    def cell(side: str) -> pl.Expr:
        return ((pl.col(side) / low).log() / step + 1e-9).floor().clip(0, CELLS - 1).cast(pl.Int32)

    cells = sized.group_by(cell("width").alias("column"), cell("height").alias("row")).len()
    counted = cells.collect(engine="streaming")
    return plots.image_sizes(list(counted.iter_rows()), CELLS, low, high, LEAST_SIDE)
