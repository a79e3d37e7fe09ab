"""Do two sets of labels use the same tokens, as often, in labels as long? Measures with bounds for chance; not a rule.

All counts are of different labels: what forty people copied from one sheet says no more about a set than one of them.
"""

from __future__ import annotations

import weakref
from math import log, log2, sqrt
from statistics import NormalDist

import polars as pl

from rules.latex import lexer

#: The tokenizer's pattern in the dialect of polars' regular expressions.
_PATTERN = lexer.PATTERN.replace(r"[\s\S]", r"(?s:.)")
#: So many labels are taken apart at once: tokens take some twenty times the memory of labels.
_CHUNK = 50_000
#: Chance may make one of so many comparisons of two equal sets look different.
_FALSE_ALARMS = 1000


#: What was counted last: of which labels, by which column, and the answer.
_last: tuple[weakref.ref[pl.LazyFrame], str, pl.DataFrame] | None = None


def token_counts(labels: pl.LazyFrame, by: str) -> pl.DataFrame:
    """How many labels hold each token: part, token, labels. Needs the columns `by`, which says a label's part, and
    label. Several rules ask it of the same samples: they are counted once."""
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
    """Jensen-Shannon divergence in bits (0 to 1) of a token's presence: in `first` of `of_first` labels against
    `second` of `of_second`. Both sets count the same, whatever their sizes."""
    p, q = first / of_first, second / of_second
    middle = (p + q) / 2
    return max(0.0, _entropy(middle) - (_entropy(p) + _entropy(q)) / 2)


def _entropy(p: float) -> float:
    return sum(-x * log2(x) for x in (p, 1 - p) if x > 0)


def differs(first: int, of_first: int, second: int, of_second: int, comparisons: int) -> bool:
    """Is a token's presence in the two sets more different than chance makes it, in any of `comparisons` tokens?

    The likelihood ratio test of two shares: G = 2 n ln 2 times the divergence weighted by the sets' sizes follows a
    chi-squared distribution with one degree of freedom (the square of a normal one), with Bonferroni's correction. So
    no permutations are drawn, and small sets stay silent.
    """
    total = of_first + of_second
    part = of_first / total
    mixed = _entropy((first + second) / total)
    weighted = mixed - part * _entropy(first / of_first) - (1 - part) * _entropy(second / of_second)
    bound = NormalDist().inv_cdf(1 - 1 / (2 * _FALSE_ALARMS * max(comparisons, 1))) ** 2
    return 2 * total * log(2) * weighted > bound


def missed(labels: int, of: int, other: int) -> bool:
    """Is it no chance that a token which `labels` of `of` labels hold is in none of `other` labels of another set?"""
    return (1 - labels / of) ** other < 1 / _FALSE_ALARMS


def length_distance(first: pl.Series, second: pl.Series) -> tuple[float, bool]:
    """Kolmogorov-Smirnov distance (0 to 1) of two samples of lengths, and whether it is more than chance makes it.

    The bound is the asymptotic one: sqrt(ln(2 / alpha) / 2) sqrt((n + m) / (n m)), for alpha one in a thousand.
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
