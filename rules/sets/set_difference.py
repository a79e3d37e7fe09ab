"""Compares two sets of labels: tokens, their frequencies, and lengths. Measures with bounds for chance; no rules.

Each different label counts once, since forty copies from one worksheet say no more about a set than one of them.
"""

from __future__ import annotations

import weakref
from math import log, log2, sqrt
from statistics import NormalDist

import polars as pl

from rules.latex import lexer

#: The pattern of the tokenizer, as a regular expression for polars.
_PATTERN = lexer.PATTERN.replace(r"[\s\S]", r"(?s:.)")
#: How many labels to tokenize at once. Tokens take about twenty times the memory of labels.
_CHUNK = 50_000
#: By chance, one in this many comparisons of two equal sets may show a difference.
_FALSE_ALARMS = 1000


#: The last count: its labels, its column, and the result.
_last: tuple[weakref.ref[pl.LazyFrame], str, pl.DataFrame] | None = None


def token_counts(labels: pl.LazyFrame, by: str) -> pl.DataFrame:
    """How many labels have each token: part, token, labels. Needs a column label, and the column `by` for the part.

    Several rules need it for the same samples, so the last count is kept.
    """
    global _last
    if _last is None or _last[0]() is not labels or _last[1] != by:
        _last = (weakref.ref(labels), by, _counted(labels.select(pl.col(by).alias("part"), "label")))
    return _last[2]


def _counted(labels: pl.LazyFrame) -> pl.DataFrame:
    counts = pl.DataFrame(schema={**labels.collect_schema(), "token": pl.String, "labels": pl.Int64}).drop("label")
    for chunk in labels.collect_batches(chunk_size=_CHUNK, engine="streaming"):
        found = (
            chunk.lazy()
            .select("part", pl.col("label").str.extract_all(_PATTERN).list.unique().alias("token"))
            .explode("token")
            .drop_nulls("token")
            .group_by("part", "token")
            .agg(pl.len().cast(pl.Int64).alias("labels"))
            .collect()
        )
        counts = pl.concat([counts, found]).group_by("part", "token").agg(pl.col("labels").sum())
    return counts.sort("part", "token")


def divergence(first: int, of_first: int, second: int, of_second: int) -> float:
    """Jensen-Shannon divergence, in bits (0 to 1), of the presence of a token in two sets of labels.

    It is in `first` of `of_first` labels, and in `second` of `of_second`. Both sets have the same weight, whatever
    their sizes.
    """
    p, q = first / of_first, second / of_second
    middle = (p + q) / 2
    return max(0.0, _entropy(middle) - (_entropy(p) + _entropy(q)) / 2)


def _entropy(p: float) -> float:
    return sum(-x * log2(x) for x in (p, 1 - p) if x > 0)


def differs(first: int, of_first: int, second: int, of_second: int, comparisons: int) -> bool:
    """Is the difference in a token's presence larger than chance explains, when `comparisons` tokens are compared?

    This is the likelihood ratio test of two shares: G = 2 n ln 2 times the divergence, weighted by the sizes of the
    sets, follows a chi-squared distribution with one degree of freedom (the square of a normal one), with Bonferroni's
    correction. It needs no permutations, and finds nothing in small sets.
    """
    total = of_first + of_second
    part = of_first / total
    mixed = _entropy((first + second) / total)
    weighted = mixed - part * _entropy(first / of_first) - (1 - part) * _entropy(second / of_second)
    bound = NormalDist().inv_cdf(1 - 1 / (2 * _FALSE_ALARMS * max(comparisons, 1))) ** 2
    return 2 * total * log(2) * weighted > bound


def missed(labels: int, of: int, other: int) -> bool:
    """Is it beyond chance that a token in `labels` of `of` labels is in none of the `other` labels of another set?"""
    return (1 - labels / of) ** other < 1 / _FALSE_ALARMS


def length_distance(first: pl.Series, second: pl.Series) -> tuple[float, bool]:
    """Kolmogorov-Smirnov distance (0 to 1) between two samples of lengths, and whether it is larger than chance
    explains.

    The bound is the asymptotic one: sqrt(ln(2 / alpha) / 2) sqrt((n + m) / (n m)), with an alpha of one in a thousand.
    """
    n, m = first.len(), second.len()
    if not n or not m:
        return 0.0, False
    both = pl.concat(
        [
            pl.DataFrame({"at": first, "one": 1 / n, "two": 0.0}),
            pl.DataFrame({"at": second, "one": 0.0, "two": 1 / m}),
        ]
    )
    steps = both.group_by("at").agg(pl.col("one", "two").sum()).sort("at")
    distance = float(steps.select((pl.col("one").cum_sum() - pl.col("two").cum_sum()).abs().max()).item())
    return round(distance, 6), distance > sqrt(log(2 * _FALSE_ALARMS) / 2) * sqrt((n + m) / (n * m))
