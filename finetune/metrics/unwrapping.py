"""What was taken off answers before they were scored, and what they score as they came. The rules are `unwrap`'s."""

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

#: Share of the predictions that are wrapped from which a person who leaves them so is told.
_MANY = 0.02


@dataclass(frozen=True)
class Unwrapping:
    """One file's answers. rows: what is scored. came: as they came. done: whether what stood around them was taken off,
    else it was only counted. changed: how many it is or would be; rules: by rule, see `curate.predictions.unwrap`."""

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
        """`exprate_render_equal` of the answers as they came, in percent; None where that is what was scored.

        found: what was found of `rows`, or of some of them: those whose sample both files of a comparison have.
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
        """What metrics.json holds below `unwrapped`; `raw` is null where nothing was taken off."""
        return {"on": self.done, "n": self.changed, "rules": dict(self.rules.most_common()), "raw": raw}

    def in_words(self, raw: float | None) -> str:
        """A sentence without a full stop, or nothing: no answer, or hardly one that is left as it came, is wrapped."""
        if not self.changed or (not self.done and self.changed < _MANY * len(self.rows)):
            return ""
        rules = ", ".join(f"{name} {count(number)}" for name, number in self.rules.most_common())
        many = f"{count(self.changed)} of {things(len(self.rows), 'answer')}"
        if not self.done:
            are = "is" if self.changed == 1 else "are"
            return f"{many} {are} wrapped in something ({rules}), which counts as wrong: leave out --no-unwrap"
        was = "was" if self.changed == 1 else "were"
        figure = "" if raw is None else f"; as they came: {RENDER_EQUAL.name} {RENDER_EQUAL.unit.among_many(raw)} %"
        return f"{many} {was} unwrapped ({rules}){figure}"
