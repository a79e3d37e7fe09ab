"""How much the same training differs from seed to seed: mean and spread of its predictions' figures.

The interval of one run holds what other samples would have given, not what another seed would have: that takes several
trainings. The spread is the standard deviation of a sample (n − 1); with three seeds it is itself known to a factor of
two (Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from curate.base.errors import UserError
from curate.base.tables import Column, count, text_table
from curate.base.visible import clip, visible
from curate.predictions.rows import Prediction
from finetune.compare.comparison import Comparison
from finetune.metrics.evaluation import evaluate_all
from finetune.metrics.metric import Unit
from finetune.metrics.pair_numbers import CANONICAL

#: The columns of a table of spreads.
COLUMNS = ("before", "mean after", "spread", "lowest", "highest")


@dataclass(frozen=True)
class Spread:
    """One metric over the seeds. after: its value of each, in the order of the files."""

    words: str
    unit: Unit
    before: float | None
    after: tuple[float, ...]

    @property
    def mean(self) -> float:
        return mean(self.after)

    @property
    def deviation(self) -> float:
        return stdev(self.after)

    @property
    def cells(self) -> list[str]:
        """What a table says of it: before, mean, spread, lowest, highest."""
        values = (self.before, self.mean, self.deviation, min(self.after), max(self.after))
        return [self.unit.among_many(value) for value in values]


@dataclass(frozen=True)
class Seeds:
    """AFTER and its other seeds. names: of the files, AFTER's first."""

    names: tuple[str, ...]
    samples: int
    spreads: tuple[Spread, ...]


def spread_of(
    comparison: Comparison,
    others: Sequence[tuple[str, Sequence[Prediction]]],
    *,
    workers: int = 1,
    characters: bool = False,
) -> Seeds:
    """The figures of AFTER and of `others`, (name, rows), over the samples of the comparison.

    Raises UserError where one lacks a sample of these, or has another truth for it.
    """
    wanted = comparison.after.rows
    files = []
    for name, rows in others:
        by_id = {row.sample_id: row for row in rows}
        missing = sum(row.sample_id not in by_id for row in wanted)
        if missing:
            raise UserError(
                f"{name}: lacks {count(missing)} of the {count(len(wanted))} samples of {comparison.names[1]}; "
                "predict all seeds on the same data set"
            )
        chosen = [by_id[row.sample_id] for row in wanted]
        other = next((row for row, is_now in zip(wanted, chosen, strict=True) if row.gt != is_now.gt), None)
        if other is not None:
            raise UserError(f"{name}: has another truth (gt) for {visible(clip(other.sample_id, 60))}")
        files.append(chosen)
    found = [comparison.after, *evaluate_all(files, workers=workers, rules=False, characters=characters)]
    figures = [one.numbers.figures() for one in found]
    spreads = []
    for change in comparison.changes:
        name = (CANONICAL if change.canonical else "") + change.metric.name
        values = tuple(float(side[name]) for side in figures)
        if change.after is not None and all(value == value for value in values):
            spreads.append(Spread(change.words, change.metric.unit, change.before, values))
    return Seeds((comparison.names[1], *(name for name, _ in others)), len(wanted), tuple(spreads))


def as_text(seeds: Seeds, width: int) -> str:
    """A table: a row a metric."""
    columns = (Column("metric"), *(Column(title, "right") for title in COLUMNS))
    rows = [[one.words, *one.cells] for one in seeds.spreads]
    title = f"{len(seeds.names)} seeds of {visible(clip(seeds.names[0], 60))} (spread: standard deviation)"
    return f"{title}\n\n{text_table(columns, rows, width=width)}"
