"""The type of a metric: one entry with everything that tables, pages and documents say about it.

The entries are in `finetune.metrics.each`, and `finetune.metrics.catalogue` finds them. docs/contributing/metric.md
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
#: Named numbers of every pair: for each name, an array of shape (pairs,).
Columns = Mapping[str, NDArray[Any]]
#: The same names with the sums over some pairs, and `n`, the number of these pairs: arrays of the same shape.
Sums = Mapping[str, Numbers]
#: The tokens of truth and prediction.
TokenPair = tuple[Sequence[str], Sequence[str]]
#: What is read of a pair, each costing more than the one before: its strings, tokens and keys; the alignment of both
#: layout trees; the drawings.
Reads = Literal["text", "layout", "drawing"]
READS: tuple[Reads, ...] = ("text", "layout", "drawing")


@dataclass(frozen=True)
class Unit:
    """The unit of a metric's values, and how they are written.

    `symbol` follows a value. The others are digits after the point: for a value on its own, for one among many, for an
    interval, for a value next to an interval, and on a model's card.
    """

    name: str
    symbol: str
    value_digits: int
    among_many_digits: int
    interval_digits: int

    def value(self, value: float | None) -> str:
        """A value for display: `82.6572 %`, or a dash if it is not defined."""
        return "–" if value is None else f"{value:.{self.value_digits}f}{self.symbol}"

    def among_many(self, value: float | None) -> str:
        """A value in a table that gives the unit elsewhere."""
        return "–" if value is None else f"{value:.{self.among_many_digits}f}"

    def difference(self, value: float | None) -> str:
        """A difference with its sign, next to its interval: percentage points, or the plain number."""
        return "–" if value is None else f"{round(value, self.interval_digits) + 0.0:+.{self.interval_digits}f}"

    def rounded(self, value: float) -> str:
        """A value, or an end of an interval, with no more digits than an interval justifies."""
        return f"{round(value, self.interval_digits) + 0.0:.{self.interval_digits}f}"  # -0.0 is 0.0

    def beside_interval(self, value: float | None) -> str:
        """A value next to its interval, with no more digits than that has: `82.7 %`."""
        return "–" if value is None else f"{self.rounded(value)}{self.symbol}"

    def interval(self, ends: Sequence[float] | None) -> str:
        """An interval for display: `[80.3, 85.0]`."""
        return "–" if ends is None else f"[{self.rounded(ends[0])}, {self.rounded(ends[1])}]"


PERCENT = Unit("percent", " %", 4, 2, 1)
RATIO = Unit("ratio", "", 4, 4, 3)


@dataclass(frozen=True)
class Metric:
    """One metric.

    A metric is a function of sums over pairs, so that a group, or a sample drawn for an interval, costs only a sum. The
    numbers to sum come from `of_tokens` or `of_pairs`. A metric with `of_tokens` has two values, for raw and for
    canonical tokens; a metric with `of_pairs` has one. Metrics with the same function share its work.

    Args:
        name: the key in metrics.json.
        title: the name for people, in lower case and without the unit: `exact match`.
        meaning: one sentence for docs/metrics.md, Markdown, without a full stop.
        unit: PERCENT, RATIO, or a new one.
        columns: the names of the numbers to sum, among those that the function returns.
        value: the metric, from the sums. Gets only `columns` and `n`. nan means that it is not defined.
        of_tokens: returns the numbers of token sequences, in whole columns instead of pair by pair.
        of_pairs: returns the numbers of pairs that were read; see `finetune.metrics.pairs.Pairs`. As with `of_tokens`,
            the numbers of a pair depend only on that pair.
        reads: what must be done to a pair before. `finetune.score` reads only text, and `--no-cdm` draws nothing.
        higher_is_better: whether a higher value is better.
        yes_or_no: the only column is 0 or 1 for every pair, so a difference is tested by McNemar's test.
        failed: returns the numbers of a pair on which the function fails, so that the pair counts as wrong. Gets the
            arguments of the function, for that pair alone. Without it, they are 0. See `finetune.metrics.isolation`.
        order: the place in tables, lowest first; the first metric is the headline.
        hub_name: the hub's name for it in a model's card; None leaves it out of the card.
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
        """Whether there is a value for raw tokens and one for canonical tokens."""
        return self.of_tokens is not None

    @property
    def function(self) -> Callable[[Any], Columns]:
        """The function that returns its numbers."""
        function = self.of_tokens or self.of_pairs
        assert function is not None  # the catalogue rejects a metric without one
        return function

    @property
    def title_with_unit(self) -> str:
        return f"{self.title},{self.unit.symbol}" if self.unit.symbol else self.title


def percentage(column: str) -> Callable[[Sums], Numbers]:
    """The mean of a column, in percent: for zeros and ones, the share of pairs with a one."""
    return lambda sums: 100 * sums[column] / sums["n"]


def mean(column: str) -> Callable[[Sums], Numbers]:
    """The mean of a column."""
    return lambda sums: sums[column] / sums["n"]
