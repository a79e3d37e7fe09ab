"""The banded search finds what an exhaustive search finds, with far fewer comparisons, and says what it left out."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.near import Rows, Search, joined


def found(search: Search) -> set[tuple[int, int]]:
    return {(int(a), int(b)) for first, second in search.pairs() for a, b in zip(first, second, strict=True)}


def groups(search: Search, number: int) -> Rows:
    """For every hash the smallest row number that pairs join it to."""
    pairs = np.array(sorted(found(search)), np.int64).reshape(-1, 2)
    return joined(number, pairs[:, 0], pairs[:, 1])


def brute(hashes: list[str], distance: int) -> set[tuple[int, int]]:
    values = [int(text, 16) for text in hashes]
    pairs = combinations(range(len(values)), 2)
    return {(i, j) for i, j in pairs if (values[i] ^ values[j]).bit_count() <= distance}


def clustered(number: int, bits: int, seed: int, *, centres: int = 10, most: int = 12) -> list[str]:
    """Hashes around a few centres, so that there are pairs at every distance."""
    rng = random.Random(seed)
    middles = [rng.getrandbits(bits) for _ in range(centres)]
    made = []
    for _ in range(number):
        value = rng.choice(middles)
        for _ in range(rng.randrange(most)):
            value ^= 1 << rng.randrange(bits)
        made.append(f"{value:0{bits // 4}x}")
    return made


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    number=st.integers(0, 60),
    bits=st.sampled_from([4, 8, 64, 68, 128, 256]),
    distance=st.integers(0, 12),
)
def test_every_pair_is_found_and_no_other(seed, number, bits, distance):
    hashes = clustered(number, bits, seed)
    search = Search(hashes, distance)
    assert found(search) == brute(hashes, min(distance, bits - 1))
    assert search.skipped == 0


@pytest.mark.parametrize("agree", [1, 2, 3])
def test_every_plan_finds_them(agree, monkeypatch):
    hashes = clustered(400, 64, 1)
    monkeypatch.setattr(Search, "_plan", lambda self, bands: (self.distance + agree, agree))
    assert found(Search(hashes, 5)) == brute(hashes, 5)


def test_far_fewer_are_compared_than_each_with_each():
    rng = random.Random(5)
    hashes = [f"{rng.getrandbits(64):016x}" for _ in range(20_000)]
    search = Search(hashes, 6)
    found(search)
    facts = search.facts()
    assert facts.possible == 20_000 * 19_999 // 2
    assert 0 < facts.comparisons < facts.possible / 20


def test_groups_are_closed_and_named_by_their_first():
    # a chain: neighbours differ by one bit, the ends by four
    hashes = ["00", "01", "03", "07", "0f", "f0"]
    assert groups(Search(hashes, 1), 6).tolist() == [0, 0, 0, 0, 0, 5]


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), distance=st.integers(0, 8))
def test_groups_are_those_of_all_pairs(seed, distance):
    hashes = clustered(80, 64, seed)
    root = list(range(len(hashes)))
    for _ in hashes:
        for i, j in brute(hashes, distance):
            root[i] = root[j] = min(root[i], root[j])
    assert groups(Search(hashes, distance), 80).tolist() == root


def test_a_bucket_that_is_too_large_is_left_out_and_counted():
    hashes = [f"{value:04x}" for value in range(64)]
    search = Search(hashes, 1, most_in_bucket=1)
    assert len(groups(search, 64)) == 64
    assert search.facts().skipped > 0
    whole = Search(hashes, 1)
    assert groups(whole, 64).tolist() == [0] * 64
    assert whole.facts().skipped == 0


def test_hashes_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="lengths"):
        Search(["00", "000"], 1)


def test_one_hash_and_none_are_no_trouble():
    assert groups(Search([], 3), 0).tolist() == []
    assert groups(Search(["ff"], 3), 1).tolist() == [0]


def test_how_far_pairs_are_apart():
    search = Search(["00" * 32, "ff" + "00" * 31, "0f" * 32], 1)
    assert search.apart(np.array([0, 0]), np.array([1, 2])).tolist() == [8, 128]
