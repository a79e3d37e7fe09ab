"""Puts samples into splits so that no label and no picture stands in two of them. Drops no sample for itself.

A visual key is placed by a hash of itself and the seed, never by what else is there: adding samples moves none. Samples
with equal keys are therefore in one split. Equal pictures under different labels can have been placed apart: then the
picture stays in the split that is guarded best, and leaves the others with a reason. Guarded best is the test split,
least the training split. What is left has no group (samples joined by equal keys or equal pixels) in two splits.

Splits that are kept as they came are guarded better than all that are placed.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

import numpy as np
import polars as pl

from curate.export.options import ExportOptions

_TRAIN = re.compile(r"(?i)(?:^|[_.\-\s])train(?:ing)?(?=$|[_.\-\s\d])")
_VALIDATION = re.compile(r"(?i)(?:^|[_.\-\s])(?:valid(?:ate|ation)?|val|dev)(?=$|[_.\-\s\d])")
_TEST = re.compile(r"(?i)(?:^|[_.\-\s])test(?:ing)?(?=$|[_.\-\s\d])")
_KEPT_NAMES = {"none": (), "test": ("validation", "test"), "all": ("train", "validation", "test")}
#: More than the number of splits there can be: what is kept goes before what is placed.
_KEPT = 1_000_000


def standard_name(split: str | None) -> str | None:
    """train, validation or test for a data set's own name of a split; None for a name that says neither."""
    for name, pattern in (("test", _TEST), ("validation", _VALIDATION), ("train", _TRAIN)):
        if split is not None and pattern.search(split):
            return name
    return None


def kept_split(own: pl.Series, options: ExportOptions) -> pl.Series:
    """The split that each sample keeps, null where it is to be placed. own: the samples' own splits."""
    wanted = _KEPT_NAMES[options.keep_splits]
    names = {name: standard_name(name) for name in own.unique().drop_nulls().to_list()}
    mapping = {name: standard for name, standard in names.items() if standard in wanted}
    return own.replace_strict(mapping, default=None, return_dtype=pl.String).alias("kept_split")


def frozen(options: ExportOptions) -> pl.Expr:
    """Is a sample in an existing test or validation set that stays as it is? Over the column kept_split."""
    return pl.col("kept_split").is_in(["test", "validation"]).fill_null(False)


def order(options: ExportOptions) -> list[str]:
    """The splits from the least guarded to the best: train, the others as named, test."""
    names = list(options.splits)
    names += [name for name in _KEPT_NAMES[options.keep_splits] if name not in names]
    first = "train" if "train" in names else names[0]
    last = ["test"] if "test" in names and first != "test" else []
    return [first, *(name for name in names if name not in (first, *last)), *last]


class Placer:
    """Places keys: a hash of key and seed is a point from 0 to 1, the splits' shares are stretches of that line."""

    def __init__(self, splits: Mapping[str, float], seed: int) -> None:
        total = sum(splits.values())
        self._names = [name for name, share in splits.items() if share > 0]
        self._ends = [end / total for end in accumulate(share for share in splits.values() if share > 0)]
        self._seed = seed

    def place(self, key: int) -> str:
        """The split of one key."""
        return self._names[self._number(key)]

    def place_all(self, keys: pl.Series) -> pl.Series:
        """The splits of keys, as a column `placed`."""
        numbers = np.fromiter(map(self._number, keys), np.uint8, len(keys))
        names = dict(enumerate(self._names))
        return pl.Series("placed", numbers).replace_strict(names, return_dtype=pl.String)

    def _number(self, key: int) -> int:
        digest = hashlib.blake2b(f"{self._seed}/{key:016x}".encode(), digest_size=8).digest()
        point = int.from_bytes(digest, "big") / 2**64
        return min(bisect_right(self._ends, point), len(self._names) - 1)


def with_splits(frame: pl.DataFrame, options: ExportOptions) -> pl.DataFrame:
    """The frame with a column split, and reasons for samples that leave theirs.

    frame: columns key, pixels, kept_split, reason, detail; samples with a reason are passed over, and have no split.
    """
    ranks = {name: at for at, name in enumerate(order(options))}
    staying = frame.with_row_index("place").filter(pl.col("reason").is_null())
    placer = Placer(options.splits, options.seed)
    keys = staying.filter(pl.col("kept_split").is_null())["key"].unique().sort()
    placed = keys.to_frame().with_columns(placer.place_all(keys))
    staying = staying.select("place", "key", "pixels", "kept_split").join(
        placed, on="key", how="left", maintain_order="left"
    )
    staying = staying.with_columns(pl.coalesce("kept_split", "placed").alias("split"))
    staying = _leave(staying, "key", "leak-label", "the same label stands in {}", ranks)
    staying = _leave(staying, "pixels", "leak-image", "the same picture stands in {}", ranks)
    return (
        frame.drop("split", strict=False)
        .with_row_index("place")
        .join(staying.select("place", "split", "left", "said"), on="place", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("reason", "left").alias("reason"),
            pl.coalesce("detail", "said").alias("detail"),
            pl.when(pl.col("left").is_null()).then("split").alias("split"),
        )
        .drop("place", "left", "said")
    )


def guard(ranks: Mapping[str, int]) -> pl.Expr:
    """How well a sample's place is guarded: by its split, and before all by being kept. Over split and kept_split."""
    rank = pl.col("split").replace_strict(dict(ranks), default=0, return_dtype=pl.Int32)
    return rank + pl.when(pl.col("kept_split").is_not_null()).then(_KEPT).otherwise(0)


def _leave(frame: pl.DataFrame, column: str, reason: str, words: str, ranks: Mapping[str, int]) -> pl.DataFrame:
    """Of samples that share `column` let those stay that are in the split of the best guarded one.

    Samples that were only placed go over to the training split where that is kept for their key: nothing is tested on
    it, so that nothing is lost by them.
    """
    if "left" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.String).alias("left"), pl.lit(None, pl.String).alias("said"))
    shared = frame.filter(pl.col("left").is_null() & pl.col(column).is_not_null())
    winners = (
        shared.with_columns(guard(ranks).alias("guard"))
        .group_by(column)
        .agg(
            pl.col("split").sort_by("guard").last().alias("winner"),
            pl.col("split").n_unique().alias("n"),
            pl.col("kept_split").is_not_null().any().alias("pinned"),
        )
        .filter(pl.col("n") > 1)
        .select(column, "winner", "pinned")
    )
    frame = frame.join(winners, on=column, how="left", maintain_order="left")
    lost = (pl.col("winner") != pl.col("split")).fill_null(False) & pl.col("left").is_null()
    joins = (
        lost
        & pl.col("pinned")
        & (pl.col("winner") == min(ranks, key=lambda name: ranks[name]))
        & pl.col("kept_split").is_null()
    )
    if column != "key":
        joins = pl.lit(False)
    return frame.with_columns(
        pl.when(joins).then("winner").otherwise("split").alias("split"),
        pl.when(lost & ~joins).then(pl.lit(reason)).otherwise("left").alias("left"),
        pl.when(lost & ~joins).then(pl.format(words, pl.col("winner"))).otherwise("said").alias("said"),
    ).drop("winner", "pinned")
