"""How uniformly sets are spelled: the law that fixes and exports keep. Not a test module."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

import rules


def mixed_keys(labels: Iterable[str], keys: Iterable[str | None] | None = None) -> int:
    """How many visual keys have more than one spelling. Without `keys`, one for each label, they are computed."""
    texts = list(labels)
    frame = pl.DataFrame({"label": texts, "key": rules.visual_key(texts) if keys is None else list(keys)})
    counted = frame.drop_nulls("key").group_by("key").agg(pl.col("label").n_unique())
    return counted.filter(pl.col("label") > 1).height
