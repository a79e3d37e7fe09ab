"""A trainer whose validation loss is that of the tokens, however they are batched. Imported after unsloth only.

transformers takes the mean of each batch, and of these means, so that a token of a short answer weighs more in a batch
with long ones: the same weights have another loss with another `eval.batch_size`.
"""

from __future__ import annotations

from typing import Any

import torch
from trl import SFTTrainer

#: What no token is learnt from has as its label.
IGNORED = -100


class TokenLossTrainer(SFTTrainer):  # type: ignore[misc,unused-ignore]
    """SFTTrainer, but `eval_loss` is the sum of the losses of all answer tokens, divided by their number."""

    def prediction_step(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        # The first label has nothing before it that could predict it.
        tokens = (inputs["labels"][:, 1:] != IGNORED).sum()
        loss, *rest = super().prediction_step(model, inputs, *arguments, **options)
        self._summed += torch.stack([loss.detach().double() * tokens, tokens.double()]).to(self._summed)
        return (loss, *rest)

    def evaluation_loop(self, *arguments: Any, **options: Any) -> Any:
        self._summed = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        found = super().evaluation_loop(*arguments, **options)
        loss, tokens = self.accelerator.reduce(self._summed, "sum").tolist()
        prefix = options.get("metric_key_prefix", "eval")
        if tokens and f"{prefix}_loss" in found.metrics:
            found.metrics[f"{prefix}_loss"] = loss / tokens
        return found
