"""Which evaluation was the best, and when enough have followed it."""

from __future__ import annotations

import pytest

from finetune.train.losses import Evaluation, best_of, evaluations, line_of


@pytest.mark.parametrize(
    ("losses", "min_delta", "best", "since"),
    [
        ([4.0], 0.0, 10, 0),
        ([4.0, 3.0, 2.0], 0.0, 30, 0),
        ([4.0, 2.0, 3.0, 2.0], 0.0, 20, 2),  # an equal loss is not better
        ([4.0, 3.9, 3.8], 0.5, 10, 2),
        ([4.0, 3.9, 3.4], 0.5, 30, 0),
        ([float("nan"), 4.0, float("nan")], 0.0, 20, 1),
    ],
)
def test_the_best_evaluation(losses: list[float], min_delta: float, best: int, since: int) -> None:
    judged = [Evaluation(10 * place, loss) for place, loss in enumerate(losses, 1)]
    found, after = best_of(judged, min_delta)
    assert (found.step, after) == (best, since)


def test_lines_hold_what_the_same_steps_give_again() -> None:
    line = line_of({"step": 5, "epoch": 0.123456, "loss": 2.0, "grad_norm": float("inf"), "eval_runtime": 3.0})
    assert line == {"step": 5, "epoch": 0.1235, "loss": 2.0, "grad_norm": None}
    assert line_of({"step": 9, "train_runtime": 3.0, "train_loss": 1.0}) is None


def test_evaluations_are_picked_out_of_a_history() -> None:
    assert evaluations([{"step": 1, "loss": 2.0}, {"step": 1, "eval_loss": 3}]) == [Evaluation(1, 3.0)]
