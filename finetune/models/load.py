"""Loads a vision-language model and its processor through Unsloth, for training or prediction. Trains nothing.

Unsloth patches torch, transformers and trl when it is imported, and must come first. So nothing here imports any of
them before a function is called, and every function that needs them calls `import_unsloth` first.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curate.base.cache_folder import cache_folder
from curate.base.errors import UserError
from curate.base.leftovers import restore
from finetune.models.hardware import gpus, require_gpu, require_packages
from finetune.settings.config import LoraConfig, ModelConfig

ADAPTER_FILE = "adapter_config.json"
#: Compute capability from which on NVIDIA's GPUs calculate in bfloat16.
_BFLOAT16 = (8, 0)
#: What a checkpointing setting is called by Unsloth.
_CHECKPOINTING: dict[str, str | bool] = {"unsloth": "unsloth", "torch": True, "none": False}


def import_unsloth() -> Any:
    """The module `unsloth`, imported quietly, with its generated code in this program's cache folder.

    Raises UserError where the packages or a GPU are missing.
    """
    require_gpu()
    return _import()


def _import() -> Any:
    # Else it writes the folder unsloth_compiled_cache into the one that the command was started in.
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(cache_folder() / "unsloth_compiled_cache"))
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")  # it would ask the web how often it is used
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # forks of the data loader warn otherwise
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if "unsloth" in sys.modules:
        return sys.modules["unsloth"]
    try:
        with quiet():
            import unsloth
    except Exception as error:  # an old GPU, a driver or a package that doesn't go with torch: whatever it looks at
        raise UserError(f"unsloth can't be used on this machine: {_first_line(error)}; --debug shows more") from error
    _bars()
    return unsloth


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' banners, hints and warnings off the terminal while something is loaded or trained.

    What they print to standard output is dropped; what they raise is not. TEXSIEVE_VERBOSE=1 shows everything.
    """
    if os.environ.get("TEXSIEVE_VERBOSE") == "1":
        yield
        return
    before = logging.root.manager.disable
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)  # of single loggers torch sets the level anew when it is imported
        try:
            yield
        finally:
            logging.disable(before)


def _bars() -> None:
    """Progress of downloads and loading on a terminal, none in a pipe."""
    if sys.stderr is not None and sys.stderr.isatty():
        return
    from huggingface_hub.utils.tqdm import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    disable_progress_bars()
    transformers_logging.disable_progress_bar()


def load_model(
    config: ModelConfig,
    *,
    max_length: int,
    min_pixels: int,
    max_pixels: int,
    seed: int = 3407,
) -> tuple[Any, Any]:
    """The model and the processor of `config.name`: a base model (id or folder) or an adapter's folder on its base.

    max_length: tokens of a sample. min_pixels, max_pixels: what the processor scales images to; see `set_pixels`.
    Raises UserError where there is no GPU, a package is missing or the model can't be had.
    """
    unsloth = import_unsloth()
    import torch

    dtype = None if config.dtype == "auto" else getattr(torch, config.dtype)
    _check_name(config.name)
    without = next((gpu.name for gpu in gpus()[:1] if gpu.capability < _BFLOAT16), None)
    if config.dtype == "bfloat16" and without is not None:  # Unsloth would take float16 and not say so
        raise UserError(
            f"model.dtype is bfloat16, which {without} doesn't have: take auto or float16 (predict: --dtype)"
        )
    try:
        with quiet():
            model, processor = unsloth.FastVisionModel.from_pretrained(
                config.name,
                load_in_4bit=config.load_in_4bit,
                max_seq_length=max_length,
                dtype=dtype,
                revision=config.revision,
                # Else the name is changed into that of weights in 4 bits, in a repository without this revision, and
                # the newest are loaded.
                use_exact_model_name=config.revision is not None,
                use_gradient_checkpointing=_CHECKPOINTING[config.checkpointing],
                random_state=seed,
            )
    except (OSError, ValueError, RuntimeError) as error:  # whatever the hub, the files or the GPU have against it
        raise UserError(f"{config.name}: the model can't be loaded: {_first_line(error)}") from error
    if getattr(processor, "image_processor", None) is None:
        raise UserError(f"{config.name}: has no image processor: it is no vision-language model")
    set_pixels(processor, min_pixels, max_pixels)
    return model, processor


def load_processor(config: ModelConfig, *, min_pixels: int, max_pixels: int) -> Any:
    """The processor alone: no weights, no GPU, no Unsloth. For looking ahead; a training uses that of `load_model`.

    Raises UserError where a package is missing or the model can't be had.
    """
    require_packages()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    _check_name(config.name)
    try:
        with quiet():
            import transformers

            _bars()
            processor = transformers.AutoProcessor.from_pretrained(config.name, revision=config.revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{config.name}: its processor can't be loaded: {_first_line(error)}") from error
    if getattr(processor, "image_processor", None) is None:
        raise UserError(f"{config.name}: has no image processor: it is no vision-language model")
    set_pixels(processor, min_pixels, max_pixels)
    return processor


def set_pixels(processor: Any, min_pixels: int, max_pixels: int) -> None:
    """Have the processor scale images to at least `min_pixels` and at most `max_pixels` pixels (width × height).

    transformers 5 holds both in `size`; assigning `min_pixels` as before raises there.
    """
    processor.image_processor.size = {"shortest_edge": min_pixels, "longest_edge": max_pixels}


def add_lora(model: Any, config: LoraConfig, *, checkpointing: str, seed: int) -> Any:
    """The model with new adapters where `config` says; a model that came from an adapter's folder as it is."""
    from unsloth import FastVisionModel

    if hasattr(model, "peft_config"):
        return model
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


def base_of(name: str) -> str:
    """The base model of an adapter's folder; `name` itself for anything else."""
    found = _adapter_config(Path(name))
    if not found:
        return name
    try:
        return str(found["base_model_name_or_path"])
    except KeyError as error:
        raise UserError(f"{Path(name) / ADAPTER_FILE}: is no adapter's configuration") from error


def adapters_of(folder: Path) -> dict[str, Any]:
    """Rank and alpha of the adapters in a folder, by the names of their settings; nothing for a whole model."""
    found = _adapter_config(folder)
    return {f"lora.{ours}": found[name] for ours, name in (("r", "r"), ("alpha", "lora_alpha")) if name in found}


def _adapter_config(folder: Path) -> dict[str, Any]:
    file = folder / ADAPTER_FILE
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: is no adapter's configuration") from error
    if not isinstance(found, dict) or not found:
        raise UserError(f"{file}: is no adapter's configuration")
    return found


def _check_name(name: str) -> None:
    """Before minutes of imports and downloads: does a name that looks like a folder lead anywhere?"""
    path = Path(name)
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name
    if restore(path) and path.is_dir():
        if not (path / "config.json").is_file() and not (path / ADAPTER_FILE).is_file():
            raise UserError(f"{name}: is a folder without config.json or {ADAPTER_FILE}, so neither model nor adapter")
    elif looks_like_path or path.exists():
        raise UserError(f"{name}: no such folder; a model is a folder or an id on the hub such as "
                        f"{ModelConfig.name}")  # fmt: skip


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    cause = next(
        (line for line in lines if line.startswith("AutoConfig error: ")), lines[0]
    )  # below Unsloth's headline
    return cause.removeprefix("AutoConfig error: ")[:300]
