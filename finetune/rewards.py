"""Rewards for reinforcement learning from LaTeX answers, in the signature that TRL's `GRPOTrainer` calls.

    from finetune import rewards
    GRPOTrainer(..., reward_funcs=[rewards.render_equal, rewards.cdm, rewards.parses, rewards.length])

Each takes `completions`, a list of texts or of conversations whose last message is the answer, and the columns of the
data set as keywords. The ground truth is the first of TRUTHS that the data set has. Each returns a number from 0 to 1
for every completion. Text around a formula is removed first (docs/prompts.md). An empty answer gets 0. docs/grpo.md has
a recipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.predictions.rows import RUNAWAY_MORE, Prediction
from curate.predictions.unwrap import unwrap_rows
from finetune.metrics.each.cdm import drawn
from finetune.metrics.each.exprate_render_equal import looks
from finetune.metrics.each.parse_rate import readable
from finetune.metrics.metric import Numbers
from finetune.metrics.pairs import Pairs, read_pairs

__all__ = ["TRUTHS", "cdm", "length", "parses", "render_equal"]

#: The columns for the ground truth, in the order in which they are tried.
TRUTHS = ("label", "ground_truth", "solution", "answer", "gt")

#: One answer: its text, or a conversation from TRL, `[{"role": "assistant", "content": …}]`.
Completion = str | Sequence[Mapping[str, Any]]


def render_equal(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """1 if the answer renders like the ground truth (equal visual keys, docs/visual-key.md), else 0. Draws nothing.

    Raises ValueError if no column of TRUTHS was passed, or one of a different length.
    """
    pairs = _pairs(completions, columns)
    return _given(pairs, looks(pairs)["alike"])


def cdm(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """F1 of the marks that are drawn at corresponding places in answer and truth (docs/metrics.md, `cdm`).

    Draws only pairs that look different. Raises ValueError as `render_equal` does.
    """
    pairs = _pairs(completions, columns)
    return _given(pairs, drawn(pairs)["detected"])


def parses(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """1 if LaTeX would accept the answer (docs/metrics.md, `parse_rate`), else 0. Needs no truth."""
    pairs = _pairs(completions, {**columns, TRUTHS[0]: [""] * len(completions)})
    return _given(pairs, readable(pairs)["parsed"])


def length(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """1 for an answer with no more tokens than the truth, falling linearly to 0 at the length of one that ran away.

    Rewards for appearance alone don't teach a model to stop if it can't read a formula. Raises ValueError as
    `render_equal` does.
    """
    pairs = _pairs(completions, columns)
    rewards = []
    for truth, answer in pairs.canonical:
        most = max(2 * len(truth), len(truth) + RUNAWAY_MORE)
        rewards.append(max(0.0, min(1.0, (most - len(answer)) / (most - len(truth)))))
    return _given(pairs, rewards)


def _given(pairs: Pairs, rewards: Numbers | Sequence[float]) -> list[float]:
    """The rewards as floats; 0 for an empty answer."""
    return [float(reward) if answer.strip() else 0.0 for answer, reward in zip(pairs.predictions, rewards, strict=True)]


def _pairs(completions: Sequence[Completion], columns: Mapping[str, Any]) -> Pairs:
    name = next((name for name in TRUTHS if columns.get(name) is not None), None)
    if name is None:
        raise ValueError(
            f"no column has the ground truth (tried {', '.join(TRUTHS)}); the data set has: {', '.join(columns)}"
        )
    truths = columns[name]
    if len(truths) != len(completions):
        raise ValueError(f"{name}: {len(truths)} truths for {len(completions)} completions")
    rows = [
        Prediction(str(place), truth, _text(completion))
        for place, (truth, completion) in enumerate(zip(truths, completions, strict=True))
    ]
    return read_pairs((row.gt, row.pred) for row in unwrap_rows(rows)[0])


def _text(completion: Completion) -> str:
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"] if completion else ""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if isinstance(part.get("text"), str))
