"""Finds samples with the same label, whatever its spelling, or the same pixels. Not for near matches.

The column `label_group` is the visual key if there is one. Otherwise it is the canonical spelling, or else the label as
read, with normalised white space. So labels that can't be drawn are the same only if they are spelled the same.
"""

from __future__ import annotations

import hashlib

import polars as pl

#: The number of digits in the name of a group, as in a visual key. Groups of texts start with a letter that no key has.
_DIGITS = 24
_TEXT = "t"


def with_label_groups(samples: pl.DataFrame) -> pl.DataFrame:
    """The samples with a column `label_group` (String): equal for equal labels, null for empty labels.

    Needs the columns label, canonical and visual_key. The value depends only on the label and the version of the key,
    so groups of different runs can be compared.
    """
    text = pl.coalesce("canonical", "label").str.replace_all(r"\s+", " ").str.strip_chars()
    unkeyed = samples.select(pl.when(pl.col("visual_key").is_null()).then(text).alias("text"))["text"]
    distinct = unkeyed.drop_nulls().unique()
    names = {value: _name(value) for value in distinct.to_list() if value}
    of_text = unkeyed.replace_strict(names, default=None, return_dtype=pl.String)
    return samples.with_columns(pl.coalesce(pl.col("visual_key"), of_text).alias("label_group"))


def _name(text: str) -> str:
    return _TEXT + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[: _DIGITS - 1]


def picture() -> pl.Expr:
    """The column `picture`: equal for images with equal pixels, null for blank images, which all look alike.

    Needs the columns image_sha256 and image_phash (null for an image without ink).
    """
    return pl.when(pl.col("image_phash").is_not_null()).then("image_sha256").alias("picture")
