"""Loads a model and adds adapters with transformers and peft alone: for families unknown to Unsloth, or without a
GPU.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from finetune.models.adapters import ADAPTER_FILE, base_of
from finetune.models.families import Family, family_of_model
from finetune.models.hardware import best_attention, sees_gpu
from finetune.models.hub import adapter_folder
from finetune.settings.config import LoraConfig, ModelConfig


def load(config: ModelConfig, family: Family, seed: int) -> tuple[Any, Any]:
    """The model, with its adapters if `config.name` is the folder of an adapter, and its processor.

    Raises what transformers, the hub and torch raise.
    """
    import torch
    import transformers

    transformers.set_seed(seed)
    folder = Path(config.name) if Path(config.name).is_dir() else adapter_folder(config.name)
    adapter = folder if folder is not None and (folder / ADAPTER_FILE).is_file() else None
    base = base_of(str(adapter or config.name))
    revision = None if adapter else config.revision
    dtype = _dtype(config, torch)
    model = transformers.AutoModelForImageTextToText.from_pretrained(
        base,
        revision=revision,
        dtype=dtype,
        attn_implementation=best_attention(dtype) if config.attention == "auto" else config.attention,
        quantization_config=_four_bits(family, dtype) if config.load_in_4bit else None,
        # Each of several processes has its own GPU.
        device_map={"": int(os.environ.get("LOCAL_RANK") or 0) if sees_gpu() else "cpu"},
    )
    if adapter is None:
        return model, transformers.AutoProcessor.from_pretrained(base, revision=revision)
    import peft

    model = peft.PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    # An adapter usually has its own processor, with the pixel budget that it was trained with.
    own = (adapter / "processor_config.json").is_file()
    return model, transformers.AutoProcessor.from_pretrained(str(adapter) if own else base)


def add_lora(model: Any, config: LoraConfig, *, seed: int) -> Any:
    """The model with new adapters as `config` says; everything else is frozen."""
    import peft
    import transformers

    transformers.set_seed(seed)
    modules = family_of_model(model).modules
    target = modules.adapted(vision=config.vision, language=config.language, attention=config.attention, mlp=config.mlp)
    return peft.get_peft_model(
        model,
        peft.LoraConfig(
            r=config.r,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=target,
            task_type="CAUSAL_LM",
        ),
    )


def _dtype(config: ModelConfig, torch: Any) -> Any:
    if config.dtype != "auto":
        return getattr(torch, config.dtype)
    if not sees_gpu():
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def _four_bits(family: Family, dtype: Any) -> Any:
    """NF4 with doubly quantised scales, as in Unsloth; the vision encoder and the output layer stay as they are."""
    import transformers

    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=["lm_head", *family.modules.whole],
    )
