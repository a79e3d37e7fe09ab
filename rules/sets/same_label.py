"""Which samples have the same label, whatever its spelling, or the same pixels. Not nearly the same; not a rule.

The column `label_group` is the visual key where there is one. Where there is none, it is the text (the canonical
spelling if there is one, else the label as read) with its white space evened out: two labels that nobody can draw are
the same only if they are written the same.
"""

from __future__ import annotations

import hashlib

import polars as pl

#: Digits of a group's name, as many as a visual key has. Groups of texts start with a letter that no key starts with.
_DIGITS = 24
_TEXT = "t"


def with_label_groups(samples: pl.DataFrame) -> pl.DataFrame:
    """The samples with a column `label_group` (String): equal for equal labels, null for labels without any text.

    Needs the columns label, canonical and visual_key. The value depends on nothing but the label and the key's version,
    so that groups of several runs can be compared.
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
    """The column `picture`: what the image shows, equal for equal pixels; null for blank images, which are all alike.

    Needs the columns image_sha256 and image_phash (null for an image without ink).
    """
    return pl.when(pl.col("image_phash").is_not_null()).then("image_sha256").alias("picture")
