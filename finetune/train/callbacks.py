"""What happens beside the steps of a training: losses are written, samples asked, the best adapter kept.

Imported after unsloth only: transformers must not come first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from curate.base.atomic_files import new_file, new_folder
from curate.base.errors import UserError
from finetune.models.provenance import accompany, training_facts
from finetune.settings.config import Config
from finetune.train.loss_plot import losses_svg
from finetune.train.losses import best_of, evaluations, line_of
from finetune.train.run_folder import BEST, PLOT, RunFolder

Progress = Callable[[str, int, int], None]
Note = Callable[[str], None]


class Watch(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Writes the run folder while the training goes on. Only the first of several processes writes.

    save: writes the adapter as it is into the folder of that name. ask: predicts the samples after so many steps, with
    the loss on the validation set, and writes their page; returns how many look right, of how many.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: Config,
        save: Callable[[str], None],
        ask: Callable[[int, float], tuple[int, int]] | None,
        progress: Progress,
        note: Note,
    ) -> None:
        self._folder, self._config, self._save, self._ask = folder, config, save, ask
        self._progress, self._note = progress, note
        #: Why the training ended before its last step, or "".
        self.ended = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._folder.restart_losses(filter(None, map(line_of, state.log_history)))
            self._folder.set_state("training", steps=state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._progress("train", state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        line = line_of({**(logs or {}), "step": state.global_step})
        if line is None:
            return
        if state.is_world_process_zero:
            self._folder.add_loss(line)
        if "loss" in line and line["loss"] is None:
            raise UserError(
                f"the loss is no number any more at step {state.global_step}; a lower train.learning_rate or "
                "model.dtype=bfloat16 may help. The checkpoints before it are in the run folder"
            )

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        losses = evaluations(state.log_history)
        step, loss = losses[-1]
        best, since = best_of(losses, self._config.eval.min_delta)
        patience = self._config.eval.patience
        if patience is not None and since >= patience:
            self.ended = f"no better loss on the validation set in {since} evaluations"
            control.should_training_stop = True
        if not state.is_world_process_zero:
            return
        if best == step:
            self._save(BEST)
        told = f"step {step} of {state.max_steps}: loss on the validation set {loss:.4g}"
        if self._ask is not None:
            try:
                right, asked = self._ask(step, loss)
            except UserError as error:  # no memory, or an image that is gone: no reason to end a training
                told += f"; no page of samples: {str(error).partition(';')[0]}"
            else:
                told += f", {right} of {asked} samples look right"
        self.plot()
        self._note(told + (" (the best so far)" if best == step else ""))

    def plot(self) -> None:
        """Draw the losses that were written until now."""
        lines = self._folder.losses()
        train = [(line["step"], line["loss"]) for line in lines if line.get("loss") is not None]
        svg = losses_svg(train, evaluations(lines))
        with new_file(self._folder.path / PLOT) as temporary:
            temporary.write_text(svg + "\n", encoding="utf-8")


def save_adapter(model: Any, processor: Any, run: Path, name: str) -> None:
    """Write adapter, processor and what they were trained on into the folder `name` of a run, whole or not at all."""
    with new_folder(run / name, replace=True) as temporary:
        model.save_pretrained(temporary)
        processor.save_pretrained(temporary)
        accompany(temporary, training_facts(run))
