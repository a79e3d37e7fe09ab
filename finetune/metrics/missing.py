"""Says how many answers are missing (null or empty), and how they count. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curate.base.tables import count, share
from curate.predictions.rows import Prediction
from finetune.metrics.pair_numbers import CANONICAL, PairNumbers

#: The metrics that accept some missing answers: an empty one is at most three tokens away from a short label.
_LENIENT = ("le1", "le2", "le3")


def missing(rows: Sequence[Prediction]) -> int:
    """The number of answers that are null, empty or only white space."""
    return sum(not row.pred.strip() for row in rows)


def missing_note(rows: Sequence[Prediction], numbers: PairNumbers) -> str | None:
    """A sentence or two for the rows of an evaluation, without the last full stop; None if no answer is missing."""
    number = missing(rows)
    if not number:
        return None
    said = f"{count(number)} of {count(len(rows))} answers ({share(number, len(rows))}) "
    said += "is missing (null or empty) and counts" if number == 1 else "are missing (null or empty) and count"
    gone = np.fromiter((not row.pred.strip() for row in rows), np.bool_, len(rows))
    raw, canonical = (
        max(int(numbers.column(kind + name)[gone].sum()) for name in _LENIENT) for kind in ("", CANONICAL)
    )
    if not raw and not canonical:
        return f"{said} as wrong"
    return (
        f"{said} as wrong, except in le1, le2 and le3: these accept a missing answer if the label has at most 1, 2 or "
        f"3 tokens. le3 accepts {count(raw)} of them in raw tokens and {count(canonical)} in canonical tokens"
    )
