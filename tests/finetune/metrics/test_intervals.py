"""Intervals and p values, checked against formulas and by coverage, not against themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from finetune.metrics import intervals as iv


def mean(sums):
    return {"mean": sums[..., 0] / sums[..., 1]}


def with_ones(values):
    return np.column_stack([values, np.ones(len(values))])


@pytest.mark.parametrize("n", [400, 30_000])
def test_the_interval_of_a_share_is_as_wide_as_the_normal_one(n) -> None:
    yes = np.random.default_rng(1).random(n) < 0.3
    low, high = iv.intervals(with_ones(yes.astype(float)), mean)["mean"]
    assert low < yes.mean() < high
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(0.3 * 0.7 / n), rel=0.12)


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        low, high = iv.intervals(with_ones(rng.normal(5, 1, 60)), mean)["mean"]
        hits += low <= 5 <= high
    assert 180 <= hits <= 199


def test_the_same_numbers_give_the_same_interval() -> None:
    numbers = with_ones(np.arange(50.0))
    assert iv.intervals(numbers, mean) == iv.intervals(numbers, mean)


def test_what_is_not_defined_has_no_interval() -> None:
    assert iv.interval(np.array([1.0, np.nan])) is None
    assert iv.paired_p(np.array([1.0, np.nan])) is None


def test_mcnemar_is_the_exact_binomial() -> None:
    assert iv.mcnemar_p(0, 0) == 1
    assert iv.mcnemar_p(0, 5) == pytest.approx(2 / 32)
    assert iv.mcnemar_p(3, 1) == pytest.approx(2 * (1 + 4) / 16)
    assert iv.mcnemar_p(4, 4) == 1
    assert iv.mcnemar_p(450, 550) == pytest.approx(0.00174, abs=0.0001)  # scipy.stats.binomtest(450, 1000)
    assert iv.mcnemar_p(4500, 5500) < 1e-20


def test_p_of_no_difference_is_large_and_of_a_sure_one_small() -> None:
    rng = np.random.default_rng(3)
    assert iv.paired_p(rng.normal(0, 1, 1000)) > 0.5
    assert iv.paired_p(np.zeros(1000)) == 1
    assert iv.paired_p(rng.normal(9, 1, 1000)) == pytest.approx(2 / 1001)
