"""The command `finetune train`: its options and output. `finetune.train` does the work."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, say

if TYPE_CHECKING:
    from finetune.settings.config import Config
    from finetune.train.loop import Trained
    from finetune.train.plan import TrainingPlan
    from finetune.train.run_folder import RunFolder


@click.command(
    name="train",
    epilog="""
\b
CONFIG is a YAML file, or the name of a ready one: 8gb, 16gb, 24gb, 24gb-16bit, 40gb, 80gb,
multi-gpu (its first lines say how to start it). KEY=VALUE overrides it. data.path is a folder
that `curate export` wrote, a file or folder that `curate audit` reads, including conversations,
or an id on the hub. Both commands count the same samples.

\b
Every sample is checked before the first step. Samples that don't fit the model (a broken image, a
formula longer than data.max_length, …) are left out and listed with their reasons; with
data.unfit=error, the training doesn't start in that case. --dry-run stops there, counts tokens and
steps, and estimates memory and time. It needs no GPU.

\b
The run folder (`out`) has the settings, the versions, the losses as JSON lines and as a plot,
pages with the model's answers at each evaluation, the adapters best/ and last/, and
checkpoints. --resume continues a stopped training with the same data in the same order. With a
validation set, a training stops when its answers no longer improve.

\b
Examples:
  finetune train 16gb data.path=dataset --dry-run
  finetune train 16gb data.path=dataset out=runs/first
  finetune train my.yaml train.learning_rate=2e-4 lora.r=32 out=runs/second
  finetune train runs/second/config.yaml --resume
""",
)
@click.argument("config", metavar="CONFIG")
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what the training would do and need; write nothing.")
@click.option(
    "--measured",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --dry-run: estimate the time from the measurements of `gpu_check.py --lease FILE`.",
)
@click.option("--resume", is_flag=True, help="Continue the training in the run folder from its last checkpoint.")
def train(config: str, settings: tuple[str, ...], dry_run: bool, measured: Path | None, resume: bool) -> None:
    """Fine-tune a vision-language model on a data set."""
    from finetune.models.hardware import is_first_process, require_packages
    from finetune.settings.config import load_config
    from finetune.train.run_folder import RunFolder

    if measured is not None and not dry_run:
        raise UserError("--measured is for --dry-run; leave it out to train")
    loaded = load_config(config, settings)
    require_packages()
    if dry_run:
        from finetune.train import plan
        from finetune.train.measured import read_measured

        known = None if measured is None else read_measured(measured)
        with Bars() as bars:
            made = plan.make_plan(loaded, bars, known)
        say(plan.as_text(made))
        return
    folder = RunFolder(Path(loaded.out))
    _check(loaded, folder, resume)
    with folder.alone() if is_first_process() else nullcontext(), Bars() as bars:
        if is_first_process():
            _check_state(loaded, folder, resume)  # again, now that nobody else can start here
        _train(loaded, folder, resume, bars)


def _check(config: Config, folder: RunFolder, resume: bool) -> None:
    """Checks, before any work, that a training can be started or resumed in this folder and on this machine."""
    from finetune.models.hardware import is_first_process, require_reporters
    from finetune.models.load import require_device

    require_reporters(config.train.report_to)
    if is_first_process():
        folder.check_alone()
        _check_state(config, folder, resume)
    require_device(config.model)


def _check_state(config: Config, folder: RunFolder, resume: bool) -> None:
    if resume:
        folder.check_resume(config)
    else:
        folder.check_new()


def _train(config: Config, folder: RunFolder, resume: bool, bars: Bars) -> None:
    from finetune.models.families import family_of_model
    from finetune.models.hardware import is_first_process
    from finetune.models.load import how_loaded, import_library
    from finetune.train import loop, run_folder
    from finetune.train import plan as planning
    from finetune.train.preflight import verify

    talks = is_first_process()
    import_library(config.model)  # before `plan` imports transformers
    plan = planning.make_plan(config, bars if talks else None)
    if resume:
        _same_data(folder, plan)
    checkpoint = folder.checkpoint() if resume else None
    if talks:
        if resume:
            folder.tidy()
            folder.write_config(config)
        else:
            folder.begin(config, run_folder.environment(plan.hashes(), plan.answer_tokens()))
        folder.write_unfit({split.name: split.checked for split in plan.splits}, plan.data.first)
        click.echo(planning.as_text(plan), err=True)
        if resume:
            click.echo(f"resumed    from {checkpoint.name if checkpoint else 'the beginning'}", err=True)
    planning.check_policy(plan)
    model, processor = loop.load_for_training(config)
    if talks:
        folder.add_environment(**how_loaded(model))
    # Unsloth repairs tokenizers and templates while it loads a model, so the tokens may no longer be those that were
    # counted.
    verify(plan.train.rows, plan.train.checked, processor, config.data, family_of_model(model))
    try:
        trained = loop.train(
            config,
            folder,
            plan.train.fitting,
            plan.validation.fitting if plan.validation else None,
            lengths=plan.train.checked.tokens(),
            checkpoint=checkpoint,
            loaded=(model, processor),
            progress=bars if talks else _silent,
            note=_note,
        )
    except KeyboardInterrupt:
        if talks:
            click.echo(f"finetune: to continue in {folder.path}, run the same command with --resume", err=True)
        raise
    if talks:
        _say(folder, trained, config.eval.best_by)


def _note(line: str) -> None:
    """Prints a line on standard error in place of the progress bar, which comes back below it."""
    click.echo(("\r\x1b[K" if sys.stderr.isatty() else "") + line, err=True)


def _silent(stage: str, done: int, of: int) -> None:
    pass


def _same_data(folder: RunFolder, plan: TrainingPlan) -> None:
    """Raises UserError if the samples aren't those with which the training started."""
    import json

    from finetune.models.hardware import processes
    from finetune.train.run_folder import ENVIRONMENT

    file = folder.path / ENVIRONMENT
    try:
        environment = json.loads(file.read_text(encoding="utf-8"))
        known, many = environment["data_sha256"], environment["processes"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{file}: can't be read, so the data can't be compared; start a new training with out=FOLDER"
        ) from error
    if known != plan.hashes():
        raise UserError(
            f"{plan.config.data.path}: the samples aren't those that {folder.path} was trained on; start a new "
            "training with out=FOLDER"
        )
    if many != processes():
        raise UserError(
            f"{folder.path}: was trained by {many} processes together, but there are {processes()} now, which would "
            "make different steps; start it as before, or start a new training with out=FOLDER"
        )


def _say(folder: RunFolder, trained: Trained, by: str) -> None:
    """Print the results of a training."""
    from finetune.metrics.catalogue import all_metrics
    from finetune.train.run_folder import BEST, LAST, LOSSES, PLOT, SAMPLES, UNFIT

    why = f": {trained.ended}" if trained.ended else ""
    say(f"trained    {trained.steps} steps{why}")
    if trained.best is not None:
        best = trained.best
        score = "" if best.score is None else f", {by} on the samples {all_metrics()[by].unit.value(best.score)}"
        say(f"best       {folder.path / BEST}: step {best.step}, loss on the validation set {best.loss:.4g}{score}")
    say(f"last       {folder.path / LAST}")
    say(f"losses     {folder.path / PLOT}, {LOSSES}")
    if any(folder.samples.glob("*.html")):
        say(f"samples    {folder.path / SAMPLES}")
    if (folder.path / UNFIT).stat().st_size:
        say(f"left out   {folder.path / UNFIT}")
    adapter = folder.path / (BEST if trained.best else LAST)
    say(f"next       finetune predict {adapter} DATASET --out predictions.jsonl")
