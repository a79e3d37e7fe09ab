"""PAR and IMG: images that are not there or can't be opened. Judging what an image shows is to come."""

from __future__ import annotations

import polars as pl

from rules.registry import Options, samples_rule

_WHERE = ("sample_id", "source")
#: What a probe says of a file that isn't there; every other error means that it is there and can't be used.
NO_FILE = "no such file"


def _none(samples: pl.DataFrame) -> pl.DataFrame:
    return samples.clear().select(*_WHERE, pl.lit("", pl.String).alias("message"))


@samples_rule("PAR002", "missing-image", "error")
def missing_image(samples: pl.DataFrame, options: Options) -> pl.DataFrame:
    r"""A sample names an image file that isn't there. Where no image of a whole data set is, that is one finding.

    Why: Training stops at it, or skips it without a word, so the data set is smaller than its numbers.
    Fix: None: drop the sample, or find the file; `--images DIR` says where a data set's images lie.
    See: im2markup preprocess_filter.py.
    """
    if "image_error" not in samples.columns:
        return _none(samples)
    named = samples.filter(pl.col("image").is_not_null()).with_columns(
        (pl.col("image_error") == NO_FILE).fill_null(False).alias("missing")
    )
    whole = (
        named.group_by("source", maintain_order=True)
        .agg(pl.col("missing").all(), pl.len().alias("images"))
        .filter("missing")
    )
    every = whole.select(
        pl.lit(None, pl.String).alias("sample_id"),
        "source",
        pl.format("none of its {} images is there; --images DIR says where they lie", pl.col("images")).alias(
            "message"
        ),
    )
    single = named.filter("missing").join(whole, on="source", how="anti")
    return pl.concat(
        [every, single.select(*_WHERE, pl.format("there is no image {}", pl.col("image")).alias("message"))]
    )


@samples_rule("IMG005", "undecodable-image", "error")
def undecodable_image(samples: pl.DataFrame, options: Options) -> pl.DataFrame:
    r"""An image file that can't be opened: truncated, of an unknown format, or a decompression bomb.

    Why: Training stops at it.
    Fix: None: drop the sample, or fetch the file again.
    """
    if "image_error" not in samples.columns:
        return _none(samples)
    broken = samples.filter(pl.col("image_error").is_not_null() & (pl.col("image_error") != NO_FILE))
    return broken.select(
        *_WHERE, pl.format("{} can't be opened: {}", pl.col("image"), pl.col("image_error")).alias("message")
    )
