"""Ends a batch when most of its answers have ended. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


class EarlyEnd:
    """A stopping criterion for one batch in transformers' `generate`.

    ends: the tokens that end an answer. enough: the share of finished rows that ends the batch. early: whether the
    batch ended like this, before all rows had ended or reached the limit of tokens.
    """

    def __init__(self, ends: Sequence[int], enough: float) -> None:
        self._ends, self._enough = list(ends), enough
        self._ended: Any = None
        self.early = False

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Called by `generate` after each token with all tokens so far. Returns which rows to end, rows × bool."""
        import torch

        last = torch.isin(input_ids[:, -1], torch.tensor(self._ends, device=input_ids.device))
        self._ended = last if self._ended is None else self._ended | last
        ended, rows = int(self._ended.sum()), len(last)
        self.early = math.ceil(self._enough * rows) <= ended < rows
        return torch.full_like(last, self.early)
