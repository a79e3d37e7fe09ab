"""The summary.json entry on each source's images: sizes, kinds, ink, and how they fit a model's budget.

Counts measures; opens no image and judges none. Each image counts once, however many samples show it.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from rules.families.images.ink import is_page
from rules.sets.model_images import DEFAULT, ImageLimits
from rules.sets.model_resize import rounded_area, smart_resize

#: The quantiles given for sizes and ink.
QUANTILES = {"least": 0.0, "low": 0.05, "median": 0.5, "high": 0.95, "most": 1.0}


def image_facts(samples: pl.DataFrame | pl.LazyFrame, limits: ImageLimits = DEFAULT) -> dict[str, dict[str, Any]]:
    """By source, what is known about its images; a source without any opened image is left out.

    Each has `images` (opened), width and height (QUANTILES of the pixels as displayed), formats (images by format,
    most first), `model`: family (of the model that `limits` belong to) and its limits, tokens (QUANTILES of the visual
    tokens an image becomes with the default budget, and their total; null if the family cuts images into tiles),
    shrunk (images over the budget), refused (an aspect over the limit, or a side under it, which transformers before
    version 5 and some servers refuse). If pixels were measured also blank, inverted (light ink on dark paper), pages
    (mostly empty paper, see `is_page`) and ink_ratio (QUANTILES of the ink's share of the area, for pictures that are
    not blank); else these are null.

    samples: source, image, width, height, and the columns of `curate.images.opening.MEASURED` that exist.
    """
    samples = samples.lazy()
    names = samples.collect_schema().names()
    if not {"image", "width", "height"} <= set(names):
        return {}
    wanted = ("format", "polarity", "ink_ratio", "ink_left", "ink_top", "ink_right", "ink_bottom")
    there = [name for name in wanted if name in names]
    missing = [pl.lit(None).alias(name) for name in wanted if name not in there]
    images = (
        samples.select("source", "image", "width", "height", *there)
        .filter(pl.col("image").is_not_null() & pl.col("width").is_not_null())
        .unique(["source", "image"], keep="first", maintain_order=True)
        .with_columns(missing)
    )
    shorter, longer = pl.min_horizontal("width", "height"), pl.max_horizontal("width", "height")
    refused = shorter < limits.min_side
    if limits.max_aspect is not None:
        refused |= longer > limits.max_aspect * shorter
    tokens, shrunk = pl.lit(None, pl.Int64), pl.lit(False)
    if limits.factor is not None and limits.min_pixels is not None and limits.max_pixels is not None:
        wide, high = smart_resize(
            pl.col("width"),
            pl.col("height"),
            factor=limits.factor,
            min_pixels=limits.min_pixels,
            max_pixels=limits.max_pixels,
        )
        tokens = pl.when(~refused).then((wide // limits.factor) * (high // limits.factor))
        area = rounded_area(pl.col("width"), pl.col("height"), factor=limits.factor)
        shrunk = ~refused & (area > limits.max_pixels)
    inked = pl.col("ink_left").is_not_null()
    page = is_page() if {*wanted} <= {*there} else pl.lit(False)
    counted = (
        images.with_columns(
            refused.alias("refused"),
            tokens.alias("tokens"),
            shrunk.alias("shrunk"),
            pl.when(inked).then("ink_ratio").alias("inked_ratio"),
        )
        .group_by("source")
        .agg(
            pl.len().alias("images"),
            *(_quantiles(name) for name in ("width", "height", "tokens", "inked_ratio")),
            pl.col("tokens").sum().alias("total"),
            pl.col("refused", "shrunk").sum(),
            pl.col("ink_ratio").count().alias("measured"),
            (pl.col("ink_ratio").is_not_null() & ~inked).sum().alias("blank"),
            (inked & (pl.col("polarity") == "light")).sum().alias("inverted"),
            page.fill_null(False).sum().alias("pages"),
        )
        .collect()
    )
    formats: dict[str, dict[str, int]] = {}
    kinds = images.filter(pl.col("format").is_not_null()).group_by("source", "format").len()
    for source, kind, number in kinds.sort("source", "len", "format", descending=[False, True, False]).collect().rows():
        formats.setdefault(source, {})[kind] = number
    return {row["source"]: _facts(row, formats.get(row["source"], {}), limits) for row in counted.to_dicts()}


def _quantiles(column: str) -> pl.Expr:
    parts = [pl.col(column).quantile(part, "nearest").alias(name) for name, part in QUANTILES.items()]
    return pl.struct(parts).alias(column)


def _facts(row: dict[str, Any], formats: dict[str, int], limits: ImageLimits) -> dict[str, Any]:
    measured = row["measured"] > 0
    tokens = _whole(row["tokens"])
    return {
        "images": row["images"],
        "formats": formats,
        "width": _whole(row["width"]),
        "height": _whole(row["height"]),
        "blank": row["blank"] if measured else None,
        "inverted": row["inverted"] if measured else None,
        "pages": row["pages"] if measured else None,
        "ink_ratio": {name: _rounded(value) for name, value in row["inked_ratio"].items()} if measured else None,
        "model": {
            "family": limits.family,
            "factor": limits.factor,
            "min_side": limits.min_side,
            "max_aspect": limits.max_aspect,
            "most_tokens": limits.max_pixels // limits.factor**2 if limits.max_pixels and limits.factor else None,
            "tokens": tokens and {**tokens, "total": int(row["total"])},
            "shrunk": row["shrunk"],
            "refused": row["refused"],
        },
    }


def _whole(quantiles: dict[str, float | None]) -> dict[str, int] | None:
    """Quantiles of whole numbers; None if there are none."""
    return {name: int(value) for name, value in quantiles.items() if value is not None} or None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
