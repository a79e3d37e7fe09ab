"""The lines of losses.jsonl, from the log of a trainer, and the choice of the best evaluation. Writes no files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The entries of a log to keep: those that the same steps reproduce, so no timings.
_KEPT = ("loss", "grad_norm", "learning_rate", "eval_loss", "eval_score")


@dataclass(frozen=True)
class Evaluation:
    """loss: on the validation set. score: of the predicted samples, by `eval.best_by`; None if unknown."""

    step: int
    loss: float
    score: float | None = None


def line_of(logs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The line for a log, with its `step`, or None if it has no loss. Numbers that aren't finite become null."""
    if "loss" not in logs and "eval_loss" not in logs:
        return None
    kept = {name: float(logs[name]) for name in _KEPT if name in logs}
    numbers = {name: value if math.isfinite(value) else None for name, value in kept.items()}
    return {"step": logs["step"], "epoch": round(float(logs.get("epoch", 0)), 4), **numbers}


def evaluations(history: Sequence[Mapping[str, Any]]) -> list[Evaluation]:
    """Every evaluation in a trainer's history or the lines of losses.jsonl."""
    return [
        Evaluation(line["step"], float(line["eval_loss"]), line.get("eval_score"))
        for line in history
        if line.get("eval_loss") is not None
    ]


def best_of(judged: Sequence[Evaluation], min_delta: float) -> tuple[Evaluation, int]:
    """The best evaluation, and how many came after it.

    A higher score is better; ties go to the lower loss. If an evaluation has no score, a loss is better if it is lower
    by more than `min_delta`.
    """
    best, since = judged[0], 0
    scored = all(one.score is not None for one in judged)
    for one in judged[1:]:
        since += 1
        new, old = ((1e300 if math.isnan(some.loss) else some.loss) for some in (one, best))
        if (one.score, -new) > (best.score, -old) if scored else new < old - min_delta:
            best, since = one, 0
    return best, since
