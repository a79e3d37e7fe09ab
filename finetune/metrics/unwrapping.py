"""What was removed from answers before scoring, and the score of the raw answers. The rules are in `unwrap`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from curate.base.tables import count, things
from curate.predictions.rows import Prediction
from curate.predictions.unwrap import unwrap_rows
from finetune.metrics.each.exprate_render_equal import RENDER_EQUAL
from finetune.metrics.evaluation import Evaluated, looks_alike

#: The share of wrapped predictions from which a person who doesn't unwrap them is told.
_MANY = 0.02


@dataclass(frozen=True)
class Unwrapping:
    """The answers of one file.

    rows: the scored answers. came: the raw answers. done: whether the text around them was removed or only counted.
    changed: how many answers this concerns. rules: the same by rule, see `curate.predictions.unwrap`.
    """

    rows: Sequence[Prediction]
    came: Sequence[Prediction]
    done: bool
    changed: int
    rules: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, came: Sequence[Prediction], done: bool) -> Unwrapping:
        rows, rules, changed = unwrap_rows(came)
        return cls(rows if done else came, came, done, changed, rules)

    def raw(self, found: Evaluated, workers: int = 1) -> float | None:
        """`exprate_render_equal` of the raw answers, in percent; None if these were scored.

        found: the evaluation of `rows`, or of those whose sample is in both files of a comparison.
        """
        if not (self.done and self.changed):
            return None
        came = {new.sample_id: old.pred for old, new in zip(self.came, self.rows, strict=True) if old.pred != new.pred}
        alike = found.alike.copy()
        places = [place for place, row in enumerate(found.rows) if row.sample_id in came]
        if places:
            rows = [found.rows[place] for place in places]
            alike[places] = looks_alike([(row.gt, came[row.sample_id]) for row in rows], workers=workers)
        return float(100 * alike.mean())

    def as_json(self, raw: float | None) -> dict[str, Any]:
        """The entry `unwrapped` in metrics.json; `raw` is null if nothing was removed."""
        return {"on": self.done, "n": self.changed, "rules": dict(self.rules.most_common()), "raw": raw}

    def in_words(self, raw: float | None) -> str:
        """A sentence without a full stop; empty if no answers are wrapped, or only a few that were left as they are."""
        if not self.changed or (not self.done and self.changed < _MANY * len(self.rows)):
            return ""
        rules = ", ".join(f"{name} {count(number)}" for name, number in self.rules.most_common())
        many = f"{count(self.changed)} of {things(len(self.rows), 'answer')}"
        if not self.done:
            are = "is" if self.changed == 1 else "are"
            return f"{many} {are} wrapped ({rules}), which counts as wrong: leave out --no-unwrap"
        was = "was" if self.changed == 1 else "were"
        figure = "" if raw is None else f"; as they came: {RENDER_EQUAL.name} {RENDER_EQUAL.unit.among_many(raw)} %"
        return f"{many} {was} unwrapped ({rules}){figure}"
