"""The numbers of every pair from which metrics are computed, and the metrics of their sums. Knows no metric by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from finetune.metrics import isolation
from finetune.metrics.alignment import Compared
from finetune.metrics.catalogue import all_metrics, as_written, in_words
from finetune.metrics.intervals import drawn_sums
from finetune.metrics.metric import READS, Columns, Metric, Numbers, Reads
from finetune.metrics.pairs import Pairs, Read, of_read
from rules.workers.helper import now_at
from rules.workers.pool import Lost
from rules.workers.spread import spread

#: The number of pairs per batch, and the number from which starting processes is worthwhile.
_BATCH, _WORTH_PROCESSES = 2_000, 8_000
#: Seconds for a batch, which takes about one. A pair with 100,000 tokens on both sides takes as long as all others.
_LIMIT = 120.0
#: The prefix for the names of values for canonical tokens: `canonical/exprate`.
CANONICAL = "canonical/"

#: Where a column comes from: whether it is for canonical tokens, the function that returns it, its name there.
_Source = tuple[bool, Callable[..., Columns], str]


@dataclass(frozen=True)
class PairNumbers:
    """Named numbers for every pair: columns of shape (pairs,), with whole numbers in as few bytes as possible."""

    metrics: Sequence[Metric]
    columns: Mapping[_Source, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @cached_property
    def _places(self) -> dict[_Source, int]:
        return {source: place for place, source in enumerate(self.columns)}

    def rows(self, places: Sequence[int] | slice) -> PairNumbers:
        """The same numbers for some of the pairs."""
        return PairNumbers(self.metrics, {source: column[places] for source, column in self.columns.items()})

    @staticmethod
    def joined(parts: Sequence[PairNumbers]) -> PairNumbers:
        """The numbers of several groups of pairs, one after the other."""
        first = parts[0]
        return PairNumbers(
            first.metrics,
            {source: np.concatenate([part.columns[source] for part in parts]) for source in first.columns},
        )

    def column(self, name: str, column: str | None = None) -> Numbers:
        """The column of a metric with one column, of shape (pairs,); nan if it wasn't measured.

        name: of the value, such as `exprate` or `canonical/exprate`. column: which one, if the metric has several.
        """
        metric = all_metrics()[name.removeprefix(CANONICAL)]
        if column is None:
            (column,) = metric.columns
        return self.columns[_source(metric, name.startswith(CANONICAL), column)].astype(np.float64)

    def figures(self) -> dict[str, Numbers]:
        """Every metric for all pairs; nan if it isn't defined."""
        return self.of_sums(np.array([*(column.sum(dtype=np.float64) for column in self.columns.values()), len(self)]))

    def drawn_figures(self) -> dict[str, Numbers]:
        """Every metric for each resample of the pairs; see `finetune.metrics.intervals`."""
        return self.of_sums(drawn_sums([*self.columns.values(), np.ones(len(self))]))

    def of_sums(self, sums: Numbers) -> dict[str, Numbers]:
        """Every metric for sums of `columns` and the number of pairs: shape (…, columns + 1) gives shape (…)."""

        def value(metric: Metric, canonical: bool) -> Numbers:
            named = {name: sums[..., self._places[_source(metric, canonical, name)]] for name in metric.columns}
            return metric.value({**named, "n": sums[..., -1]})

        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                **{metric.name: value(metric, False) for metric in self.metrics},
                **{CANONICAL + metric.name: value(metric, True) for metric in self.metrics if metric.of_both_spellings},
            }


def measure(pairs: Pairs, reads: Reads) -> PairNumbers:
    """Measure every pair for the metrics that read no more than `reads`; the numbers for others are nan.

    A metric that fails on a pair is a fault (`rules.faults`), and the pair counts as wrong in that metric.
    """
    metrics = as_written(all_metrics().values())
    levels = READS[: READS.index(reads) + 1]
    undrawn = [level for level in levels if level != "drawing"]  # drawing distributes its own work
    several = pairs.workers > 1 and len(pairs) >= _WORTH_PROCESSES
    columns = _measured_apart(pairs, undrawn) if several else _measured(pairs, undrawn)
    columns |= _measured(pairs, [level for level in levels if level not in undrawn])
    unknown = [metric for metric in metrics if metric.reads not in levels]
    nothing = np.full(len(pairs), np.nan)
    return PairNumbers(
        metrics, columns | {_source(one, False, name): nothing for one in unknown for name in one.columns}
    )


def _measured(
    pairs: Pairs, levels: Sequence[Reads], function: Callable[..., Columns] | None = None
) -> dict[_Source, NDArray[Any]]:
    """The columns of the metrics that read these levels. function: called instead of those of the metrics."""
    metrics = [metric for metric in as_written(all_metrics().values()) if metric.reads in levels]
    of_tokens = [metric for metric in metrics if metric.of_both_spellings]
    of_pairs = [metric for metric in metrics if not metric.of_both_spellings]
    return {
        **_columns(of_tokens, False, pairs, pairs.raw.__getitem__, " of raw tokens", function),
        **_columns(of_tokens, True, pairs, pairs.canonical.__getitem__, " of canonical tokens", function),
        **_columns(of_pairs, False, pairs, pairs.at, "", function),
    }


def _columns(
    metrics: Iterable[Metric],
    canonical: bool,
    pairs: Pairs,
    taken: Callable[[slice], Any],
    of: str,
    instead: Callable[..., Columns] | None,
) -> dict[_Source, NDArray[Any]]:
    """The columns of metrics whose functions take the result of `taken`. A shared function is called once."""
    by_function: dict[Callable[..., Columns], list[Metric]] = {}
    for metric in metrics:
        by_function.setdefault(metric.function, []).append(metric)
    columns: dict[_Source, NDArray[Any]] = {}
    for function, some in by_function.items():
        names = list(dict.fromkeys(name for metric in some for name in metric.columns))
        failed = next((metric.failed for metric in some if metric.failed), None)
        found = isolation.of_many(instead or function, names, taken, pairs.texts, failed, in_words(some, of))
        columns |= {(canonical, function, name): _packed(column) for name, column in found.items()}
    return columns


def _packed(column: Numbers) -> NDArray[Any]:
    """The same numbers, with whole numbers in as few bytes as possible, since there may be a million pairs."""
    if not len(column) or not (column == np.floor(column)).all() or column.min() < 0:  # nan isn't a whole number
        return column
    return column.astype(np.min_scalar_type(int(column.max())))


_Part = tuple[dict[_Source, NDArray[Any]], list[Compared]]


def _measured_apart(pairs: Pairs, levels: Sequence[Reads]) -> dict[_Source, NDArray[Any]]:
    """`_measured` with several processes, whose alignments are copied to the pairs."""
    read = pairs.read()
    batches = [read[start : start + _BATCH] for start in range(0, len(read), _BATCH)]
    work, lost = partial(_part, levels=levels), partial(_lost_part, levels=levels)
    parts = list(spread(work, batches, pairs.workers, lost=lost, to="measure", limit=_LIMIT))
    pairs.aligned.extend(chain.from_iterable(compared for _, compared in parts))
    return {source: np.concatenate([columns[source] for columns, _ in parts]) for source in parts[0][0]}


def _part(read: Sequence[Read], levels: Sequence[Reads]) -> _Part:
    """The columns of some pairs in order, and the alignments if they were made for them."""
    now_at(-1)
    pairs = of_read(read)
    return _measured(pairs, levels), pairs.aligned


def _lost_part(lost: Lost, levels: Sequence[Reads]) -> _Part:
    """The same for a pair that ended its process: wrong in everything."""

    def gone(_: Any) -> NoReturn:
        raise RuntimeError(lost.why)

    pairs = of_read([lost.item])
    return _measured(pairs, levels, gone), [Compared(0.0, 0.0)] if "layout" in levels else []


def _source(metric: Metric, canonical: bool, column: str) -> _Source:
    return canonical, metric.function, column


def by_spelling(metrics: Iterable[Metric], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values by name of the metric: those for raw tokens or without tokens, and those for canonical tokens."""
    metrics = list(metrics)
    return (
        {metric.name: values[metric.name] for metric in metrics},
        {metric.name: values[CANONICAL + metric.name] for metric in metrics if metric.of_both_spellings},
    )


def as_floats(values: Mapping[str, Numbers]) -> dict[str, float | None]:
    """Values for JSON: None if they aren't defined."""
    return {name: None if np.isnan(value) else float(value) for name, value in values.items()}
