"""Two evaluations of the same samples: what changed, by how much, and whether that could be chance. Draws no page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curate.base.errors import UserError
from curate.base.tables import Column, count, text_table
from curate.base.visible import clip, visible
from curate.predictions.rows import Prediction
from finetune.metrics.catalogue import all_metrics
from finetune.metrics.evaluation import Evaluated, evaluate_all, note
from finetune.metrics.intervals import interval, mcnemar_p, paired_p
from finetune.metrics.metric import Metric
from finetune.metrics.pair_numbers import CANONICAL
from finetune.metrics.pairs import Progress
from finetune.metrics.unwrapping import Unwrapping

#: What happened to a row, in order of display. fixed: wrong before, right after (right: renders like the ground truth);
#: broken: the other way round; better and worse: wrong in both, by the mean of structure and symbols.
VERDICTS = ("fixed", "broken", "better", "worse", "still wrong", "right")
#: A change of the mean of structure and symbols that is none.
_NO_CHANGE = 1e-9


@dataclass(frozen=True)
class Change:
    """One metric. `difference` is after − before with its 95 % interval; `p` is two-sided, of `test`."""

    metric: Metric
    #: Of canonical tokens?
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
        """Its name as it is shown: of strings both as they stand (raw) and in canonical spelling."""
        kind = "canonical" if self.canonical else "raw" if self.metric.of_both_spellings else ""
        return f"{kind} {self.metric.name}".strip()

    @property
    def better(self) -> bool | None:
        """Did it change for the better? None where p ≥ 0.05: it may be chance."""
        if self.p is None or self.p >= 0.05 or not self.difference:
            return None
        return (self.difference > 0) == self.metric.higher_is_better


@dataclass(frozen=True)
class Comparison:
    """Both files' rows of the same samples, in BEFORE's order."""

    names: tuple[str, str]
    before: Evaluated
    after: Evaluated
    verdicts: list[str]
    changes: list[Change]
    #: Rows that only one of the files has.
    unpaired: tuple[int, int]
    #: What is said of the answers that were unwrapped, or "", and the first metric of the answers as they came.
    taken: tuple[str, str] = ("", "")
    came: tuple[float | None, float | None] = (None, None)

    @property
    def notes(self) -> list[tuple[str, str]]:
        """(name of the file, what to know of its figures)."""
        sides = zip(self.names, self.taken, (self.before, self.after), strict=True)
        told = ((name, said) for name, taken, one in sides for said in (taken, note(one)))
        return [(name, said) for name, said in told if said]

    @property
    def as_they_came(self) -> tuple[str, str] | None:
        """The first metric of both files' answers as they came; None where nothing was taken off any."""
        if self.came == (None, None):
            return None
        first = self.changes[0]
        before, after = (
            value if raw is None else raw for raw, value in zip(self.came, (first.before, first.after), strict=True)
        )
        return first.metric.unit.value(before), first.metric.unit.value(after)

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.verdicts)


def compare(
    before: tuple[str, Sequence[Prediction]],
    after: tuple[str, Sequence[Prediction]],
    *,
    workers: int = 1,
    characters: bool = False,
    progress: Progress | None = None,
    unwrapped: tuple[Unwrapping, Unwrapping] | None = None,
) -> Comparison:
    """Compare (name, rows) with (name, rows); the others as in `evaluate`.

    unwrapped: what the rows were before something was taken off them.

    Raises UserError where no sample is in both or truths differ.
    """
    by_id = {row.sample_id: row for row in after[1]}
    pairs = [(row, by_id[row.sample_id]) for row in before[1] if row.sample_id in by_id]
    if not pairs:
        raise UserError(f"{before[0]} and {after[0]} have no sample_id in common; both must be of the same data set")
    for one, other in pairs:
        if one.gt != other.gt:
            raise UserError(
                f"{visible(clip(one.sample_id, 60))}: {before[0]} and {after[0]} have different truths (gt);"
                " predict both on the same data set"
            )
    old, new = evaluate_all(
        [[pair[side] for pair in pairs] for side in (0, 1)],
        workers=workers,
        rules=False,
        characters=characters,
        progress=progress,
    )
    came = tuple(taken.raw(found, workers) for taken, found in zip(unwrapped or (), (old, new), strict=False))
    return Comparison(
        (before[0], after[0]),
        old,
        new,
        [_verdict(old, new, place) for place in range(len(pairs))],
        _changes(old, new),
        (len(before[1]) - len(pairs), len(after[1]) - len(pairs)),
        *((tuple(one.in_words(raw) for one, raw in zip(unwrapped, came, strict=True)), came) if unwrapped else ()),
    )


def _verdict(before: Evaluated, after: Evaluated, place: int) -> str:
    was, is_now = before.alike[place] > 0, after.alike[place] > 0
    if was or is_now:
        return "right" if was and is_now else "broken" if was else "fixed"
    gain = after.closeness[place] - before.closeness[place]
    return "still wrong" if abs(gain) <= _NO_CHANGE else "better" if gain > 0 else "worse"


def _changes(before: Evaluated, after: Evaluated) -> list[Change]:
    # Drawn with one seed: the n-th drawing of one side is of the same samples as that of the other.
    drawn = [found.numbers.drawn_figures() for found in (before, after)]
    values = [found.numbers.figures() for found in (before, after)]
    changes = []
    for metric, canonical in _order():
        name = (CANONICAL if canonical else "") + metric.name
        if metric.reads == "drawing" and np.isnan(values[0][name]):  # nothing was drawn
            continue
        old, new = (None if np.isnan(side[name]) else float(side[name]) for side in values)
        differences = drawn[1][name] - drawn[0][name]
        if metric.yes_or_no:
            was, is_now = (found.numbers.column(name) > 0 for found in (before, after))
            p: float | None = mcnemar_p(int((was & ~is_now).sum()), int((~was & is_now).sum()))
            test = "McNemar"
        else:
            p, test = paired_p(differences), "bootstrap"
        difference = None if old is None or new is None else new - old
        spans = (interval(drawn[0][name]), interval(drawn[1][name]))
        changes.append(Change(metric, canonical, old, new, *spans, difference, interval(differences), p, test))
    return changes


def _order() -> list[tuple[Metric, bool]]:
    """Each metric, and whether it is of canonical tokens: those come before the raw ones, which depend on spelling."""
    first, *others = all_metrics().values()
    canonical = [(metric, True) for metric in (first, *others) if metric.of_both_spellings]
    return [(first, False), *canonical, *((metric, False) for metric in others)]


def confused(comparison: Comparison, kind: str) -> list[tuple[tuple[str, str], int, int]]:
    """(pair, times before, times after) of `confused` or `layout`, most frequent first; runaway rows left out."""
    sums: list[Counter[tuple[str, str]]] = [getattr(found, kind) for found in (comparison.before, comparison.after)]
    names = sorted({*sums[0], *sums[1]}, key=lambda name: (-max(sums[0][name], sums[1][name]), name))
    return [(name, sums[0][name], sums[1][name]) for name in names]


def words_of_p(p: float | None) -> str:
    """A p value as it is shown."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def as_text(comparison: Comparison, width: int) -> str:
    """The table of metrics, and what came of the rows."""
    columns = (Column("metric"), *(Column(t, "right") for t in ("before", "after", "change", "95 %", "p")))
    rows = [
        [
            change.words,
            change.metric.unit.value(change.before),
            change.metric.unit.value(change.after),
            change.metric.unit.difference(change.difference),
            change.metric.unit.interval(change.ci),
            words_of_p(change.p),
        ]
        for change in comparison.changes
    ]
    if comparison.as_they_came:
        rows.insert(1, ["  answers as they came", *comparison.as_they_came, "", "", ""])
    n = len(comparison.verdicts)
    notes = [f"{visible(clip(name, 80))}: {note[0].lower()}{note[1:]}" for name, note in comparison.notes]
    parts = [f"{count(n)} sample{'s' if n != 1 else ''} in both files", text_table(columns, rows, width=width)]
    parts.append("   ".join(f"{verdict} {count(comparison.counts[verdict])}" for verdict in VERDICTS))
    parts += notes
    for name, left in zip(comparison.names, comparison.unpaired, strict=True):
        if left:
            parts.append(f"left out: {count(left)} of {visible(clip(name, 80))} that the other file lacks")
    return "\n\n".join(parts)
