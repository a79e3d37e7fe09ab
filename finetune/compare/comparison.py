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
from finetune.metrics import strings
from finetune.metrics.evaluation import CDM_METRICS, Evaluated, Progress, evaluate_all, of_sums, spacing_note
from finetune.metrics.intervals import drawn_sums, interval, mcnemar_p, paired_p
from finetune.metrics.scoring import STRING_METRICS
from finetune.metrics.summary import SHOWN, figure, is_share, span

#: What came of a row, in the order they are told. fixed: wrong before, right after (right: looks as the truth does);
#: broken: the other way round; better and worse: wrong in both, by the mean of structure and symbols.
VERDICTS = ("fixed", "broken", "better", "worse", "still wrong", "right")
#: A change of the mean of structure and symbols that is none.
_NO_CHANGE = 1e-9
_WIDTH = len(strings.COLUMNS)
#: Where a metric that is a share has its 0 or 1 in `Evaluated.numbers`.
_YES_OR_NO = {
    **{name: place for place, name in enumerate(("exprate", "le1", "le2", "le3"))},
    **{f"canonical/{name}": _WIDTH + place for place, name in enumerate(("exprate", "le1", "le2", "le3"))},
    "exprate_render_equal": 2 * _WIDTH,
    "parse_rate": 2 * _WIDTH + 1,
    "exprate_cdm": 2 * _WIDTH + 5,
}


@dataclass(frozen=True)
class Change:
    """One metric. `difference` is after − before with its 95 % interval; `p` is two-sided, of `test`."""

    name: str
    before: float | None
    after: float | None
    before_ci: list[float] | None
    after_ci: list[float] | None
    difference: float | None
    ci: list[float] | None
    p: float | None
    test: str

    @property
    def plain_name(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def words(self) -> str:
        """Its name as it is shown: of strings both as they stand (raw) and in canonical spelling."""
        name = self.plain_name
        kind = "canonical" if "/" in self.name else "raw" if name in STRING_METRICS else ""
        return f"{kind} {name}".strip()

    @property
    def better(self) -> bool | None:
        """Did it change for the better? None where p ≥ 0.05: it may be chance."""
        if self.p is None or self.p >= 0.05 or not self.difference:
            return None
        return (self.difference < 0) == (self.plain_name == "cer")


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

    @property
    def notes(self) -> list[tuple[str, str]]:
        """(name of the file, what to know of its figures)."""
        told = ((name, spacing_note(one)) for name, one in zip(self.names, (self.before, self.after), strict=True))
        return [(name, note) for name, note in told if note is not None]

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
) -> Comparison:
    """Compare (name, rows) with (name, rows); the others as in `evaluate`.

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
    return Comparison(
        (before[0], after[0]),
        old,
        new,
        [_verdict(old, new, place) for place in range(len(pairs))],
        _changes(old, new),
        (len(before[1]) - len(pairs), len(after[1]) - len(pairs)),
    )


def closeness(found: Evaluated, place: int) -> float:
    """How near a prediction comes to its truth, from 0 to 1."""
    one = found.compared[place]
    return (one.structure + one.symbols) / 2


def _verdict(before: Evaluated, after: Evaluated, place: int) -> str:
    was, is_now = before.scored.alike[place] > 0, after.scored.alike[place] > 0
    if was or is_now:
        return "right" if was and is_now else "broken" if was else "fixed"
    gain = closeness(after, place) - closeness(before, place)
    return "still wrong" if abs(gain) <= _NO_CHANGE else "better" if gain > 0 else "worse"


def _changes(before: Evaluated, after: Evaluated) -> list[Change]:
    # Drawn with one seed: the n-th drawing of one side is of the same samples as that of the other.
    drawn = [of_sums(drawn_sums(found.numbers)) for found in (before, after)]
    values = [of_sums(found.numbers.sum(axis=0)) for found in (before, after)]
    # Canonical ones after the headline: raw ones depend on how a model spells.
    order = [SHOWN[0], *(name for name in values[0] if "/" in name), *SHOWN[1:]]
    changes = []
    for name in order:
        if name in CDM_METRICS and np.isnan(values[0][name]):
            continue
        old, new = (None if np.isnan(side[name]) else float(side[name]) for side in values)
        differences = drawn[1][name] - drawn[0][name]
        if name in _YES_OR_NO:
            was, is_now = (found.numbers[:, _YES_OR_NO[name]] > 0 for found in (before, after))
            p: float | None = mcnemar_p(int((was & ~is_now).sum()), int((~was & is_now).sum()))
            test = "McNemar"
        else:
            p, test = paired_p(differences), "bootstrap"
        difference = None if old is None or new is None else new - old
        spans = (interval(drawn[0][name]), interval(drawn[1][name]))
        changes.append(Change(name, old, new, *spans, difference, interval(differences), p, test))
    return changes


def confused(comparison: Comparison, kind: str) -> list[tuple[tuple[str, str], int, int]]:
    """(pair, times before, times after) of `confused` or `layout`, most frequent first; runaway rows left out."""
    sums = []
    for found in (comparison.before, comparison.after):
        total: Counter[tuple[str, str]] = Counter()
        for one, ran in zip(found.compared, found.runaway, strict=True):
            if not ran:
                total.update(getattr(one, kind))
        sums.append(total)
    names = sorted({*sums[0], *sums[1]}, key=lambda name: (-max(sums[0][name], sums[1][name]), name))
    return [(name, sums[0][name], sums[1][name]) for name in names]


def words_of_p(p: float | None) -> str:
    """A p value as it is shown."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def words_of_difference(change: Change) -> str:
    """A difference as it is shown: percentage points, or the plain number."""
    if change.difference is None:
        return "–"
    return f"{change.difference:+.2f}" if is_share(change.plain_name) else f"{change.difference:+.4f}"


def as_text(comparison: Comparison, width: int) -> str:
    """The table of metrics, and what came of the rows."""
    columns = (Column("metric"), *(Column(t, "right") for t in ("before", "after", "change", "95 %", "p")))
    rows = [
        [
            change.words,
            figure(change.plain_name, change.before),
            figure(change.plain_name, change.after),
            words_of_difference(change),
            span(change.plain_name, change.ci),
            words_of_p(change.p),
        ]
        for change in comparison.changes
    ]
    n = len(comparison.verdicts)
    notes = [f"{visible(clip(name, 80))}: {note[0].lower()}{note[1:]}" for name, note in comparison.notes]
    parts = [f"{count(n)} sample{'s' if n != 1 else ''} in both files", text_table(columns, rows, width=width)]
    parts.append("   ".join(f"{verdict} {count(comparison.counts[verdict])}" for verdict in VERDICTS))
    parts += notes
    for name, left in zip(comparison.names, comparison.unpaired, strict=True):
        if left:
            parts.append(f"left out: {count(left)} of {visible(clip(name, 80))} that the other file lacks")
    return "\n\n".join(parts)
