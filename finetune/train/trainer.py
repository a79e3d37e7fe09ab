"""trl's trainer with four additions. If unsloth is used, it must be imported before this module.

- The validation loss is the mean over tokens, however they are batched. transformers takes the mean of the means of
  batches, so that a token in a batch of short answers weighs more, and the loss depends on `eval.batch_size`.
- A batch whose loss isn't finite is named and left out: see `nonfinite`.
- Samples of similar length share a batch: see `lengths`.
- Adapters on 4-bit weights keep their precision, as with Unsloth. trl converts them to bfloat16, but not those of a
  checkpoint: a resumed training would go another way, and the scaler of float16 can't handle gradients in bfloat16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Trainer, TrainerCallback
from trl import SFTTrainer

from finetune.train.collator import IGNORED, NAMES
from finetune.train.lengths import LengthSampler
from finetune.train.nonfinite import LeftOut


class FormulaTrainer(SFTTrainer):  # type: ignore[misc,unused-ignore]
    """SFTTrainer with a loss over tokens. `eval_loss` is the sum of the losses of all answer tokens, divided by their
    number.

    left_out: records batches without a finite loss. lengths: of the training samples, if they are to be grouped.
    """

    def __init__(
        self, model: Any, *, left_out: LeftOut | None = None, lengths: Sequence[int] | None = None, **options: Any
    ) -> None:
        self._left_out, self._lengths = left_out, lengths
        #: The samples of the batches since the last step of the optimiser.
        self._names: list[str] = []
        self._last = 0.0
        self._summed = torch.zeros(2, dtype=torch.float64)
        adapters = [(weight, weight.data) for weight in model.parameters() if weight.requires_grad]
        super().__init__(model, **options)
        for weight, given in adapters:
            weight.data = given.to(weight.device)
        self.add_callback(_Gradients(self))

    def _get_train_sampler(self, *arguments: Any, **options: Any) -> Any:
        if self._lengths is None:
            return super()._get_train_sampler(*arguments, **options)
        together = self.args.per_device_train_batch_size * self.args.world_size
        return LengthSampler(self._lengths, together, self.args.seed)

    def training_step(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        self._names += inputs.pop(NAMES, [])
        return super().training_step(model, inputs, *arguments, **options)

    def compute_loss(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        names = self._names[-len(inputs["labels"]) :]
        found = self._loss(model, inputs, *arguments, **options)
        if not model.training or self._left_out is None or not isinstance(found, torch.Tensor):
            return found
        if torch.isfinite(found):
            self._last = float(found.detach())
            return found
        self._left_out.add(self.state.global_step + 1, names, "loss")
        # The batch contributes no gradient in any process, and is logged with the loss of the previous one.
        nothing = [weight.sum() * 0 for weight in model.parameters() if weight.requires_grad]
        return sum(nothing[1:], nothing[0]).to(found.dtype) + self._last

    def _loss(self, *arguments: Any, **options: Any) -> Any:
        # Without a GPU, trl's own loss can't be computed, since its output layer is written in Triton; that of
        # transformers can.
        if self.args.device.type == "cpu" and not hasattr(self.model, "for_training"):
            return Trainer.compute_loss(self, *arguments, **options)
        return super().compute_loss(*arguments, **options)

    def leave_out_gradients(self) -> None:
        """Drop the gradients, and the batches that they came from, if they aren't finite.

        A training in float16 scales its losses and handles its gradients itself.
        """
        names, self._names = self._names, []
        if self._left_out is None or getattr(self.accelerator, "scaler", None) is not None:
            return
        grads = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        if grads and not torch.isfinite(torch.nn.utils.get_total_norm(grads)):
            for grad in grads:
                grad.zero_()
            self._left_out.add(self.state.global_step + 1, names, "gradient")

    def prediction_step(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        names = inputs.pop(NAMES, [])
        # The first label has nothing before it to predict it from.
        tokens = (inputs["labels"][:, 1:] != IGNORED).sum()
        loss, *rest = super().prediction_step(model, inputs, *arguments, **options)
        if not torch.isfinite(loss) and self._left_out is not None:
            self._left_out.note(self.state.global_step, names)
            loss = torch.zeros_like(loss)
            tokens = tokens * 0
        self._summed += torch.stack([loss.detach().double() * tokens, tokens.double()]).to(self._summed)
        return (loss, *rest)

    def evaluation_loop(self, *arguments: Any, **options: Any) -> Any:
        self._summed = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        found = super().evaluation_loop(*arguments, **options)
        loss, tokens = self.accelerator.reduce(self._summed, "sum").tolist()
        prefix = options.get("metric_key_prefix", "eval")
        if f"{prefix}_loss" in found.metrics:
            found.metrics[f"{prefix}_loss"] = loss / tokens if tokens else float("nan")
        return found


class _Gradients(TrainerCallback):  # type: ignore[misc,unused-ignore]
    def __init__(self, trainer: FormulaTrainer) -> None:
        self._trainer = trainer

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._trainer.leave_out_gradients()
