"""What a metric is: one entry with everything that a table, a page or a document says of it. Holds no entries.

The entries stand in `finetune.metrics.each`, `finetune.metrics.catalogue` finds them, and docs/contributing/metric.md
says how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from finetune.metrics.pairs import Pairs

Numbers = NDArray[np.float64]
#: Named numbers of every pair: one array of shape (pairs,) a name.
Columns = Mapping[str, NDArray[Any]]
#: The same names with the sums over some pairs, and `n`, the number of these pairs: arrays of one shape (…).
Sums = Mapping[str, Numbers]
#: The tokens of truth and prediction.
TokenPair = tuple[Sequence[str], Sequence[str]]
#: What has to be read of a pair, each costing more than the one before: its strings, tokens and keys; the alignment of
#: both layout trees; what is drawn.
Reads = Literal["text", "layout", "drawing"]
READS: tuple[Reads, ...] = ("text", "layout", "drawing")


@dataclass(frozen=True)
class Unit:
    """What a metric's values are counted in, and how they are written.

    `symbol` stands behind a value. The others are digits after the point: of a value that stands for itself, of a value
    among many, of an interval, what stands beside one, or on a model's card.
    """

    name: str
    symbol: str
    value_digits: int
    among_many_digits: int
    interval_digits: int

    def value(self, value: float | None) -> str:
        """A value as it is shown: `82.6572 %`, or a dash where it is not defined."""
        return "–" if value is None else f"{value:.{self.value_digits}f}{self.symbol}"

    def among_many(self, value: float | None) -> str:
        """A value in a table that says its unit elsewhere."""
        return "–" if value is None else f"{value:.{self.among_many_digits}f}"

    def difference(self, value: float | None) -> str:
        """A difference with its sign, beside its interval: percentage points, or the plain number."""
        return "–" if value is None else f"{round(value, self.interval_digits) + 0.0:+.{self.interval_digits}f}"

    def rounded(self, value: float) -> str:
        """A value, or an end of an interval, with no more digits than an interval justifies."""
        return f"{round(value, self.interval_digits) + 0.0:.{self.interval_digits}f}"  # -0.0 is 0.0

    def beside_interval(self, value: float | None) -> str:
        """A value that stands beside its interval, with no more digits than it: `82.7 %`."""
        return "–" if value is None else f"{self.rounded(value)}{self.symbol}"

    def interval(self, ends: Sequence[float] | None) -> str:
        """An interval as it is shown: `[80.3, 85.0]`."""
        return "–" if ends is None else f"[{self.rounded(ends[0])}, {self.rounded(ends[1])}]"


PERCENT = Unit("percent", " %", 4, 2, 1)
RATIO = Unit("ratio", "", 4, 4, 3)


@dataclass(frozen=True)
class Metric:
    """One metric.

    A metric is a function of sums over pairs, so that a group, or a sample drawn for an interval, costs a sum. What is
    summed comes from `of_tokens` or `of_pairs`. A metric `of_tokens` has two values, one of the raw and one of the
    canonical tokens; one `of_pairs` has one value. Metrics that name the same function share its work.

    Args:
        name: the key in metrics.json.
        title: what a person reads, in lower case and without the unit: `exact match`.
        meaning: one sentence for docs/metrics.md, Markdown, without a full stop.
        unit: PERCENT, RATIO, or one of its own.
        columns: the names of the numbers that are summed, of those that the function gives.
        value: the metric of the sums. Gets `columns` and `n`, and nothing else. nan says that it is not defined.
        of_tokens: gives the numbers of token sequences: whole columns, not pair by pair.
        of_pairs: gives the numbers of pairs that were read; see `finetune.metrics.pairs.Pairs`. As with `of_tokens`,
            the numbers of a pair depend on that pair alone.
        reads: what has to be done to a pair before. `finetune.score` reads text alone, and `--no-cdm` draws nothing.
        higher_is_better: which way a change is for the better.
        yes_or_no: the one column is 0 or 1 for every pair, so a difference is tested by McNemar's test.
        failed: gives the numbers of a pair that the function fails on, with which it counts as wrong. Gets what the
            function gets, of that pair alone. Without it they are 0. See `finetune.metrics.isolation`.
        order: where it stands in tables, lowest first; the first of all is the headline.
        hub_name: what the hub calls it in a model's card; None leaves it off the card.
    """

    name: str
    title: str
    meaning: str
    unit: Unit
    columns: tuple[str, ...]
    value: Callable[[Sums], Numbers]
    of_tokens: Callable[[Sequence[TokenPair]], Columns] | None = None
    of_pairs: Callable[[Pairs], Columns] | None = None
    reads: Reads = "text"
    higher_is_better: bool = True
    yes_or_no: bool = False
    failed: Callable[[Any], Columns] | None = None
    order: int = 1000
    hub_name: str | None = None

    @property
    def of_both_spellings(self) -> bool:
        """Is there a value of the raw tokens and one of the canonical tokens?"""
        return self.of_tokens is not None

    @property
    def function(self) -> Callable[[Any], Columns]:
        """What gives its numbers."""
        function = self.of_tokens or self.of_pairs
        assert function is not None  # the catalogue refuses a metric without
        return function

    @property
    def title_with_unit(self) -> str:
        return f"{self.title},{self.unit.symbol}" if self.unit.symbol else self.title


def percentage(column: str) -> Callable[[Sums], Numbers]:
    """The mean of a column, in percent: of zeros and ones, the share of the pairs that have a one."""
    return lambda sums: 100 * sums[column] / sums["n"]


def mean(column: str) -> Callable[[Sums], Numbers]:
    """The mean of a column."""
    return lambda sums: sums[column] / sums["n"]
