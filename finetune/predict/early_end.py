"""Ends a batch when most of its answers have ended. Imported where torch is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


class EarlyEnd:
    """A stopping criterion for transformers' `generate`: of one batch.

    ends: the tokens that end an answer. enough: the share of the rows whose end ends the batch. early: whether it ended
    so, before all rows had or the limit of tokens came.
    """

    def __init__(self, ends: Sequence[int], enough: float) -> None:
        self._ends, self._enough = list(ends), enough
        self._ended: Any = None
        self.early = False

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Called by `generate` after each token with all tokens so far: which rows are to end, rows × bool."""
        import torch

        last = torch.isin(input_ids[:, -1], torch.tensor(self._ends, device=input_ids.device))
        self._ended = last if self._ended is None else self._ended | last
        ended, rows = int(self._ended.sum()), len(last)
        self.early = math.ceil(self._enough * rows) <= ended < rows
        return torch.full_like(last, self.early)
