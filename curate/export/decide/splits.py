"""Assigns samples to splits so that no label and no picture is in two of them. Drops no sample for its own sake.

A visual key is placed by a hash of itself and the seed, never by other samples: adding samples moves none. So samples
with equal keys are in one split. Equal pictures under different labels may have been placed apart: then the picture
stays in the best-guarded split and leaves the others with a reason; near-duplicates are treated the same way. The test
split is guarded best, the training split least. In the result no group (samples joined by equal keys or equal pixels)
is in two splits.

Splits that are kept from the sources are guarded better than all that are assigned. If a source's own test or
validation set is kept, nothing else is put into that split: its share goes to the training split.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.base.errors import UserError
from curate.base.tables import things
from curate.export.decide.options import ExportOptions, Keep
from curate.export.decide.rows import Rows, how_many, mapped, settled, windows
from rules.sets import split_names

_TESTED = ("validation", "test")
_KEPT_NAMES: Mapping[Keep, tuple[str, ...]] = {"none": (), "test": _TESTED, "all": ("train", *_TESTED)}
#: More than the possible number of splits: what is kept precedes what is assigned.
_KEPT = 1 << 14


def kept_sides(sides: pl.DataFrame, options: ExportOptions) -> pl.DataFrame:
    """The sides with the column kept_split: the split that their samples keep, null if they are to be assigned.

    sides: source and own_split of the samples, each pair once. `rules.sets.split_names` says what they are for.

    Raises UserError if an option keeps nothing, or names no source.
    """
    keeping = options.keeping
    sources = sides["source"].cast(pl.String).unique().sort().to_list()
    for name in keeping:
        if name is not None and name not in sources:
            raise UserError(f"--keep-splits {name}=…: no source is called {name!r}; there are: {', '.join(sources)}")
    by_source = {name: keeping.get(name, keeping.get(None, "test")) for name in sources}
    wanted = (
        pl.col("source")
        .cast(pl.String)
        .replace_strict(
            {name: list(_KEPT_NAMES[keep]) for name, keep in by_source.items()}, return_dtype=pl.List(pl.String)
        )
    )
    means = split_names.meaning(pl.col("own_split").cast(pl.String), pl.col("source").cast(pl.String))
    kept = sides.with_columns(
        pl.when(means.is_in(wanted)).then(means).cast(pl.Enum(order(options))).alias("kept_split")
    )
    for name, keep in keeping.items():
        mine = kept if name is None else kept.filter(pl.col("source").cast(pl.String) == name)
        if keep != "none" and not mine["kept_split"].count():
            called = ", ".join(sorted(set(mine["own_split"].cast(pl.String).drop_nulls())))
            raise UserError(
                f"--keep-splits {keep if name is None else f'{name}={keep}'} keeps nothing: "
                f"{f'there are only the splits {called}' if called else 'no sample has a split of its own'}; "
                "name a test set when you audit it, as in curate audit NAME=PATH#test"
            )
    return kept


def with_kept(window: pl.DataFrame, sides: pl.DataFrame) -> pl.DataFrame:
    """A window (columns source, own_split) with the column kept_split of `kept_sides`."""
    return window.join(sides, on=["source", "own_split"], how="left", nulls_equal=True, maintain_order="left")


def frozen(options: ExportOptions) -> pl.Expr:
    """Is a sample in an existing test or validation set that stays as it is? Over the column kept_split."""
    return pl.col("kept_split").is_in(_TESTED).fill_null(False)


def frozen_sides(sides: pl.DataFrame) -> pl.Expr:
    """The same over the columns source and split of samples. sides: of `kept_sides`."""
    kept = sides.filter(pl.col("kept_split").is_in(_TESTED)).select(pl.col("source", "own_split").cast(pl.String))
    named = (pl.col("source").eq(source) & pl.col("split").eq_missing(own) for source, own in kept.iter_rows())
    return pl.any_horizontal(pl.lit(False), *named)


def order(options: ExportOptions) -> list[str]:
    """The splits from the least to the best guarded: train, the others as named, test."""
    names = list(options.splits)
    keeps = {None: "test", **options.keeping}.values()
    kept = {name for keep in keeps for name in _KEPT_NAMES[keep]}
    names += [name for name in _KEPT_NAMES["all"] if name in kept and name not in names]
    first = "train" if "train" in names else names[0]
    last = ["test"] if "test" in names and first != "test" else []
    return [first, *(name for name in names if name not in (first, *last)), *last]


def about_empty(sizes: Sequence[Mapping[str, Any]], options: ExportOptions, rows: Rows) -> Iterator[str]:
    """A sentence if chance left splits that were asked for without samples. sizes: of `stats.split_sizes`."""
    empty = [row["split"] for row in sizes if not row["samples"] and options.splits.get(row["split"])]
    assigned = how_many(rows, pl.col("reason").is_null() & pl.col("kept_split").is_null())
    if not empty or not assigned:
        return
    least = min(options.splits[name] for name in empty)
    yield (
        f"No samples in {' and '.join(empty)}: labels are assigned at random, and {100 * least:g} % of "
        f"{things(assigned, 'sample')} is {least * assigned:.1f} on average. Try larger shares, as in --splits "
        "train=.6,validation=.2,test=.2, or another --seed."
    )


def kept_in(rows: Rows) -> set[str]:
    """The splits that are kept for any sample."""
    return {name for window in windows(rows, "kept_split") for name in window["kept_split"].drop_nulls().unique()}


class Placer:
    """Places keys: a hash of key and seed is a point from 0 to 1, and the splits' shares are intervals of that line.

    closed: splits that accept nothing; their share goes to the first of the others, and everything else stays in place.
    """

    def __init__(self, splits: Mapping[str, float], seed: int, closed: Collection[str] = ()) -> None:
        total = sum(splits.values())
        named = [name for name, share in splits.items() if share > 0]
        first = next((name for name in splits if name not in closed), None)
        self.names = [first if name in closed else name for name in named] if first is not None else []
        self._ends = [end / total for end in accumulate(share for share in splits.values() if share > 0)]
        self._seed = seed

    def place(self, key: int) -> str:
        """The split of one key."""
        return self.names[self._number(key)]

    def place_all(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint16]:
        """The splits of keys, as numbers of `names`. Equal keys are hashed once."""
        distinct, at = np.unique(keys, return_inverse=True)
        return np.fromiter(map(self._number, distinct.tolist()), np.uint16, len(distinct))[at]

    def _number(self, key: int) -> int:
        digest = hashlib.blake2b(f"{self._seed}/{key:016x}".encode(), digest_size=8).digest()
        point = int.from_bytes(digest, "big") / 2**64
        return min(bisect_right(self._ends, point), len(self.names) - 1)


def with_splits(rows: Rows, options: ExportOptions) -> Rows:
    """The rows with a column split, and reasons for samples that leave theirs.

    rows: columns key, pixels, near, kept_split, reason, detail; samples with a reason are skipped and have no split.
    Near pictures are copies that an audit found within one run; equal labels are in one split already.
    """
    names = order(options)
    kept = kept_in(rows)
    placer = Placer(options.splits, options.seed, kept & {*_TESTED})
    if not placer.names and how_many(rows, pl.col("reason").is_null() & pl.col("kept_split").is_null()):
        raise UserError(
            f"there is no split for samples of no test set: {', '.join(sorted(kept))} keep what the sources have, and "
            "accept nothing else; name another with --splits, as in --splits train=1, or give up the test sets with "
            "--keep-splits none"
        )
    rows = mapped(rows, lambda window, _: _placed(window, placer, names))
    if kept:  # a key alone is placed once; only what is kept comes from elsewhere
        rows = _parted(rows, names, "key", "leak-label", "the same label is in {}")
    rows = _parted(rows, names, "pixels", "leak-image", "the same picture is in {}")
    if options.near_duplicates == "leave":
        rows = _parted(rows, names, "near", "leak-near", "a copy of the picture is in {}")
    return rows


def _placed(window: pl.DataFrame, placer: Placer, names: list[str]) -> pl.DataFrame:
    """A window with the split that each sample keeps or is assigned to."""
    stays = pl.col("reason").is_null()
    free = window.select(stays & pl.col("kept_split").is_null()).to_series().arg_true()
    number_of = np.array([names.index(name) for name in placer.names], np.uint32)
    places = number_of[placer.place_all(window["key"].gather(free).to_numpy())]
    kept = window["kept_split"].cast(pl.Enum(names)).to_physical().cast(pl.UInt32)
    split = kept.scatter(free, pl.Series(places)).replace_strict(dict(enumerate(names)), return_dtype=pl.Enum(names))
    return window.with_columns(pl.when(stays).then(split).alias("split"))


def _parted(rows: Rows, names: list[str], column: str, reason: str, words: str) -> Rows:
    """The rows in which, of samples that share `column`, only those in the best-guarded split stay.

    A label that was only assigned moves to the training split if its key is kept there: nothing is tested on it, so
    nothing is lost.
    """
    number = pl.col("split").to_physical().cast(pl.UInt32)
    rank = number + pl.when(pl.col("kept_split").is_not_null()).then(_KEPT).otherwise(0)

    def ask(window: pl.DataFrame) -> pl.DataFrame:
        there = window.filter(pl.col("split").is_not_null() & pl.col(column).is_not_null())
        return there.group_by(column).agg(rank.max().alias("best"), rank.min().alias("least"))

    def answer(said: pl.DataFrame) -> pl.DataFrame:
        best, least = pl.col("best").max().over(column), pl.col("least").min().over(column)
        return said.select(column, "window", best, least).filter(pl.col("best") != pl.col("least")).drop("least")

    def take(window: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
        winner = pl.col("best") % _KEPT
        other = (winner != number).fill_null(False)
        joins = other & (pl.col("best") >= _KEPT) & (winner == 0) & pl.col("kept_split").is_null()
        joins &= pl.lit(column == "key")
        lost = other & ~joins
        said = pl.format(words, winner.replace_strict(dict(enumerate(names)), return_dtype=pl.String))
        return (
            window.join(told, on=column, how="left", maintain_order="left")
            .with_columns(
                pl.when(lost).then(pl.lit(reason)).otherwise("reason").alias("reason"),
                pl.when(lost).then(said).otherwise("detail").alias("detail"),
                pl.when(joins).then(pl.lit(names[0])).when(~lost).then("split").cast(pl.Enum(names)).alias("split"),
            )
            .drop("best")
        )

    return settled(rows, ask, column, answer, take)
