"""Trains adapters on checked pairs, into a run folder. Reads no settings and checks no samples: see preflight.

There is only one code path. Tests on a CPU differ only in values of the settings, which docs/training-cpu.md lists.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_all_start_methods
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from curate.base.atomic_files import new_file
from curate.base.errors import UserError
from finetune.models.families import family_of_model
from finetune.models.hardware import has_bfloat16, processes
from finetune.models.load import add_lora, import_library, load_model
from finetune.models.quiet import quiet
from finetune.settings.config import Config
from finetune.train.estimate import epoch_steps, steps_of
from finetune.train.losses import Evaluation, best_of, evaluations
from finetune.train.nonfinite import LEFT_OUT, LeftOut, advice
from finetune.train.run_folder import LAST, RunFolder

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL import Image

#: Messages of safetensors and torch about a full disk. Torch doesn't say why a write failed.
_FULL_DISK = ("No space left on device", "PytorchStreamWriter failed writing", "unexpected pos")

Progress = Callable[[str, int, int], None]
Note = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """The results of a training. best: the best evaluation, None without any."""

    steps: int
    best: Evaluation | None
    #: Why it ended before the last step, or "".
    ended: str


def arguments(config: Config, folder: Path, steps: int, epoch: int, *, evaluate: bool) -> dict[str, Any]:
    """The arguments of trl's SFTConfig. steps: in the whole training, for the warm-up; epoch: in one epoch."""
    train, every = config.train, config.eval.every
    if every is not None:
        every = max(round(every * epoch), 1) if every < 1 else int(every)
    workers = train.workers if "fork" in get_all_start_methods() else 0
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": train.batch_size,
        "per_device_eval_batch_size": config.eval.batch_size,
        "gradient_accumulation_steps": train.accumulation,
        "num_train_epochs": train.epochs,
        "max_steps": train.max_steps or -1,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.schedule,
        "warmup_steps": math.ceil(train.warmup * steps),
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "optim": train.optimizer,
        "seed": train.seed,
        "data_seed": train.seed,
        "gradient_checkpointing": config.model.checkpointing != "none",
        "logging_strategy": "steps",
        "logging_steps": train.log_every,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": train.save_every,
        "save_total_limit": train.keep,
        "eval_strategy": "no" if not evaluate else "steps" if every else "epoch",
        "eval_steps": every,
        "prediction_loss_only": True,
        "dataloader_num_workers": workers,
        # Processes can only inherit the collator's parts: they can't be sent to them, as Python 3.14 would.
        "dataloader_multiprocessing_context": "fork" if workers else None,
        "ddp_find_unused_parameters": False,
        "report_to": list(train.report_to) or "none",
        "disable_tqdm": True,
        # The collator formats the rows.
        "remove_unused_columns": False,
        "dataset_text_field": "",
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "max_length": config.data.max_length,
    }


def train(
    config: Config,
    folder: RunFolder,
    rows: Dataset,
    validation: Dataset | None,
    *,
    lengths: Sequence[int] | None = None,
    checkpoint: Path | None = None,
    loaded: tuple[Any, Any] | None = None,
    progress: Progress = lambda stage, done, of: None,
    note: Note = lambda line: None,
) -> Trained:
    """Train on `rows`, all of which fit the model, and write the best and last adapters to the run folder.

    validation: rows whose loss is measured; some are predicted and drawn. lengths: numbers of tokens of `rows`, for
    train.group_by_length. checkpoint: where to continue. loaded: the model and processor of `load_for_training`; None
    to load them here. progress: called with (stage, steps done, steps in total). note: called with a line at each
    evaluation.
    """
    import_library(config.model)
    from transformers import PrinterCallback
    from trl import SFTConfig

    from finetune.train.callbacks import Watch, save_adapter
    from finetune.train.collator import make_collator
    from finetune.train.trainer import FormulaTrainer

    model, processor = loaded or load_for_training(config)
    if validation is not None and not len(validation):
        validation = None
    collator = make_collator(model, processor, config)
    steps, epoch = (count(len(rows), config, processes()) for count in (steps_of, epoch_steps))

    def save(name: str) -> None:
        save_adapter(model, processor, folder.path, name)

    asked = validation if config.eval.samples and validation is not None else None
    ask = None if asked is None else _Samples(config, folder, model, processor, asked)
    watch = Watch(folder, config, save, ask, progress, note)
    with quiet():
        trainer = FormulaTrainer(
            model=model,
            processing_class=processor,
            data_collator=collator,
            train_dataset=rows,
            eval_dataset=None if validation is None else _some(validation, config.eval.limit, config.train.seed),
            args=SFTConfig(
                **arguments(config, folder.checkpoints, steps, epoch, evaluate=validation is not None),
                **({} if hasattr(model, "for_training") else _precision(model)),
            ),
            callbacks=[watch],
            left_out=_left_out(config, folder, model, note),
            lengths=lengths if config.train.group_by_length else None,
        )
        trainer.remove_callback(PrinterCallback)
        if trainer.args.world_size != processes():
            raise UserError(
                f"started as {processes()} processes, but only {trainer.args.world_size} would train together, and the "
                "others repeat the same; does every process have its own GPU?"
            )
        with _end_told(trainer.state):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        judged = evaluations(trainer.state.log_history)
        best = best_of(judged, config.eval.min_delta)[0] if judged else None
        outcome = Trained(trainer.state.global_step, best, watch.ended)
        if trainer.is_world_process_zero():
            with _end_told(trainer.state):
                save(LAST)
                watch.plot()
                folder.set_state(
                    "finished",
                    steps=outcome.steps,
                    best_step=best and best.step,
                    best_loss=best and best.loss,
                    best_score=best and best.score,
                    ended=outcome.ended or "the last step",
                )
    return outcome


def _precision(model: Any) -> dict[str, Any]:
    """Arguments of trl that Unsloth sets itself: mixed precision to match the model's weights."""
    import torch

    return {
        "bf16": model.dtype == torch.bfloat16,
        "fp16": model.dtype == torch.float16,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
    }


def _left_out(config: Config, folder: RunFolder, model: Any, note: Note) -> LeftOut:
    dtype = str(model.dtype).removeprefix("torch.")
    told = advice(dtype, has_bfloat16(), config.train.learning_rate)
    return LeftOut(folder.path / LEFT_OUT, config.train.max_left_out, told, note)


@contextmanager
def _end_told(state: Any) -> Iterator[None]:
    """Inside, errors that a person can do something about become UserError. state: the trainer's."""
    try:
        yield
    except Exception as error:
        why = _why_it_ended(error, state.global_step)
        if why is None:
            raise
        raise UserError(why) from error


def _why_it_ended(error: Exception, step: int) -> str | None:
    """What the user can do about an error that ended a training after `step` steps; None for unknown errors."""
    from finetune.predict.engines import out_of_memory

    if out_of_memory(error):
        return (
            f"out of GPU memory after step {step}. If it was evaluating, use --resume with a lower eval.batch_size. "
            "Otherwise start again (out=FOLDER) with a lower train.batch_size (and a higher train.accumulation), "
            "data.max_pixels, data.max_length or lora.r"
        )
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    if full or any(words in str(error) for words in _FULL_DISK):
        return (
            f"the disk is full after step {step}; make room, and --resume continues from the last complete checkpoint"
        )
    # In processes that open images, a traceback precedes the last line. Errors of safetensors aren't OSErrors.
    if isinstance(error, OSError) or "(os error " in str(error):
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return f"ended after step {step}: {last}; fix this, and --resume continues from the last complete checkpoint"
    return None


def load_for_training(config: Config) -> tuple[Any, Any]:
    """The model, with adapters on the parts that the settings name, and its processor."""
    model, processor = load_model(
        config.model,
        max_length=config.data.max_length,
        min_pixels=config.data.min_pixels,
        max_pixels=config.data.max_pixels,
        seed=config.train.seed,
    )
    model = add_lora(model, config.lora, checkpointing=config.model.checkpointing, seed=config.train.seed)
    return model, processor


def _some(rows: Dataset, limit: int | None, seed: int) -> Dataset:
    """At most `limit` rows, the same ones for the same seed, in the order of the data set."""
    if limit is None or len(rows) <= limit:
        return rows
    return rows.select(sorted(Random(seed).sample(range(len(rows)), limit)))


class _Samples:
    """Asks the model about some samples during training and writes the page. Then training continues."""

    def __init__(self, config: Config, folder: RunFolder, model: Any, processor: Any, validation: Dataset) -> None:
        from finetune.predict.questions import Questions

        self._config, self._folder, self._model, self._processor = config, folder, model, processor
        self._questions = Questions(
            _some(validation, config.eval.samples, config.train.seed),
            resize=config.data.resize,
            min_side=family_of_model(model).images.min_side,
        )

    def __call__(self, step: int, loss: float) -> tuple[float | None, int, int]:
        from finetune.metrics.pair_numbers import as_floats, measure
        from finetune.metrics.pairs import read_pairs
        from finetune.predict.engines import Asking, predict_rows
        from finetune.train.samples_page import build, look_alike

        side = self._processor.tokenizer.padding_side
        asking = Asking(batch_size=self._config.eval.batch_size, max_new_tokens=self._config.eval.max_new_tokens)
        images: dict[str, Image.Image] = {}

        def kept(sample_id: str, load: Callable[[], Image.Image]) -> Callable[[], Image.Image]:
            def opened() -> Image.Image:
                images[sample_id] = load()
                return images[sample_id]

            return opened

        rows = [replace(row, load=kept(row.sample_id, row.load)) for row in self._questions]
        try:
            answers = list(predict_rows(self._model, self._processor, rows, self._config.data.prompt, asking))
        finally:
            self._processor.tokenizer.padding_side = side
            self._model.for_training() if hasattr(self._model, "for_training") else self._model.train()
        place = {row.sample_id: at for at, row in enumerate(rows)}
        answers.sort(key=lambda answer: place[answer.sample_id])
        with new_file(self._folder.samples / f"step-{step:06d}.html") as temporary:
            temporary.write_bytes(build(step, loss, answers, images))
        by = self._config.eval.best_by
        score = None
        if by != "loss" and answers:
            numbers = measure(
                read_pairs((answer.gt, answer.pred) for answer in answers), "drawing" if by == "cdm" else "text"
            )
            score = as_floats(numbers.figures())[by]
        return score, sum(look_alike(answers)), len(answers)
