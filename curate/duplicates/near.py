"""Near-duplicate search over hashes: all pairs that differ in few bits, without comparing each with each.

Pigeonhole: cut a hash of B bits into m bands; two hashes that differ in at most d bits differ in at most d bands and
agree in at least m - d. So hashes are sorted by every choice of m - d bands, and only those that agree in one such
choice are compared. No pair is missed, except in buckets that are too large to search, which are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import numpy as np
import numpy.typing as npt

#: The largest bucket (hashes that agree in the chosen bands) that is searched; larger ones are left out.
MOST_IN_BUCKET = 4096
#: The cost of sorting by one choice of bands, in comparisons per hash; and how many choices are too many.
_SORT_COST = 8
_MOST_TABLES = 250
#: The most bands that may differ: with more, there are many tables, and the buckets are small long before.
_MOST_AGREEING = 4
#: How many tables are looked at to estimate the work of a plan.
_SAMPLED = 3

Rows = npt.NDArray[np.int64]
Key = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class NearFacts:
    """What a search looked at: how many hashes of how many bits, within which distance, and how many were compared.

    `pairs` counts comparisons that found a pair (one found in two tables counts twice), `possible` the comparisons of
    each with each, and `skipped` the buckets that were too large to search.

    compared: pairs whose images were compared themselves, `copies` of them copies; unopened: those with an image that
    couldn't be opened any more. crowded: images with pairs that were left out, since there were too many.
    """

    hashes: int = 0
    bits: int = 0
    distance: int = 0
    tables: int = 0
    comparisons: int = 0
    pairs: int = 0
    skipped: int = 0
    compared: int = 0
    copies: int = 0
    unopened: int = 0
    crowded: int = 0

    @property
    def possible(self) -> int:
        return self.hashes * (self.hashes - 1) // 2


class Search:
    """A search over hashes of equal length, given as hexadecimal strings.

    distance: bits in which two near hashes may differ. Raises ValueError for hashes of several lengths, or for strings
    that are not hexadecimal.
    """

    def __init__(self, hashes: Sequence[str], distance: int, *, most_in_bucket: int = MOST_IN_BUCKET) -> None:
        self._words, self.bits = _words(hashes)
        self._most = most_in_bucket
        self.distance = min(distance, max(self.bits - 1, 0))
        self.comparisons = self.found = self.skipped = self.tables = 0

    def pairs(self) -> Iterator[tuple[Rows, Rows]]:
        """Arrays of row numbers (first, second) of hashes that differ in at most `distance` bits; some repeat."""
        if len(self._words) < 2:
            return
        bands = _Bands(self._words, self.bits)
        for key in bands.keys(*self._plan(bands)):
            self.tables += 1
            yield from self._search(key)

    def apart(self, first: Rows, second: Rows) -> Rows:
        """In how many bits the hashes of pairs of rows differ."""
        apart: Rows = np.bitwise_count(self._words[first] ^ self._words[second]).sum(axis=1, dtype=np.int64)
        return apart

    def facts(self) -> NearFacts:
        return NearFacts(
            len(self._words), self.bits, self.distance, self.tables, self.comparisons, self.found, self.skipped
        )

    def _plan(self, bands: _Bands) -> tuple[int, int]:
        """(bands, bands that must agree) with the least work, estimated from a few of its tables."""
        plans: dict[tuple[int, int], float] = {}
        for agree in range(1, min(_MOST_AGREEING, self.bits - self.distance) + 1):
            count = self.distance + agree
            tables = comb(count, agree)
            if agree > 1 and tables > _MOST_TABLES:
                break
            sorting = float(tables * _SORT_COST * len(self._words))
            if plans and sorting >= min(plans.values()):
                break
            sampled = [self._work(key) for key in islice(bands.keys(count, agree), _SAMPLED)]
            plans[count, agree] = sorting + tables * sum(sampled) / len(sampled)
        return min(plans, key=lambda plan: plans[plan])

    def _work(self, key: Key) -> float:
        """The comparisons in one table. What can't be searched loses pairs, which is worse than any amount of work."""
        sizes = np.unique(key, return_counts=True)[1].astype(np.float64)
        pairs = sizes * (sizes - 1) / 2
        return float(pairs[sizes <= self._most].sum() + 20 * pairs[sizes > self._most].sum())

    def _search(self, key: Key) -> Iterator[tuple[Rows, Rows]]:
        order = np.argsort(key)
        keys = key[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        sizes = np.diff(np.append(starts, len(keys)))
        self.skipped += int((sizes > self._most).sum())
        place = np.arange(len(keys)) - np.repeat(starts, sizes)
        left = np.repeat(sizes, sizes) - 1 - place  # how many of its bucket come after each
        searched = np.repeat(sizes <= self._most, sizes) & (left > 0)
        places = np.flatnonzero(searched)
        # Those with the most to come first, so that the active ones are always a prefix.
        places = places[np.argsort(-left[places], kind="stable")]
        remaining = left[places]
        words = self._words[order]  # compared hashes are stored side by side
        for offset in range(1, int(remaining[0]) + 1 if len(remaining) else 0):
            active = places[: int(np.searchsorted(-remaining, -offset, side="right"))]
            self.comparisons += len(active)
            different = np.bitwise_count(words[active] ^ words[active + offset])
            bits = different[:, 0] if different.shape[1] == 1 else different.sum(axis=1, dtype=np.uint16)
            near = active[bits <= self.distance]
            first, second = order[near], order[near + offset]
            if len(first):
                self.found += len(first)
                yield np.minimum(first, second), np.maximum(first, second)


class _Bands:
    """Deal the bits of hashes into bands that all distinguish hashes about equally well."""

    def __init__(self, words: Key, bits: int) -> None:
        self._words = words
        ones = np.array([int(self._bit(bit).sum()) for bit in range(bits)])
        # Bits that are nearly always the same say little: dealt from the most balanced on, each band gets its share.
        self._order = np.argsort(np.abs(2 * ones - len(words)), kind="stable")

    def keys(self, count: int, agree: int) -> Iterator[Key]:
        """One key per hash for every choice of `agree` of `count` bands; equal if the chosen bands are."""
        made = [self._band(count, band) for band in range(count)]
        for chosen in combinations(made, agree):
            key = np.zeros(len(self._words), dtype=np.uint64)
            for band in chosen:
                # Mixed, since together they may not fit into 64 bits: a collision only costs a comparison.
                key = (key ^ (key >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) + band
            yield key

    def _band(self, count: int, band: int) -> Key:
        key = np.zeros(len(self._words), dtype=np.uint64)
        for bit in self._order[band::count]:
            key = (key << np.uint64(1)) | self._bit(int(bit))  # of more than 64 bits the first are lost: less selective
        return key

    def _bit(self, bit: int) -> Key:
        return (self._words[:, bit // 64] >> np.uint64(63 - bit % 64)) & np.uint64(1)


def _words(hashes: Sequence[str]) -> tuple[Key, int]:
    """Hexadecimal strings as rows of 64-bit words, padded with zero bits at the end, and their number of bits."""
    if not hashes:
        return np.zeros((0, 1), dtype=np.uint64), 0
    digits = len(hashes[0])
    if any(len(text) != digits for text in hashes):
        raise ValueError("hashes of several lengths can't be compared")
    padded = "".join(text.ljust(-(-digits // 16) * 16, "0") for text in hashes)
    words = np.frombuffer(bytes.fromhex(padded), dtype=">u8").astype(np.uint64)
    return words.reshape(len(hashes), -1), 4 * digits


def joined(number: int, first: Rows, second: Rows) -> Rows:
    """For each of `number` rows the smallest row that pairs (first, second) join it to, directly or through others."""
    root = np.arange(number, dtype=np.int64)
    while True:
        one, other = root[first], root[second]
        apart = one != other
        if not apart.any():
            return root
        first, second, one, other = first[apart], second[apart], one[apart], other[apart]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while True:
            jumped = root[root]
            if np.array_equal(jumped, root):
                break
            root = jumped
