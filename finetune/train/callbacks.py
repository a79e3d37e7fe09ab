"""Runs alongside a training: writes losses, predicts samples, keeps the best adapter.

Import this only after unsloth: transformers must not be imported first.
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
from rules import faults

Progress = Callable[[str, int, int], None]
Note = Callable[[str], None]


class Watch(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Writes the run folder during a training. Only the first of several processes writes.

    save: writes the current adapter to the folder with that name. ask: gets the step and the loss on the validation
    set, predicts the samples and writes their page; returns their score, how many look right, and of how many.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: Config,
        save: Callable[[str], None],
        ask: Callable[[int, float], tuple[float | None, int, int]] | None,
        progress: Progress,
        note: Note,
    ) -> None:
        self._folder, self._config, self._save, self._ask = folder, config, save, ask
        self._progress, self._note = progress, note
        #: Why the training ended before the last step, or "".
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
        if state.is_world_process_zero and "eval_loss" not in line:  # the entry of an evaluation waits for its score
            self._folder.add_loss(line)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        told = f"step {state.global_step} of {state.max_steps}: loss on the validation set "
        told += f"{state.log_history[-1]['eval_loss']:.4g}"
        score = None
        if state.is_world_process_zero and self._ask is not None:
            try:
                score, right, asked = self._ask(state.global_step, state.log_history[-1]["eval_loss"])
            # Not a reason to end a training: out of memory, a missing image, a full disk, a metric that raises.
            except (UserError, OSError) as error:
                told += f"; no page of samples: {str(error).partition(';')[0]}"
            except Exception as error:
                fault = faults.caught("the page of samples", error, of="page")
                told += f"; no page of samples: {fault.error}"
            else:
                told += f", {right} of {asked} samples look right"
        score = _of_the_first(score)
        if score is not None:
            state.log_history[-1]["eval_score"] = score  # a checkpoint keeps it for a resumed training
        judged = evaluations(state.log_history)
        best, since = best_of(judged, self._config.eval.min_delta)
        patience = self._config.eval.patience
        if patience is not None and since >= patience:
            self.ended = f"no better result on the validation set in {since} evaluations"
            control.should_training_stop = True
        if not state.is_world_process_zero:
            return
        if (line := line_of(state.log_history[-1])) is not None:
            self._folder.add_loss(line)
        if best == judged[-1]:
            self._save(BEST)
        self.plot()
        self._note(told + (" (the best so far)" if best == judged[-1] else ""))

    def plot(self) -> None:
        """Draw the losses that were written so far."""
        lines = self._folder.losses()
        train = [(line["step"], line["loss"]) for line in lines if line.get("loss") is not None]
        judged = evaluations(lines)
        best = best_of(judged, self._config.eval.min_delta)[0].step if judged else None
        svg = losses_svg(train, [(one.step, one.loss) for one in judged], best)
        with new_file(self._folder.path / PLOT) as temporary:
            temporary.write_text(svg + "\n", encoding="utf-8")


def _of_the_first(score: float | None) -> float | None:
    """The score that the first process has: all processes must stop or continue together."""
    import torch.distributed as together

    if not (together.is_available() and together.is_initialized()):
        return score
    held = [score]
    together.broadcast_object_list(held, src=0)
    return held[0]


def save_adapter(model: Any, processor: Any, run: Path, name: str) -> None:
    """Write adapter, processor and provenance to the folder `name` of a run, completely or not at all."""
    with new_folder(run / name, replace=True) as temporary:
        model.save_pretrained(temporary)
        processor.save_pretrained(temporary)
        accompany(temporary, training_facts(run))
