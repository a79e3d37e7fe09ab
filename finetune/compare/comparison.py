"""Evaluations of the same samples: what changed, by how much, and whether that could be chance. Draws no page.

All other models are compared with the first. Changes of single samples are between the first and the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curate.base.distinct_names import shortened
from curate.base.errors import UserError
from curate.base.visible import clip, visible
from curate.predictions.rows import Prediction
from finetune.metrics.catalogue import all_metrics
from finetune.metrics.evaluation import Evaluated, evaluate_all, looks_alike, note, spacing_note
from finetune.metrics.intervals import interval, mcnemar_p, paired_p
from finetune.metrics.metric import Metric, Numbers
from finetune.metrics.pair_numbers import CANONICAL
from finetune.metrics.pairs import Progress
from finetune.metrics.unwrapping import Unwrapping

#: What happened to a row, in order of display. fixed: wrong before, right after (right: renders like the ground truth);
#: broken: the reverse; better and worse: wrong in both, by the mean of structure and symbols.
VERDICTS = ("fixed", "broken", "better", "worse", "still wrong", "right")
#: Smaller changes of the mean of structure and symbols don't count.
_NO_CHANGE = 1e-9


@dataclass(frozen=True)
class Change:
    """One metric. `difference` is after − before with its 95 % interval; `p` is two-sided, from `test`."""

    metric: Metric
    #: Whether it is of canonical tokens.
    canonical: bool
    before: float | None
    after: float | None
    before_ci: list[float] | None
    after_ci: list[float] | None
    difference: float | None
    ci: list[float] | None
    p: float | None
    test: str

    @property
    def name(self) -> str:
        """`exprate`, or `canonical/exprate`."""
        return (CANONICAL if self.canonical else "") + self.metric.name

    @property
    def words(self) -> str:
        """Its displayed name: for metrics of strings, both as written (raw) and in canonical spelling."""
        kind = "canonical" if self.canonical else "raw" if self.metric.of_both_spellings else ""
        return f"{kind} {self.metric.name}".strip()

    @property
    def raw(self) -> bool:
        """Whether it is of the strings as they were written."""
        return self.metric.of_both_spellings and not self.canonical

    @property
    def better(self) -> bool | None:
        """Whether it changed for the better. None if p ≥ 0.05: it may be chance."""
        if self.p is None or self.p >= 0.05 or not self.difference:
            return None
        return (self.difference > 0) == self.metric.higher_is_better


@dataclass(frozen=True)
class Comparison:
    """The rows that all files have, in the first file's order. names: of the models, in the order of `models`."""

    names: tuple[str, ...]
    models: tuple[Evaluated, ...]
    #: What happened to each sample from the first model to the last.
    verdicts: list[str]
    #: Every model but the first, compared with the first.
    against_first: list[list[Change]]
    #: Rows of each file that another lacks.
    unpaired: tuple[int, ...]
    #: A note on the answers that were unwrapped, or "", and the first metric of the answers as they came.
    taken: tuple[str, ...] = ()
    came: tuple[float | None, ...] = ()

    def shown(self, most: int) -> list[str]:
        """The models' names, each in at most `most` characters."""
        return shortened(self.names, most)

    @property
    def before(self) -> Evaluated:
        return self.models[0]

    @property
    def after(self) -> Evaluated:
        return self.models[-1]

    @property
    def changes(self) -> list[Change]:
        """From the first model to the last."""
        return self.against_first[-1]

    @property
    def notes(self) -> list[tuple[str, str]]:
        """(name of the model, what to know about its figures)."""
        taken = self.taken or ("",) * len(self.models)
        sides = zip(self.shown(80), taken, self.models, strict=True)
        told = ((name, said) for name, taken, one in sides for said in (taken, note(one)))
        return [(name, said) for name, said in told if said]

    @property
    def raw_says_nothing(self) -> bool:
        """Whether raw figures are meaningless: of one model and the truths, only one side spaces its tokens."""
        return any(spacing_note(one) is not None for one in self.models)

    @property
    def as_they_came(self) -> tuple[str, ...] | None:
        """The first metric of all models' answers as they came; None if nothing was taken off any of them."""
        if all(value is None for value in self.came):
            return None
        first = [self.changes[0].before, *(changes[0].after for changes in self.against_first)]
        values = (value if raw is None else raw for raw, value in zip(self.came, first, strict=True))
        return tuple(self.changes[0].metric.unit.beside_interval(value) for value in values)

    @property
    def counts(self) -> Counter[str]:
        """How many samples have each verdict, from the first model to the last."""
        return Counter(self.verdicts)

    @cached_property
    def counts_against_first(self) -> list[Counter[str]]:
        """The same for every model but the first."""
        places = range(len(self.verdicts))
        between = [Counter(_verdict(self.before, one, place) for place in places) for one in self.models[1:-1]]
        return [*between, self.counts]

    @cached_property
    def agreed(self) -> list[int]:
        """The places of the samples that all models read alike but differently from the label: if several models agree
        on another reading, the label is probably wrong."""
        wrong = [place for place in range(len(self.verdicts)) if not any(one.alike[place] > 0 for one in self.models)]
        if not wrong:
            return []
        first = [self.before.rows[place].pred for place in wrong]
        alike = [
            looks_alike(list(zip(first, [one.rows[place].pred for place in wrong], strict=True)))
            for one in self.models[1:]
        ]
        rows = zip(wrong, first, *alike, strict=True)
        return [place for place, pred, *same in rows if pred.strip() and all(same)]


def compare(
    *models: tuple[str, Sequence[Prediction]],
    workers: int = 1,
    characters: bool = False,
    progress: Progress | None = None,
    unwrapped: Sequence[Unwrapping] = (),
) -> Comparison:
    """Compare two or more (name, rows); the other arguments are as in `evaluate`.

    unwrapped: what the rows were before something was taken off them.

    Raises UserError if no sample is in all files or truths differ.
    """
    by_id = [{row.sample_id: row for row in rows} for _, rows in models]
    names = tuple(name for name, _ in models)
    shared = [row.sample_id for row in models[0][1] if all(row.sample_id in rows for rows in by_id)]
    if not shared:
        raise UserError(f"{' and '.join(names)} have no sample_id in common; all must be of the same data set")
    files = [[rows[name] for name in shared] for rows in by_id]
    for name, rows in zip(names[1:], files[1:], strict=True):
        for one, other in zip(files[0], rows, strict=True):
            if one.gt != other.gt:
                raise UserError(
                    f"{visible(clip(one.sample_id, 60))}: {names[0]} and {name} have different truths (gt);"
                    " predict both on the same data set"
                )
    found = evaluate_all(files, workers=workers, rules=False, characters=characters, progress=progress)
    came = tuple(taken.raw(one, workers) for taken, one in zip(unwrapped, found, strict=False))
    return Comparison(
        names,
        tuple(found),
        [_verdict(found[0], found[-1], place) for place in range(len(shared))],
        _changes(found),
        tuple(len(rows) - len(shared) for _, rows in models),
        tuple(one.in_words(raw) for one, raw in zip(unwrapped, came, strict=True)),
        came,
    )


def _verdict(before: Evaluated, after: Evaluated, place: int) -> str:
    was, is_now = before.alike[place] > 0, after.alike[place] > 0
    if was or is_now:
        return "right" if was and is_now else "broken" if was else "fixed"
    gain = after.closeness[place] - before.closeness[place]
    return "still wrong" if abs(gain) <= _NO_CHANGE else "better" if gain > 0 else "worse"


def _changes(models: Sequence[Evaluated]) -> list[list[Change]]:
    """Each model but the first against the first."""
    # Drawn with one seed: the n-th resampling of one side has the same samples as that of the other.
    drawn = [found.numbers.drawn_figures() for found in models]
    values = [found.numbers.figures() for found in models]
    return [
        [
            _change(metric, canonical, (models[0], models[at]), (values[0], values[at]), (drawn[0], drawn[at]))
            for metric, canonical in _order()
            if not (metric.reads == "drawing" and np.isnan(values[0][metric.name]))  # nothing was drawn
        ]
        for at in range(1, len(models))
    ]


def _change(
    metric: Metric,
    canonical: bool,
    models: tuple[Evaluated, Evaluated],
    values: tuple[Mapping[str, Numbers], Mapping[str, Numbers]],
    drawn: tuple[Mapping[str, Numbers], Mapping[str, Numbers]],
) -> Change:
    name = (CANONICAL if canonical else "") + metric.name
    old, new = (None if np.isnan(side[name]) else float(side[name]) for side in values)
    differences = drawn[1][name] - drawn[0][name]
    if metric.yes_or_no:
        was, is_now = (found.numbers.column(name) > 0 for found in models)
        p: float | None = mcnemar_p(int((was & ~is_now).sum()), int((~was & is_now).sum()))
        test = "McNemar"
    else:
        p, test = paired_p(differences), "bootstrap"
    difference = None if old is None or new is None else new - old
    spans = (interval(drawn[0][name]), interval(drawn[1][name]))
    return Change(metric, canonical, old, new, *spans, difference, interval(differences), p, test)


def _order() -> list[tuple[Metric, bool]]:
    """Each metric, and whether it is of canonical tokens: first what is drawn, then layout and canonical tokens, then
    the raw ones, which depend on spelling."""
    first, *others = all_metrics().values()
    drawn = [(metric, False) for metric in others if metric.reads == "drawing"]
    canonical = [(metric, True) for metric in (first, *others) if metric.of_both_spellings]
    rest = [(metric, False) for metric in others if metric.reads != "drawing"]
    return [(first, False), *drawn, *canonical, *sorted(rest, key=lambda one: one[0].of_both_spellings)]


def confused(comparison: Comparison, kind: str) -> list[tuple[tuple[str, str], int, int]]:
    """(pair, times before, times after) of `confused` or `layout`, most frequent first; runaway rows left out."""
    sums: list[Counter[tuple[str, str]]] = [getattr(found, kind) for found in (comparison.before, comparison.after)]
    names = sorted({*sums[0], *sums[1]}, key=lambda name: (-max(sums[0][name], sums[1][name]), name))
    return [(name, sums[0][name], sums[1][name]) for name in names]


def words_of_p(p: float | None) -> str:
    """A p value for display."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
