"""How many of a set's samples a doubt may name: those beyond what a set without such damage shows. Judges none."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

#: Standard deviations above chance at which a count of alarms says that there is something to find.
_SIGMAS = 3.0
#: A score says at most so much of one pair: odds of 99 to 1. Scores are fitted, and their ends are the least sure.
_LEAST = 0.01
#: How much likelier (as a logarithm) the scores must be with wrong pairs among them than without: about 1 chance in 40
#: that a set without any is said to have some.
_CLEARLY = 2.0
_ROUNDS = 300


def wrong_pairs(scores: pl.Series) -> int:
    """How many pairs of a set are wrong, by the set's own scores; 0 where they may as well all be right.

    A score is the probability that a pair is right, had half of all pairs been mixed at random. So the odds of a score
    are the ratio of its densities among right and among wrong pairs, and the share of wrong ones is the one that makes
    all the scores likeliest: a mixture of two known densities, whose weight is found by expectation maximisation. Of
    CROHME 2014 with 1, 2 and 5 % of the labels swapped it finds 10, 19 and 48 of 986, of which 8, 14 and 39 are right;
    of CROHME and im2latex as they are, 0.
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
    """Of alarms of which a good set raises `chance` (a share of its pairs), those beyond that: none where a source has
    no more than chance makes, else as many as it has more, the highest in the column `by` first.

    compared: the samples that might have raised one, as `found` with a column source.
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
