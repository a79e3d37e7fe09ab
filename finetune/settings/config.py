"""The settings of a training: what each is, its default, how YAML and `key=value` are read. Trains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from curate.base.errors import UserError
from curate.base.settings import Between, Count, Share, fill, flat, nested
from curate.export.decide.options import PROMPT
from curate.images.model_ready import Resize
from finetune.settings.yaml_files import parsed, text_of
from rules.sets.model_images import DEFAULT, limits_of
from rules.sets.model_resize import FACTOR

#: The folder of the ready configurations; `finetune train 8gb` takes one by its name.
CONFIGS = "configs"


@dataclass(frozen=True)
class ModelConfig:
    """Which model, and how its weights are held."""

    #: An id on the hub, a folder of a model, or a folder of an adapter to go on from.
    name: str = "unsloth/Qwen2.5-VL-3B-Instruct"
    #: Branch, tag or commit on the hub; null for the newest. An adapter is asked on and merged into the newest.
    revision: str | None = None
    #: Hold the language model's linear layers in 4 bits (NF4) while training. What comes out is an adapter.
    load_in_4bit: bool = True
    #: auto: bfloat16 where the GPU has it, else float16.
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    #: What loads and trains it. auto: Unsloth where it knows the family, else transformers, peft and trl without it.
    #: transformers, by name, also runs without a GPU, slowly.
    library: Literal["auto", "unsloth", "transformers"] = "auto"
    #: auto: the fastest that is there; environment.json says which. The others are transformers' names.
    attention: Literal["auto", "flash_attention_2", "sdpa", "eager"] = "auto"
    #: unsloth: activations are computed anew and parked in main memory; torch: computed anew; none: kept.
    checkpointing: Literal["unsloth", "torch", "none"] = "unsloth"


@dataclass(frozen=True)
class LoraConfig:
    """Where low-rank adapters go, and how large they are."""

    #: In the vision encoder.
    vision: bool = True
    #: In the language model.
    language: bool = True
    #: On the projections of attention.
    attention: bool = True
    #: On the matrices between attentions.
    mlp: bool = True
    #: Rank: how much an adapter can learn, and how large it is.
    r: Count = 16
    #: Adapters are scaled by alpha / r.
    alpha: Count = 16
    #: Anything but 0 takes Unsloth's fast kernels away.
    dropout: Annotated[float, Between(0, 0.9)] = 0.0


@dataclass(frozen=True)
class DataConfig:
    """What to train on, and what a sample looks like to the model."""

    #: A folder of `curate export`, a file or folder that `curate audit` reads (conversations too), or an id on the hub.
    path: str = "dataset"
    #: The folder with the images, as in `curate audit --images`; null: beside the data.
    images: str | None = None
    #: What the columns are, `label:tex,image:photo`, as in `curate audit --columns`; null: known by their names.
    columns: str | None = None
    #: The split to train on.
    train: str = "train"
    #: The split to evaluate with; null: nothing is evaluated.
    validation: str | None = "validation"
    #: What the model is asked with every image. Ask it the same later.
    prompt: str = PROMPT
    #: upscale: an image with a side under 28 pixels is scaled up; pad: paper is added; none: it doesn't fit.
    resize: Resize = "upscale"
    #: The processor scales smaller images up to so many pixels; 28 × 28 of them are one token (32 × 32 of Qwen3-VL's).
    min_pixels: Count = 4 * FACTOR * FACTOR
    #: It scales larger images down to so many.
    max_pixels: Count = 1024 * FACTOR * FACTOR
    #: Tokens of a sample: the image, the prompt and the answer.
    max_length: Count = 2048
    #: What happens to samples that don't fit: left out and listed, or no training.
    unfit: Literal["drop", "error"] = "drop"
    #: Train on the first so many samples only.
    limit: Count | None = None


@dataclass(frozen=True)
class TrainConfig:
    """The schedule. A step is batch_size × accumulation samples on every GPU."""

    #: How often every sample is seen.
    epochs: Annotated[float, Between(1e-3, 1000)] = 2.0
    #: Stop after so many steps, whatever `epochs` says.
    max_steps: Count | None = None
    #: Samples a GPU holds at a time.
    batch_size: Count = 2
    #: Batches a step.
    accumulation: Count = 8
    #: The highest one; see warmup and schedule.
    learning_rate: Annotated[float, Between(1e-9, 1)] = 1e-4
    #: How the learning rate falls after it rose.
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "cosine"
    #: Part of all steps in which the learning rate rises.
    warmup: Share = 0.03
    #: Of the adapters.
    weight_decay: Share = 0.01
    #: Longer gradients are cut to this length.
    max_grad_norm: Annotated[float, Between(0, 1e6)] = 1.0
    #: With 8 bits its state takes a quarter of the memory.
    optimizer: Literal["adamw_8bit", "adamw_torch", "paged_adamw_8bit"] = "adamw_8bit"
    #: Of the adapters' first weights and of the order of the samples.
    seed: Annotated[int, Between(0, 2**31 - 1)] = 3407
    #: Steps between two lines of losses.jsonl.
    log_every: Count = 5
    #: Steps between two checkpoints to resume from; a multiple of train.log_every.
    save_every: Count = 100
    #: How many checkpoints are kept.
    keep: Count = 2
    #: Samples of like length share a batch, so that less is padded; the longest batch is the first.
    group_by_length: bool = False
    #: A batch whose loss or gradient is no finite number is named and left out; after so many, the training ends.
    max_left_out: Annotated[int, Between(0, 10**6)] = 20
    #: Processes that open images beside the one that trains.
    workers: Annotated[int, Between(0, 256)] = 2
    #: Where else the losses go: tensorboard, wandb, mlflow, trackio … (their packages must be there); [] for nowhere.
    report_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvalConfig:
    """Looking at the validation set while training."""

    #: Steps between two evaluations; below 1 a share of an epoch; null: once an epoch.
    every: Annotated[float, Between(1e-6, 1e9)] | None = 0.25
    #: What makes an adapter the best: of the predicted samples, exprate_render_equal or the mean of cdm (on a tie, the
    #: one with the lower loss), or the loss. Where samples couldn't be predicted, the loss decides.
    best_by: Literal["exprate_render_equal", "cdm", "loss"] = "exprate_render_equal"
    #: Samples a GPU holds at a time.
    batch_size: Count = 2
    #: Samples whose loss is measured, drawn by the seed; null for all.
    limit: Count | None = 500
    #: Samples that are predicted at each evaluation, the same ones each time.
    samples: Annotated[int, Between(0, 1000)] = 100
    #: Longer predictions are cut.
    max_new_tokens: Count = 512
    #: Stop after so many evaluations without a better one; null: never.
    patience: Count | None = 3
    #: How much lower a loss must be to be better, where the loss decides.
    min_delta: Annotated[float, Between(0, 1e6)] = 0.0


@dataclass(frozen=True)
class Config:
    """Everything that `finetune train` reads."""

    #: The run folder.
    out: str = "runs/finetune"
    model: ModelConfig = field(default_factory=ModelConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)


def load_config(path: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """The settings of a YAML file, or of a ready configuration by its name, with `key=value` in their place.

    `path` None: the defaults. A file wins over a ready configuration of the same name. Overrides are dotted
    (`train.learning_rate=1e-4`), their values YAML. Raises UserError for a file that isn't there or is no YAML mapping,
    an unknown key, a value of the wrong type or out of its range.
    """
    values: dict[str, Any] = {}
    if path is not None:
        text = text_of(path, CONFIGS, kind="YAML file", known=", and no ready configuration; those are")
        values = _mapping(parsed(text, path), str(path))
    config = fill(Config(), values, str(path))
    for override in overrides:
        config = _overridden(config, override)
    config = _at_home(config)
    check_together(config)
    return config


def as_yaml(config: Config) -> str:
    """The settings as YAML that `load_config` reads back to the same."""
    import yaml

    names = {name: list(value) if isinstance(value, tuple) else value for name, value in flat(config).items()}
    return str(yaml.safe_dump(nested(names), sort_keys=False, allow_unicode=True, width=110))


def check_together(config: Config) -> None:
    """Raises UserError, naming the keys, for settings that make no sense together."""
    if not (config.lora.vision or config.lora.language):
        raise UserError("lora.vision and lora.language are both false: nothing would be trained")
    if not (config.lora.attention or config.lora.mlp):
        raise UserError("lora.attention and lora.mlp are both false: nothing would be trained")
    if config.data.min_pixels > config.data.max_pixels:
        raise UserError(f"data.min_pixels ({config.data.min_pixels}) is more than data.max_pixels "
                        f"({config.data.max_pixels})")  # fmt: skip
    limits = limits_of(config.model.name) or DEFAULT
    tokens = config.data.max_pixels // limits.factor**2 if limits.factor else 0  # tiles are counted sample by sample
    if tokens >= config.data.max_length:
        raise UserError(
            f"data.max_pixels lets an image have {tokens} tokens, which leaves no room for the answer in "
            f"data.max_length {config.data.max_length}; raise the one or lower the other"
        )
    if config.eval.every is not None and config.eval.every >= 1 and not float(config.eval.every).is_integer():
        raise UserError(f"eval.every must be a whole number of steps, or below 1, not {config.eval.every:g}")
    if config.train.save_every % config.train.log_every:
        raise UserError(
            f"train.save_every ({config.train.save_every}) must be a multiple of train.log_every "
            f"({config.train.log_every}): else a resumed training would write other mean losses"
        )
    if not config.data.prompt.strip():
        raise UserError("data.prompt is empty; the model needs to be asked something")
    if config.data.validation is not None and config.data.validation == config.data.train:
        raise UserError(
            f"data.validation is data.train ({config.data.train!r}): a loss on what was trained says nothing"
        )


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{where}: holds no settings; a configuration is YAML like `train: {{epochs: 2}}`")
    return {str(key): inner for key, inner in value.items()}


def _at_home(config: Config) -> Config:
    """The settings with `~` spelled out, which no shell does within `out=~/runs`: it would become a folder's name."""
    values = flat(config)
    places = {name: values[name] for name in ("out", "model.name", "data.path") if values[name].startswith("~/")}
    return fill(config, nested({name: str(Path(place).expanduser()) for name, place in places.items()}), "~")


def _overridden(config: Config, override: str) -> Config:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UserError(f"{override!r} is no setting; one is written KEY=VALUE, such as train.learning_rate=1e-4")
    return fill(config, nested({key: _meant(config, key, text, override)}), override)


def _meant(config: Config, key: str, text: str, override: str) -> Any:
    """The value of a setting on the command line: YAML, but where text is wanted, and that is none, text as it stands.

    So `data.prompt=Solve: a` is a prompt and no mapping, `model.revision=2024` no number. One text is a list of one.
    """
    current: Any = config
    kind: Any = None
    for name in key.split("."):
        kind = get_type_hints(type(current), include_extras=True).get(name) if is_dataclass(current) else None
        current = getattr(current, name, None)
    wants_text = str in (kind, *get_args(kind)) and get_origin(kind) is not tuple
    try:
        value = parsed(text, override)
    except UserError:
        if not wants_text:
            raise
        return text
    if wants_text:
        return value if isinstance(value, str | None) else text
    return [value] if get_origin(kind) is tuple and isinstance(value, str) else value
