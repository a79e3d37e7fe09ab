"""How much the same training differs from seed to seed: mean and spread of its predictions' figures.

The interval of one run covers other samples, not other seeds: those take several trainings. The spread is the standard
deviation of a sample (n − 1); with three seeds it is itself known only to a factor of two (Bouthillier et al. 2021,
"Accounting for variance in machine learning benchmarks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import mean, stdev

from curate.base.distinct_names import shortened
from curate.base.errors import UserError
from curate.base.tables import Column, count, text_table, things
from curate.base.visible import clip, visible
from curate.predictions.rows import Prediction
from finetune.compare.comparison import Comparison
from finetune.metrics.evaluation import evaluate_all
from finetune.metrics.metric import Metric
from finetune.metrics.pair_numbers import CANONICAL

#: The columns of a table of spreads, with a row for every model that has several seeds.
COLUMNS = ("seeds", "mean", "spread", "lowest", "highest")


@dataclass(frozen=True)
class Spread:
    """One metric over the seeds. values: of each seed of each model, in the order of the files."""

    words: str
    metric: Metric
    values: tuple[tuple[float, ...], ...]

    def cells(self, model: int) -> list[str]:
        """A table's entry for one model: seeds, mean, spread, lowest, highest."""
        values, among_many = self.values[model], self.metric.unit.among_many
        deviation = among_many(stdev(values)) if len(values) > 1 else "–"
        return [count(len(values)), among_many(mean(values)), deviation, *map(among_many, (min(values), max(values)))]


@dataclass(frozen=True)
class Seeds:
    """The models of a comparison with all their seeds."""

    names: tuple[str, ...]
    spreads: tuple[Spread, ...]

    def in_words(self) -> str:
        """Whether the seeds of the last model all beat, or all lose to, those of the first, by the first metric."""
        first, last = self.spreads[0].values[0], self.spreads[0].values[-1]
        first_name, *_, last_name = map(visible, shortened(self.names, 60))
        of_first, of_last = (
            f"{f'all {len(values)} seeds of ' if len(values) > 1 else ''}{name}"
            for name, values in ((first_name, first), (last_name, last))
        )
        difference = mean(last) - mean(first)
        unit = self.spreads[0].metric.unit
        mean_of = f"Over the seeds, the mean differs by {unit.difference(difference)} points"
        worst, best = (min(last), max(first)) if difference > 0 else (min(first), max(last))
        if worst > best:
            ways = comb(len(first) + len(last), len(first))
            said = f"{of_last} {'beat' if difference > 0 else 'are below'} {of_first}"
            chance = f"once in {things(ways, 'time')}" if ways > 2 else "every second time"
            return f"{mean_of}, and {said}; by chance that happens {chance}."
        return f"{mean_of}, but their ranges overlap: another seed could reverse the result."


def spread_of(
    comparison: Comparison,
    others: Sequence[Sequence[tuple[str, Sequence[Prediction]]]],
    *,
    workers: int = 1,
    characters: bool = False,
) -> Seeds:
    """The figures of every model and its other seeds, over the samples of the comparison.

    others: for every model, (name, rows) of its other seeds, if any.

    Raises UserError if one lacks a sample of these, or has another truth for it.
    """
    wanted = comparison.before.rows
    files = [_chosen(name, rows, wanted) for group in others for name, rows in group]
    found = evaluate_all(files, workers=workers, rules=False, characters=characters) if files else []
    rest = iter(one.numbers.figures() for one in found)
    figures = [
        [model.numbers.figures(), *(next(rest) for _ in group)]
        for model, group in zip(comparison.models, others, strict=True)
    ]
    spreads = []
    for change in comparison.changes:
        name = (CANONICAL if change.canonical else "") + change.metric.name
        values = tuple(tuple(float(side[name]) for side in group) for group in figures)
        if all(value == value for group in values for value in group):
            spreads.append(Spread(change.words, change.metric, values))
    return Seeds(comparison.names, tuple(spreads))


def _chosen(name: str, rows: Sequence[Prediction], wanted: Sequence[Prediction]) -> list[Prediction]:
    by_id = {row.sample_id: row for row in rows}
    missing = sum(row.sample_id not in by_id for row in wanted)
    if missing:
        raise UserError(
            f"{name}: lacks {count(missing)} of the {count(len(wanted))} samples of the other files; "
            "predict all seeds on the same data set"
        )
    chosen = [by_id[row.sample_id] for row in wanted]
    other = next((row for row, is_now in zip(wanted, chosen, strict=True) if row.gt != is_now.gt), None)
    if other is not None:
        raise UserError(f"{name}: has another truth (gt) for {visible(clip(other.sample_id, 60))}")
    return chosen


def table(seeds: Seeds, most: int | None = None) -> tuple[list[str], list[list[str]]]:
    """The titles and rows of the table of spreads: a row for each metric and model. most: how many metrics."""
    rows = [
        [one.words, visible(name), *one.cells(model)]
        for one in seeds.spreads[:most]
        for model, name in enumerate(shortened(seeds.names, 40))
    ]
    return ["metric", "model", *COLUMNS], rows


def as_text(seeds: Seeds, width: int) -> str:
    """The table for a terminal."""
    titles, rows = table(seeds)
    columns = [Column(title, "left" if place < 2 else "right") for place, title in enumerate(titles)]
    return f"seeds (spread: standard deviation)\n\n{text_table(columns, rows, width=width)}"
