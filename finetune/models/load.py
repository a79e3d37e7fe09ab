"""Loads a vision-language model and its processor, for training or prediction. Trains nothing.

Unsloth loads the families that it knows; `plain` loads the others, and everything with `model.library: transformers`.
Unsloth patches torch, transformers and trl when it is imported, and must come first. So this module imports none of
them at the top, and every function that needs them first calls `import_library`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from curate.base.cache_folder import cache_folder
from curate.base.errors import UserError
from curate.base.given_files import no_folder
from curate.base.leftovers import restore
from finetune.models import plain
from finetune.models.adapters import ADAPTER_FILE
from finetune.models.families import family_of
from finetune.models.hardware import BFLOAT16, gpus, require_gpu, require_packages
from finetune.models.precision import keep_vision_in_float32
from finetune.models.quiet import quiet
from finetune.settings.config import LoraConfig, ModelConfig

#: Unsloth's names for the checkpointing settings.
_CHECKPOINTING: dict[str, str | bool] = {"unsloth": "unsloth", "torch": True, "none": False}


def import_unsloth() -> Any:
    """The module `unsloth`, imported quietly, with its generated code in texsieve's cache folder.

    Raises UserError if the packages or a GPU are missing.
    """
    require_gpu()
    return _import()


def _variables() -> None:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # otherwise forks of the data loader print warnings
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def _import() -> Any:
    # Otherwise it writes the folder unsloth_compiled_cache into the current folder.
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(cache_folder() / "unsloth_compiled_cache"))
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")  # otherwise it sends usage statistics
    _variables()
    if "unsloth" in sys.modules:
        return sys.modules["unsloth"]
    try:
        with quiet():
            import unsloth
    except Exception as error:  # for example an old GPU, or a driver or package that doesn't fit torch
        raise UserError(f"unsloth can't be used on this machine: {_first_line(error)}; --debug shows more") from error
    _bars()
    return unsloth


def _bars() -> None:
    """Progress of downloads and loading on a terminal, none in a pipe."""
    if sys.stderr is not None and sys.stderr.isatty():
        return
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    disable_progress_bars()
    transformers_logging.disable_progress_bar()


def library_of(config: ModelConfig) -> str:
    """The library that loads and trains this model: "unsloth" or "transformers".

    Raises UserError for a model of an unknown family, and if Unsloth is requested for a family that it doesn't know.
    """
    family = family_of(config.name, config.revision)
    if config.library == "unsloth" and not family.unsloth:
        raise UserError(f"{config.name}: Unsloth doesn't know {family.name}; use model.library=auto or transformers")
    return config.library if config.library != "auto" else "unsloth" if family.unsloth else "transformers"


def require_device(config: ModelConfig) -> None:
    """Raises UserError if this model can't be trained or asked on this machine.

    If transformers is requested by name, it runs without a GPU: about a hundred times slower, which is enough for tiny
    models.
    """
    if config.library == "transformers":
        require_packages()
    else:
        require_gpu()


def import_library(config: ModelConfig) -> Any:
    """Import the library for this model before anything else imports torch: the module `unsloth`, or None.

    Raises UserError as `library_of` and `require_device` do.
    """
    if library_of(config) == "unsloth":
        return import_unsloth()
    require_device(config)
    _variables()
    return None


def load_model(
    config: ModelConfig,
    *,
    max_length: int,
    min_pixels: int,
    max_pixels: int,
    seed: int = 3407,
) -> tuple[Any, Any]:
    """The model and processor of `config.name`: a base model (id or folder), or the folder of an adapter with its base.

    max_length: tokens per sample. min_pixels, max_pixels: the pixel budget for images; see `Family.set_pixels`. Raises
    UserError if there is no GPU, a package is missing or the model can't be loaded.
    """
    _check_name(config.name)
    family = family_of(config.name, config.revision)
    unsloth = import_library(config)
    without = next((gpu.name for gpu in gpus()[:1] if gpu.capability < BFLOAT16), None)
    if config.dtype == "bfloat16" and without is not None:  # Unsloth would silently use float16
        raise UserError(
            f"model.dtype is bfloat16, which {without} doesn't have; use auto or float16 (predict: --dtype)"
        )
    try:
        with quiet():
            if unsloth is not None:
                model, processor = _from_unsloth(unsloth, config, max_length, seed)
            else:
                model, processor = plain.load(config, family, seed)
    except (OSError, ValueError, RuntimeError, ImportError) as error:  # problems with the hub, files or the GPU
        raise UserError(f"{config.name}: the model can't be loaded: {_first_line(error)}") from error
    if getattr(processor, "image_processor", None) is None:
        raise UserError(f"{config.name}: has no image processor, so it is not a vision-language model")
    if family.vision_in_float32:
        keep_vision_in_float32(model, family)
    family.set_pixels(processor, min_pixels, max_pixels)
    return model, processor


def how_loaded(model: Any) -> dict[str, str]:
    """The facts about a loaded model for environment.json: library, precision, attention (of both towers, if
    different).
    """
    config = model.config
    parts = (config, getattr(config, "text_config", None), getattr(config, "vision_config", None))
    used = dict.fromkeys(filter(None, (getattr(part, "_attn_implementation", None) for part in parts)))
    return {
        "library": "unsloth" if hasattr(model, "for_training") else "transformers",
        "dtype": str(model.dtype).removeprefix("torch."),
        "attention": ", ".join(used) or "unknown",
    }


def _from_unsloth(unsloth: Any, config: ModelConfig, max_length: int, seed: int) -> tuple[Any, Any]:
    import torch

    attention = {} if config.attention == "auto" else {"attn_implementation": config.attention}
    model, processor = unsloth.FastVisionModel.from_pretrained(
        config.name,
        load_in_4bit=config.load_in_4bit,
        max_seq_length=max_length,
        dtype=None if config.dtype == "auto" else getattr(torch, config.dtype),
        revision=config.revision,
        # Otherwise the name is changed to that of 4-bit weights in a repository without this revision, and the newest
        # are loaded.
        use_exact_model_name=config.revision is not None,
        use_gradient_checkpointing=_CHECKPOINTING[config.checkpointing],
        random_state=seed,
        **attention,
    )
    return model, processor


def load_processor(config: ModelConfig, *, min_pixels: int, max_pixels: int) -> Any:
    """Only the processor: no weights, no GPU, no Unsloth. For planning; a training uses that of `load_model`.

    Raises UserError if a package is missing or the processor can't be loaded.
    """
    require_packages()
    _variables()
    _check_name(config.name)
    try:
        with quiet():
            import transformers

            _bars()
            processor = transformers.AutoProcessor.from_pretrained(config.name, revision=config.revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{config.name}: its processor can't be loaded: {_first_line(error)}") from error
    if getattr(processor, "image_processor", None) is None:
        raise UserError(f"{config.name}: has no image processor, so it is not a vision-language model")
    family_of(config.name, config.revision).set_pixels(processor, min_pixels, max_pixels)
    return processor


def add_lora(model: Any, config: LoraConfig, *, checkpointing: str, seed: int) -> Any:
    """The model with new adapters as `config` says; a model from the folder of an adapter is unchanged."""
    if hasattr(model, "peft_config"):
        return model
    if not hasattr(model, "for_training"):  # Unsloth gives each of its models this method
        return plain.add_lora(model, config, seed=seed)
    from unsloth import FastVisionModel

    with quiet():
        return FastVisionModel.get_peft_model(
            model,
            finetune_vision_layers=config.vision,
            finetune_language_layers=config.language,
            finetune_attention_modules=config.attention,
            finetune_mlp_modules=config.mlp,
            r=config.r,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            bias="none",
            random_state=seed,
            use_rslora=False,
            loftq_config=None,
            use_gradient_checkpointing=_CHECKPOINTING[checkpointing],
        )


def _check_name(name: str) -> None:
    """Checks, before minutes of imports and downloads, that a name that looks like a folder exists."""
    path = Path(name)
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name
    if restore(path) and path.is_dir():
        if not (path / "config.json").is_file() and not (path / ADAPTER_FILE).is_file():
            raise UserError(
                f"{name}: is a folder without config.json or {ADAPTER_FILE}, so it is neither a model nor an adapter"
            )
    elif looks_like_path or path.exists():
        raise UserError(
            f"{name}: {no_folder(path)}; a model is a folder or an id on the hub such as {ModelConfig.name}"
        )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    cause = next(
        (line for line in lines if line.startswith("AutoConfig error: ")), lines[0]
    )  # below Unsloth's headline
    return cause.removeprefix("AutoConfig error: ")[:300]
