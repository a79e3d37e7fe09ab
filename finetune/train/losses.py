"""Lines of losses.jsonl: what is kept of a trainer's log, and which evaluation was the best. Writes no file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

#: What is kept of a log: what the same steps give again, no timings.
_KEPT = ("loss", "grad_norm", "learning_rate", "eval_loss")


def line_of(logs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The line of a log, which has a `step`, or None where it holds no loss. What is no finite number becomes null."""
    if "loss" not in logs and "eval_loss" not in logs:
        return None
    kept = {name: float(logs[name]) for name in _KEPT if name in logs}
    numbers = {name: value if math.isfinite(value) else None for name, value in kept.items()}
    return {"step": logs["step"], "epoch": round(float(logs.get("epoch", 0)), 4), **numbers}


def evaluations(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """(step, loss) of every evaluation in a trainer's history or the lines of losses.jsonl."""
    return [(line["step"], float(line["eval_loss"])) for line in history if line.get("eval_loss") is not None]


def best_of(losses: Sequence[tuple[int, float]], min_delta: float) -> tuple[int, int]:
    """The step of the best evaluation, and how many came after it. Better is lower by more than `min_delta`."""
    best, since, lowest = losses[0][0], -1, math.inf
    for step, loss in losses:
        since += 1
        if loss < lowest - (min_delta if lowest < math.inf else 0):
            best, since, lowest = step, 0, loss
    return best, since
