"""Puts samples into splits so that no label and no picture stands in two of them. Drops no sample for itself.

A visual key is placed by a hash of itself and the seed, never by what else is there: adding samples moves none. Samples
with equal keys are therefore in one split. Equal pictures under different labels can have been placed apart: then the
picture stays in the split that is guarded best, and leaves the others with a reason; near-duplicates do likewise.
Guarded best is the test split, least the training split. What is left has no group (samples joined by equal keys or
equal pixels) in two splits.

Splits that are kept as they came are guarded better than all that are placed.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.export.groups import Numbers, highest
from curate.export.options import ExportOptions

_TRAIN = re.compile(r"(?i)(?:^|[_.\-\s])train(?:ing)?(?=$|[_.\-\s\d])")
_VALIDATION = re.compile(r"(?i)(?:^|[_.\-\s])(?:valid(?:ate|ation)?|val|dev)(?=$|[_.\-\s\d])")
_TEST = re.compile(r"(?i)(?:^|[_.\-\s])test(?:ing)?(?=$|[_.\-\s\d])")
_KEPT_NAMES = {"none": (), "test": ("validation", "test"), "all": ("train", "validation", "test")}
#: More than the number of splits there can be: what is kept goes before what is placed.
_KEPT = 1 << 14
_NONE = 0xFFFF
#: Samples that are placed at a time.
_CHUNK = 500_000


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
    return own.replace_strict(mapping, default=None, return_dtype=pl.Enum(order(options))).alias("kept_split")


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
        self.names = [name for name, share in splits.items() if share > 0]
        self._ends = [end / total for end in accumulate(share for share in splits.values() if share > 0)]
        self._seed = seed

    def place(self, key: int) -> str:
        """The split of one key."""
        return self.names[self._number(key)]

    def place_all(self, keys: Numbers) -> npt.NDArray[np.uint16]:
        """The splits of keys, as numbers of `names`. Equal keys are hashed once."""
        distinct, at = np.unique(keys, return_inverse=True)
        return np.fromiter(map(self._number, distinct.tolist()), np.uint16, len(distinct))[at]

    def _number(self, key: int) -> int:
        digest = hashlib.blake2b(f"{self._seed}/{key:016x}".encode(), digest_size=8).digest()
        point = int.from_bytes(digest, "big") / 2**64
        return min(bisect_right(self._ends, point), len(self.names) - 1)


def with_splits(frame: pl.DataFrame, options: ExportOptions) -> pl.DataFrame:
    """The frame with a column split, and reasons for samples that leave theirs.

    frame: columns key, pixels, near, kept_split, reason, detail; samples with a reason are passed over, and have no
    split. Near are pictures that an audit found so, among the sources of one run.
    """
    names = order(options)
    staying = _Staying(frame, names, options)
    if staying.is_kept.any():  # a key alone is placed once; only what is kept stands where it came from
        staying.leave("key", "leak-label", "the same label stands in {}")
    staying.leave("pixels", "leak-image", "the same picture stands in {}")
    if options.near_duplicates == "leave":
        staying.leave("near", "leak-near", "nearly the same picture stands in {}")
    split, left = np.where(staying.stays, staying.split, np.uint16(_NONE)), staying.left
    reason, detail = pl.col("reason"), pl.col("detail")
    for number, (why, words) in enumerate(staying.said):
        reason = pl.when(pl.col("left") == number).then(pl.lit(why)).otherwise(reason)
        detail = pl.when(pl.col("left") == number).then(pl.lit(words)).otherwise(detail)
    home = pl.lit(None, pl.Enum(names))
    for number, name in enumerate(names):
        home = pl.when(pl.col("split") == number).then(pl.lit(name)).otherwise(home)
    parts = []
    for start in range(0, max(frame.height, 1), _CHUNK):  # all at once, polars would first copy the whole frame
        here = slice(start, start + _CHUNK)
        numbered = frame[here].with_columns(pl.Series("left", left[here]), pl.Series("split", split[here]))
        parts.append(numbered.with_columns(reason.alias("reason"), detail.alias("detail"), home.alias("split")))
    return pl.concat(parts).drop("left")


class _Staying:
    """The samples as arrays: which of them stay, the split of each, and where one left, why.

    A split is the number of its name, the higher the better guarded; left is a number of `said`, reason and words.
    """

    def __init__(self, frame: pl.DataFrame, names: list[str], options: ExportOptions) -> None:
        self._frame, self._names = frame, names
        kept = frame["kept_split"].cast(pl.Enum(names)).to_physical().cast(pl.UInt16)
        self.split = kept.fill_null(_NONE).to_numpy(writable=True)
        self.is_kept = self.split != _NONE
        self.stays = frame["reason"].is_null().to_numpy(writable=True)
        self.left = np.full(frame.height, _NONE, np.uint16)
        self.said: list[tuple[str, str]] = []
        placer = Placer(options.splits, options.seed)
        number_of = np.array([names.index(name) for name in placer.names], np.uint16)
        for start in range(0, frame.height, _CHUNK):
            here = slice(start, start + _CHUNK)
            free = self.stays[here] & ~self.is_kept[here]
            self.split[here][free] = number_of[placer.place_all(frame["key"][here].to_numpy()[free])]

    def leave(self, column: str, reason: str, words: str) -> None:
        """Of samples that share `column` let those stay that are in the split of the best guarded one.

        A label that was only placed goes over to the training split where that is kept for its key: nothing is tested
        on it, so that nothing is lost by this.
        """
        there = self.stays & self._frame[column].is_not_null().to_numpy()
        values = self._frame[column].filter(pl.Series(there)).to_numpy()
        split, is_kept = self.split[there], self.is_kept[there]
        best = highest(values, np.where(is_kept, split + np.uint16(_KEPT), split))
        winner, pinned = best % np.uint16(_KEPT), best >= _KEPT
        lost = winner != split
        if column == "key":
            joins = lost & pinned & (winner == 0) & ~is_kept
            self.split[np.flatnonzero(there)[joins]] = 0
            lost &= ~joins
        rows = np.flatnonzero(there)[lost]
        self.stays[rows] = False
        for number in np.unique(winner[lost]).tolist():
            self.left[rows[winner[lost] == number]] = len(self.said)
            self.said.append((reason, words.format(self._names[number])))
