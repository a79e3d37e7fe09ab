"""Batches of samples of similar length: every sample once, less padding, another order in each epoch."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.train.lengths import LengthSampler, grouped


@given(st.lists(st.integers(1, 4000), max_size=300), st.integers(1, 8), st.integers(0, 2**31))
def test_every_sample_comes_once_and_the_longest_first(lengths: list[int], batch: int, seed: int) -> None:
    order = grouped(lengths, batch, seed)
    assert sorted(order) == list(range(len(lengths)))
    if len(lengths) >= batch and lengths:
        full = order[: len(order) - len(order) % batch]
        assert max(lengths[place] for place in order[:batch]) == max(lengths[place] for place in full)


def _padded(lengths: list[int], order: list[int], batch: int) -> int:
    parts = [order[at : at + batch] for at in range(0, len(order), batch)]
    return sum(len(part) * max(lengths[place] for place in part) for part in parts)


@pytest.mark.parametrize("batch", [2, 8])
def test_less_is_padded(batch: int) -> None:
    lengths = [round(Random(place).lognormvariate(5, 0.7)) for place in range(2000)]
    shuffled = list(range(2000))
    Random(0).shuffle(shuffled)
    wasted = [_padded(lengths, order, batch) / sum(lengths) - 1 for order in (shuffled, grouped(lengths, batch, 1))]
    assert wasted[1] < wasted[0] / 5


def test_epochs_differ_and_an_epoch_is_the_same_again() -> None:
    lengths = [place % 97 for place in range(500)]
    one, other = LengthSampler(lengths, 4, 7), LengthSampler(lengths, 4, 7)
    first = list(one)
    one.set_epoch(1)
    other.set_epoch(1)
    assert list(one) == list(other) != first
    assert len(one) == 500
