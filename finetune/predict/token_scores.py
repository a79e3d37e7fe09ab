"""Records the probability of each token that a model generates. Doesn't change the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ScoreKeeper:
    """A logits processor that keeps one number per token; `output_scores` would keep the whole vocabulary for each.

    For 8 answers of 512 tokens and Qwen's vocabulary of 152,000 tokens, that would be 2.5 GB of GPU memory.
    """

    def __init__(self) -> None:
        self._chosen: list[Any] = []  # one vector per step: the log-probability of the token that each row chose
        self._step: Any = None  # log-probabilities of the current step, before its token is chosen: rows × vocabulary

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Called by `generate` before each token with all tokens so far and the scores for the next."""
        if self._step is not None:
            self._chosen.append(self._step.gather(1, input_ids[:, -1:]).squeeze(1))
        self._step = scores.float().log_softmax(-1)
        return scores

    def scores(self, tokens: Any, ends: Sequence[int]) -> tuple[list[float], list[int], list[bool]]:
        """Mean log-probability, number of tokens, and whether one of `ends` came, for each row of `tokens`.

        tokens: the generated tokens, rows × steps. The token that ends an answer counts; the padding after it doesn't.
        """
        import torch

        if self._step is not None and len(self._chosen) < tokens.shape[1]:
            self._chosen.append(self._step.gather(1, tokens[:, -1:]).squeeze(1))
        self._step = None
        found = torch.stack(self._chosen, dim=1).cpu()  # rows × steps
        tokens = tokens.cpu()
        is_end = torch.isin(tokens, torch.tensor(list(ends), dtype=tokens.dtype))
        ended = is_end.any(dim=1)
        lengths = torch.where(ended, is_end.int().argmax(dim=1) + 1, tokens.shape[1])
        counted = torch.arange(tokens.shape[1])[None, :] < lengths[:, None]
        # Not `found * counted`, since the score of padding may be minus infinity.
        sums = torch.where(counted, found, torch.zeros(())).double().sum(dim=1)
        return (sums / lengths).tolist(), lengths.tolist(), ended.tolist()
