"""Plans a training before its first step: samples, tokens, steps, memory, time. Loads no weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.base.errors import UserError
from curate.base.leftovers import restore
from curate.base.tables import count, things
from finetune.data.pairs import read_pairs
from finetune.data.sources import Pairs
from finetune.models.adapters import adapters_of, base_of
from finetune.models.families import Family, family_of
from finetune.models.hardware import gpus, processes
from finetune.models.hub import adapter_folder
from finetune.models.load import load_processor
from finetune.models.quiet import quiet
from finetune.models.reach import check_reachable
from finetune.models.shapes import ModelShape
from finetune.settings.config import Config, DataConfig
from finetune.train.estimate import Estimate, adapter_weights, estimate, steps_of
from finetune.train.measured import Measured
from finetune.train.preflight import REASONS, CheckedSplit, check, is_verified
from finetune.train.run_folder import data_sha256

if TYPE_CHECKING:
    from datasets import Dataset

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Split:
    """One split of the data: its name, its rows, and the results of checking them."""

    name: str
    rows: Dataset = field(repr=False)
    checked: CheckedSplit

    @property
    def fitting(self) -> Dataset:
        """The rows that fit the model."""
        return self.rows.select(self.checked.fitting)

    def sha256(self) -> str:
        return data_sha256(self.rows, self.checked.fitting)


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that is known about a training before it starts."""

    config: Config
    train: Split
    validation: Split | None
    shape: ModelShape
    steps: int
    estimate: Estimate
    #: The data set as read, with its unusable rows.
    data: Pairs
    #: Measurements of a GPU with such a model, if there are any.
    measured: Measured | None = None

    @property
    def splits(self) -> list[Split]:
        return [self.train, *([self.validation] if self.validation else [])]

    def hashes(self) -> dict[str, str]:
        """Hashes of the samples for training and evaluation, by split."""
        return {split.name: split.sha256() for split in self.splits}

    def answer_tokens(self) -> int:
        """The tokens of the longest label in training."""
        frame = self.train.checked.frame
        return int(frame.filter(frame["reason"].is_null())["answer_tokens"].max() or 0)  # type: ignore[arg-type]


def make_plan(config: Config, progress: Progress | None = None, measured: Measured | None = None) -> TrainingPlan:
    """Read the data, check every sample, and estimate steps, memory and time, from `measured` if given.

    Raises UserError if the data or the model can't be read, and if no sample fits.
    """
    check_reachable(config.model.name)
    data = read_pairs(config.data.path, config.data.train, config.data.images, config.data.columns)
    train = data.rows
    name = config.data.validation
    validation = _validation(config.data, name) if name is not None else None
    if validation is not None and _same(train, validation):
        raise UserError(
            f"{config.data.path}: its {config.data.train!r} and {name!r} are the same samples, and a loss on the "
            "training data says nothing; give each line its `split`, or set data.validation=null"
        )
    train = _limited(train, config.data.limit)
    family = family_of(config.model.name, config.model.revision)
    processor = load_processor(config.model, min_pixels=config.data.min_pixels, max_pixels=config.data.max_pixels)
    splits = [
        _split(split, rows, processor, config, family, progress)
        for split, rows in ((config.data.train, train), (name, validation))
        if split is not None and rows is not None
    ]
    first = splits[0].checked
    if not first.fitting:
        none = f"; and {count(data.left_out)} rows are unusable: {data.counted()}" if data.left_out else ""
        raise UserError(f"{config.data.path}: no sample of {splits[0].name!r} fits the model: {_reasons(first)}{none}")
    shape = _shape(config, family)
    fit = first.frame.filter(first.frame["reason"].is_null())
    steps = steps_of(len(fit), config, processes())
    lengths = list(fit.select("tokens", "image_tokens").iter_rows())
    made = estimate(shape, config, lengths, steps, processes())
    second = splits[1] if len(splits) > 1 else None
    return TrainingPlan(config, splits[0], second, shape, steps, made, data, measured)


def check_policy(plan: TrainingPlan) -> None:
    """Raises UserError if samples don't fit and data.unfit is `error`, and if most rows of the data are unusable."""
    path, left_out, of = plan.config.data.path, plan.data.left_out, plan.data.read or 0
    if left_out * 2 > of:
        raise UserError(
            f"{path}: most of its rows, {count(left_out)} of {count(of)}, are unusable ({plan.data.counted()}); "
            "repair it, or write the rest to a new data set with `curate audit` and `curate export`"
        )
    if plan.config.data.unfit != "error":
        return
    if left_out:
        raise UserError(
            f"{path}: {count(left_out)} of its {things(of, 'row')} are unusable ({plan.data.counted()}); "
            "unfit.jsonl in the run folder lists them, data.unfit=drop leaves them out"
        )
    for split in plan.splits:
        unfit = split.checked.unfit
        if len(unfit):
            first = ", ".join(unfit["sample_id"].head(3))
            raise UserError(
                f"{things(len(unfit), 'sample')} of {split.name!r} don't fit the model ({_reasons(split.checked)}), "
                f"such as {first}; unfit.jsonl in the run folder lists them, data.unfit=drop leaves them out"
            )


def as_text(plan: TrainingPlan) -> str:
    """The plan in words, line by line."""
    return "\n".join(f"{name:<11}{words}" for name, words in _lines(plan))


def _lines(plan: TrainingPlan) -> list[tuple[str, str]]:
    config, shape = plan.config, plan.shape
    bits = "its language model in 4 bits" if config.model.load_in_4bit else "in 16 bits"
    on = [name for name in ("vision", "language") if getattr(config.lora, name)]
    parts = [word for name, word in (("attention", "attention"), ("mlp", "MLP")) if getattr(config.lora, name)]
    out = [
        ("model", f"{config.model.name}: {_millions(shape.parameters())} weights, {bits}"),
        ("adapters", f"r {config.lora.r} on {' and '.join(parts)} of {' and '.join(on)}: about "
                     f"{_millions(adapter_weights(shape, config))} weights are trained"),
    ]  # fmt: skip
    out += [("" if at else "data", line) for at, line in enumerate(plan.data.told())]
    for split in plan.splits:
        out += _of_split(split, config.data.max_length)
    a_step = config.train.batch_size * config.train.accumulation * processes()
    passes = plan.steps * a_step / len(plan.train.checked.fitting) if config.train.max_steps else config.train.epochs
    many = f" on {processes()} processes" if processes() > 1 else ""
    out.append(("steps", f"{count(plan.steps)} of {count(a_step)} samples each{many}: every sample {passes:.3g} times"))
    return [*out, *_estimated(plan)]


def _of_split(split: Split, limit: int) -> list[tuple[str, str]]:
    tokens, frame = split.checked.tokens(), split.checked.frame
    out = [(split.name, f"{count(len(tokens))} of {things(len(frame), 'sample')} fit")]
    if tokens:
        tokens.sort()
        images = frame.filter(frame["reason"].is_null())["image_tokens"].sum()
        middle, high = tokens[len(tokens) // 2], tokens[int(0.95 * (len(tokens) - 1))]
        share = f"{100 * images / sum(tokens):.0f} % of them images"
        lengths = f"median {middle}, 95 % up to {high}, longest {tokens[-1]} (data.max_length {limit})"
        out.append(("", f"{count(sum(tokens))} tokens, {share}; a sample: {lengths}"))
    out += [("", f"{count(number)} left out: {REASONS[name]}") for name, number in split.checked.reasons().items()]
    return out


def _estimated(plan: TrainingPlan) -> list[tuple[str, str]]:
    gb = 10**9
    memory = ", ".join(f"{name} {size / gb:.1f}" for name, size in plan.estimate.memory.items())
    made = plan.estimate
    times = ", ".join(f"{gpu} {_time(made.hours(gpu, processes()))}" for gpu in ("T4", "RTX 4090", "A100", "H100"))
    if plan.measured is not None:
        known = plan.measured
        times = f"{known.gpu} {_time(made.least(known.rate, known.launch, processes()))}"
        more = "" if known.memory is None else f", where at most {known.memory:.2f} times the estimated memory was used"
        reckoned = f"Time is estimated from steps measured on {known.gpu}{more}"
    else:
        reckoned = (
            "Memory and time are estimated from sizes (a third of a GPU's peak, 5 µs per kernel launch), not measured: "
            "memory may be off by half, and opening images, or a slow processor, may double the time"
        )
    here = [("", f"this machine has {gpu.name} of {gpu.memory / gb:.1f} GB: {_enough(plan.estimate.bytes, gpu.memory)}")
            for gpu in gpus()[:1]]  # fmt: skip
    return [
        ("memory", f"about {plan.estimate.bytes / gb:.1f} GB on each GPU: {memory}"),
        *here,
        ("time", f"at least {times}, evaluations not counted"),
        ("", reckoned),
    ]


def _enough(needed: float, there: float) -> str:
    return "enough" if needed < 0.8 * there else "perhaps not enough" if needed < there else "not enough"


def _time(hours: float) -> str:
    minutes = hours * 60
    return "under a minute" if minutes < 1 else f"{minutes:.0f} min" if minutes < 90 else f"{hours:.1f} h"


def _millions(number: int) -> str:
    return f"{number / 1e9:.2f} billion" if number >= 1e9 else f"{number / 1e6:.1f} million"


def _reasons(checked: CheckedSplit) -> str:
    return (
        ", ".join(f"{count(number)} × {REASONS[name]}" for name, number in checked.reasons().items()) or "it is empty"
    )


def _validation(data: DataConfig, split: str) -> Dataset:
    try:
        return read_pairs(data.path, split, data.images, data.columns).rows
    except UserError as error:
        if "split" not in str(error):
            raise
        raise UserError(
            f"{error}; use data.validation=NAME for another split, or data.validation=null for none"
        ) from error


def _same(one: Dataset, other: Dataset) -> bool:
    """Whether two splits have the same pairs, as they do for a file without splits. Reads no images."""
    return list(one["sample_id"]) == list(other["sample_id"])


def _limited(rows: Dataset, limit: int | None) -> Dataset:
    return rows if limit is None or len(rows) <= limit else rows.select(range(limit))


def _split(
    name: str, rows: Dataset, processor: Any, config: Config, family: Family, progress: Progress | None
) -> Split:
    def told(done: int, of: int) -> None:
        if progress is not None:
            progress(name, done, of)

    decode = not is_verified(config.data.path)
    return Split(name, rows, check(rows, processor, config.data, family, decode=decode, progress=told))


def _check_adapters(folder: Path, config: Config) -> None:
    """Raises UserError if a training is to continue from adapters whose size differs from the settings."""
    there = adapters_of(folder)
    asked = {"lora.r": config.lora.r, "lora.alpha": config.lora.alpha}
    other = {name: there[name] for name in asked if name in there and there[name] != asked[name]}
    if other:
        told = ", ".join(f"{name} {value}" for name, value in other.items())
        wanted = " ".join(f"{name}={value}" for name, value in other.items())
        raise UserError(f"{config.model.name}: its adapters have {told}, which can't be changed; set {wanted}")


def _shape(config: Config, family: Family) -> ModelShape:
    import transformers

    name = config.model.name
    folder = Path(name) if restore(Path(name)) else adapter_folder(name)
    if folder is not None:
        _check_adapters(folder, config)
    base = base_of(str(folder or name))
    try:
        with quiet():
            found = transformers.AutoConfig.from_pretrained(
                base, revision=config.model.revision if base == name else None
            )
        return family.shape(found)
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{name}: its configuration isn't that of a {family.name}: {error}") from error
