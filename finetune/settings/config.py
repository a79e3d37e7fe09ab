"""The settings of a training: their meanings and defaults, and reading them from YAML and `key=value`. Trains
nothing.
"""

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

#: The folder with the ready configurations, such as the one for `finetune train 8gb`.
CONFIGS = "configs"


@dataclass(frozen=True)
class ModelConfig:
    """Which model, and how its weights are stored."""

    #: An id on the hub, the folder of a model, or the folder of an adapter to continue from.
    name: str = "unsloth/Qwen2.5-VL-3B-Instruct"
    #: Branch, tag or commit on the hub; null for the newest. Prediction with an adapter and merging use the newest.
    revision: str | None = None
    #: Keep the linear layers of the language model in 4 bits (NF4) while training. The result is an adapter.
    load_in_4bit: bool = True
    #: auto: bfloat16 if the GPU has it, else float16.
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    #: The library that loads and trains the model. auto: Unsloth if it knows the family, else transformers, peft and
    #: trl without it. If transformers is set, it also runs without a GPU, slowly.
    library: Literal["auto", "unsloth", "transformers"] = "auto"
    #: auto: the fastest that is installed; environment.json records which. The other names are those of transformers.
    attention: Literal["auto", "flash_attention_2", "sdpa", "eager"] = "auto"
    #: unsloth: activations are recomputed, and the rest is moved to main memory; torch: recomputed; none: kept.
    checkpointing: Literal["unsloth", "torch", "none"] = "unsloth"


@dataclass(frozen=True)
class LoraConfig:
    """Which parts get low-rank adapters, and how large these are."""

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
    #: Any value except 0 turns off Unsloth's fast kernels.
    dropout: Annotated[float, Between(0, 0.9)] = 0.0


@dataclass(frozen=True)
class DataConfig:
    """The data to train on, and how samples are shown to the model."""

    #: A folder from `curate export`, a file or folder that `curate audit` reads (including conversations), or an id on
    #: the hub.
    path: str = "dataset"
    #: The folder with the images, as in `curate audit --images`; null: next to the data.
    images: str | None = None
    #: The columns, `label:tex,image:photo`, as in `curate audit --columns`; null: recognised by their names.
    columns: str | None = None
    #: The split to train on.
    train: str = "train"
    #: The split to evaluate with; null: no evaluation.
    validation: str | None = "validation"
    #: The prompt for every image. Use the same one later.
    prompt: str = PROMPT
    #: upscale: an image with a side under 28 pixels is scaled up; pad: it is padded with white; none: it doesn't fit.
    resize: Resize = "upscale"
    #: The processor scales smaller images up to this many pixels. 28 × 28 pixels are one token (32 × 32 in Qwen3-VL).
    min_pixels: Count = 4 * FACTOR * FACTOR
    #: It scales larger images down to this many.
    max_pixels: Count = 1024 * FACTOR * FACTOR
    #: The most tokens in a sample: the image, the prompt and the answer.
    max_length: Count = 2048
    #: What to do with samples that don't fit: leave them out and list them, or don't train.
    unfit: Literal["drop", "error"] = "drop"
    #: Train on only this many samples, the first ones.
    limit: Count | None = None


@dataclass(frozen=True)
class TrainConfig:
    """The schedule. A step is batch_size × accumulation samples on every GPU."""

    #: How many times every sample is seen.
    epochs: Annotated[float, Between(1e-3, 1000)] = 2.0
    #: Stop after this many steps, whatever `epochs` says.
    max_steps: Count | None = None
    #: Samples per batch on each GPU.
    batch_size: Count = 2
    #: Batches per step.
    accumulation: Count = 8
    #: The highest learning rate; see warmup and schedule.
    learning_rate: Annotated[float, Between(1e-9, 1)] = 1e-4
    #: How the learning rate falls after the warm-up.
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "cosine"
    #: The share of all steps in which the learning rate rises.
    warmup: Share = 0.03
    #: For the adapters.
    weight_decay: Share = 0.01
    #: Gradients are clipped to this norm.
    max_grad_norm: Annotated[float, Between(0, 1e6)] = 1.0
    #: In 8 bits, its state takes a quarter of the memory.
    optimizer: Literal["adamw_8bit", "adamw_torch", "paged_adamw_8bit"] = "adamw_8bit"
    #: For the initial weights of the adapters and the order of the samples.
    seed: Annotated[int, Between(0, 2**31 - 1)] = 3407
    #: Steps between two lines of losses.jsonl.
    log_every: Count = 5
    #: Steps between two checkpoints to resume from; a multiple of train.log_every.
    save_every: Count = 100
    #: How many checkpoints are kept.
    keep: Count = 2
    #: Samples of similar length share a batch, so that there is less padding; the longest batch comes first.
    group_by_length: bool = False
    #: A batch whose loss or gradient isn't finite is named and left out; after this many, the training ends.
    max_left_out: Annotated[int, Between(0, 10**6)] = 20
    #: Processes that open images, besides the one that trains.
    workers: Annotated[int, Between(0, 256)] = 2
    #: Where else to report losses: tensorboard, wandb, mlflow, trackio … (their packages must be installed); [] for
    #: nowhere.
    report_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvalConfig:
    """Evaluation on the validation set during training."""

    #: Steps between two evaluations; below 1, a share of an epoch; null: once per epoch.
    every: Annotated[float, Between(1e-6, 1e9)] | None = 0.25
    #: How to choose the best adapter: by exprate_render_equal or the mean of cdm on the predicted samples (ties go to
    #: the lower loss), or by the loss. If samples couldn't be predicted, the loss decides.
    best_by: Literal["exprate_render_equal", "cdm", "loss"] = "exprate_render_equal"
    #: Samples per batch on each GPU.
    batch_size: Count = 2
    #: The number of samples, chosen by the seed, whose loss is measured; null for all.
    limit: Count | None = 500
    #: The number of samples that are predicted at each evaluation, the same ones each time.
    samples: Annotated[int, Between(0, 1000)] = 100
    #: Longer predictions are cut off.
    max_new_tokens: Count = 512
    #: Stop after this many evaluations without a better one; null: never.
    patience: Count | None = 3
    #: How much lower a loss must be to count as better, if the loss decides.
    min_delta: Annotated[float, Between(0, 1e6)] = 0.0


@dataclass(frozen=True)
class Config:
    """All settings of `finetune train`."""

    #: The run folder.
    out: str = "runs/finetune"
    model: ModelConfig = field(default_factory=ModelConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)


def load_config(path: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """The settings of a YAML file, or of a ready configuration by name, with overrides of the form `key=value`.

    If `path` is None, the defaults. A file takes precedence over a ready configuration with the same name. Override
    keys are dotted (`train.learning_rate=1e-4`), and their values YAML. Raises UserError for a file that is missing or
    isn't a YAML mapping, an unknown key, and a value of the wrong type or out of range.
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
    """The settings as YAML, which `load_config` reads back unchanged."""
    import yaml

    names = {name: list(value) if isinstance(value, tuple) else value for name, value in flat(config).items()}
    return str(yaml.safe_dump(nested(names), sort_keys=False, allow_unicode=True, width=110))


def check_together(config: Config) -> None:
    """Raises UserError, with the keys, for settings that make no sense together."""
    if not (config.lora.vision or config.lora.language):
        raise UserError("lora.vision and lora.language are both false: nothing would be trained")
    if not (config.lora.attention or config.lora.mlp):
        raise UserError("lora.attention and lora.mlp are both false: nothing would be trained")
    if config.data.min_pixels > config.data.max_pixels:
        raise UserError(f"data.min_pixels ({config.data.min_pixels}) is more than data.max_pixels "
                        f"({config.data.max_pixels})")  # fmt: skip
    limits = limits_of(config.model.name) or DEFAULT
    tokens = config.data.max_pixels // limits.factor**2 if limits.factor else 0  # tiles are counted for each sample
    if tokens >= config.data.max_length:
        raise UserError(
            f"data.max_pixels lets an image have {tokens} tokens, which leaves no room for the answer in "
            f"data.max_length {config.data.max_length}; raise the latter or lower the former"
        )
    if config.eval.every is not None and config.eval.every >= 1 and not float(config.eval.every).is_integer():
        raise UserError(f"eval.every must be a whole number of steps, or below 1, not {config.eval.every:g}")
    if config.train.save_every % config.train.log_every:
        raise UserError(
            f"train.save_every ({config.train.save_every}) must be a multiple of train.log_every "
            f"({config.train.log_every}): otherwise a resumed training would write different mean losses"
        )
    if not config.data.prompt.strip():
        raise UserError("data.prompt is empty; the model needs to be asked something")
    if config.data.validation is not None and config.data.validation == config.data.train:
        raise UserError(
            f"data.validation is data.train ({config.data.train!r}): a loss on the training data says nothing"
        )


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{where}: has no settings; a configuration is YAML such as `train: {{epochs: 2}}`")
    return {str(key): inner for key, inner in value.items()}


def _at_home(config: Config) -> Config:
    """The settings with `~` expanded. No shell does this in `out=~/runs`, so there would be a folder called `~`."""
    values = flat(config)
    places = {name: values[name] for name in ("out", "model.name", "data.path") if values[name].startswith("~/")}
    return fill(config, nested({name: str(Path(place).expanduser()) for name, place in places.items()}), "~")


def _overridden(config: Config, override: str) -> Config:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UserError(f"{override!r} isn't a setting; write KEY=VALUE, such as train.learning_rate=1e-4")
    return fill(config, nested({key: _meant(config, key, text, override)}), override)


def _meant(config: Config, key: str, text: str, override: str) -> Any:
    """The value of a setting on the command line: YAML, or the plain text if the setting needs text and the YAML isn't
    text.

    So `data.prompt=Solve: a` is a prompt, not a mapping, and `model.revision=2024` isn't a number. A single text is a
    list of one.
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
