"""The numbers that metrics are made of, for every pair, and the metrics of their sums. Knows no metric by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from finetune.metrics import isolation
from finetune.metrics.catalogue import all_metrics, as_written, in_words
from finetune.metrics.intervals import drawn_sums
from finetune.metrics.metric import READS, Columns, Metric, Numbers, Reads
from finetune.metrics.pairs import Pairs

#: Before the name of a value that is of canonical tokens: `canonical/exprate`.
CANONICAL = "canonical/"

#: What a column is: is it of canonical tokens, the function that gives it, its name there.
_Source = tuple[bool, Callable[..., Columns], str]


@dataclass(frozen=True)
class PairNumbers:
    """Named numbers of every pair: `values` has the shape (pairs, columns), `sources` says what each column is.

    The last column is 1 for every pair, so that its sum is their number.
    """

    metrics: Sequence[Metric]
    sources: Sequence[_Source]
    values: Numbers

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def _places(self) -> dict[_Source, int]:
        return {source: place for place, source in enumerate(self.sources)}

    def rows(self, places: Sequence[int] | slice) -> PairNumbers:
        """The same numbers of some of the pairs."""
        return PairNumbers(self.metrics, self.sources, self.values[places])

    def column(self, name: str) -> Numbers:
        """The number of every pair that a metric of one column is made of, shape (pairs,); nan if it wasn't measured.

        `name` is the value's: `exprate`, `canonical/exprate`. Raises ValueError for a metric of several columns.
        """
        metric = all_metrics()[name.removeprefix(CANONICAL)]
        (column,) = metric.columns
        return self.values[:, self._places[_source(metric, name.startswith(CANONICAL), column)]]

    def figures(self) -> dict[str, Numbers]:
        """Every metric of all pairs; nan where it is not defined."""
        return self.of_sums(self.values.sum(axis=0))

    def drawn_figures(self) -> dict[str, Numbers]:
        """Every metric of each drawing of pairs with replacement; see `finetune.metrics.intervals`."""
        return self.of_sums(drawn_sums(self.values))

    def of_sums(self, sums: Numbers) -> dict[str, Numbers]:
        """Every metric of sums of `values`: an array of shape (…, columns) gives arrays of shape (…)."""

        def value(metric: Metric, canonical: bool) -> Numbers:
            named = {name: sums[..., self._places[_source(metric, canonical, name)]] for name in metric.columns}
            return metric.value({**named, "n": sums[..., -1]})

        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                **{metric.name: value(metric, False) for metric in self.metrics},
                **{CANONICAL + metric.name: value(metric, True) for metric in self.metrics if metric.of_both_spellings},
            }


def measure(pairs: Pairs, reads: Reads) -> PairNumbers:
    """Measure every pair for the metrics that read no more of it than `reads`; the numbers of others are nan.

    A metric that fails on a pair is a fault (`rules.faults`), and the pair counts as wrong in it.
    """
    metrics = as_written(all_metrics().values())
    of_tokens = [metric for metric in metrics if metric.of_both_spellings]
    columns = {
        **_columns(of_tokens, False, pairs, pairs.raw.__getitem__, " of raw tokens"),
        **_columns(of_tokens, True, pairs, pairs.canonical.__getitem__, " of canonical tokens"),
    }
    for level in READS:
        of_pairs = [metric for metric in metrics if not metric.of_both_spellings and metric.reads == level]
        if READS.index(level) <= READS.index(reads):
            columns |= _columns(of_pairs, False, pairs, pairs.at)
        else:
            unknown = np.full(len(pairs), np.nan)
            columns |= {_source(metric, False, name): unknown for metric in of_pairs for name in metric.columns}
    return PairNumbers(metrics, list(columns), np.column_stack([*columns.values(), np.ones(len(pairs))]))


def _columns(
    metrics: Iterable[Metric], canonical: bool, pairs: Pairs, taken: Callable[[slice], Any], of: str = ""
) -> dict[_Source, Numbers]:
    """The columns of metrics whose functions take what `taken` gives; one that several metrics name is called once."""
    by_function: dict[Callable[..., Columns], list[Metric]] = {}
    for metric in metrics:
        by_function.setdefault(metric.function, []).append(metric)
    columns: dict[_Source, Numbers] = {}
    for function, some in by_function.items():
        names = list(dict.fromkeys(name for metric in some for name in metric.columns))
        failed = next((metric.failed for metric in some if metric.failed), None)
        found = isolation.of_many(function, names, taken, pairs.texts, failed, in_words(some, of))
        columns |= {(canonical, function, name): column for name, column in found.items()}
    return columns


def _source(metric: Metric, canonical: bool, column: str) -> _Source:
    return canonical, metric.function, column


def by_spelling(metrics: Iterable[Metric], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values by the metrics' names: those of raw tokens or of none, and those of canonical tokens."""
    metrics = list(metrics)
    return (
        {metric.name: values[metric.name] for metric in metrics},
        {metric.name: values[CANONICAL + metric.name] for metric in metrics if metric.of_both_spellings},
    )


def as_floats(values: Mapping[str, Numbers]) -> dict[str, float | None]:
    """Values as JSON has them: what is not defined is None."""
    return {name: None if np.isnan(value) else float(value) for name, value in values.items()}
