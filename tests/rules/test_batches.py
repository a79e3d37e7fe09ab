"""Batches cost about the same and hold every label once. Expensive ones are worth processes, however few labels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.batches import LARGE, MIN_PARALLEL, cut


@given(st.lists(st.integers(0, 400_000), max_size=60), st.integers(1, 9))
def test_batches_hold_every_label_once_in_order(sizes: list[int], workers: int):
    labels = ["x" * size for size in sizes]
    batches, used = cut(labels, workers)
    assert [label for batch in batches for label in batch] == labels
    assert all(batches)
    assert 1 <= used <= workers
    assert all(sum(map(len, batch[:-1])) <= LARGE for batch in batches)


def test_few_long_labels_are_worth_processes_and_many_short_ones_are_not():
    long, short = ["x" * 2000] * 400, ["x"] * 9000
    assert cut(long, 2)[1] == 2
    assert cut(short, 2) == ([short], 1)
    assert len(short) * 21 < MIN_PARALLEL


def test_two_processes_get_as_much_to_do():
    labels = ["x" * (10 + 990 * (number > 3000)) for number in range(6000)]
    batches, _ = cut(labels, 2)
    costs = [sum(len(label) + 20 for label in batch) for batch in batches]
    assert len(batches) % 2 == 0
    assert max(costs) < 1.1 * min(costs)
