"""Lets Unsloth's CUDA code path run on a machine without a GPU, on a toy model. For the tests only.

Apply it in a process of its own, before anything imports unsloth: it patches torch, and Unsloth patches torch,
transformers and trl. It uses private names, so unsloth is pinned exactly in constraints.txt.
"""

from __future__ import annotations

import os
import types

ENVIRONMENT = {
    "UNSLOTH_ALLOW_CPU": "1",
    # "1" falls back to a cross entropy written in Triton, which needs a GPU.
    "UNSLOTH_COMPILE_DISABLE": "0",
    # The modules that Unsloth writes run eagerly; otherwise the first step compiles for two minutes.
    "TORCHDYNAMO_DISABLE": "1",
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "",
}
_MEMORY = 8 << 30


def apply() -> None:
    """Set the environment, import unsloth, and give it a small GPU's answers to what it asks of the GPU."""
    os.environ.update(ENVIRONMENT)
    from finetune.models.load import import_unsloth

    import_unsloth()
    import torch
    import unsloth.models.loader as loader
    from unsloth.models.rl import patch_trl_disable_gradient_checkpointing, patch_trl_rl_trainers
    from unsloth.trainer import _patch_trl_trainer

    if torch.cuda.is_available():
        raise RuntimeError("the shim is for machines without a GPU; here the real path can be run")
    properties = types.SimpleNamespace(
        name="CPU (shim of the tests)",
        major=8,
        minor=0,
        total_memory=_MEMORY,
        multi_processor_count=1,
        warp_size=32,
    )
    torch.cuda.get_device_properties = lambda *_, **__: properties
    torch.cuda.get_device_capability = lambda *_, **__: (8, 0)
    torch.cuda.mem_get_info = lambda *_, **__: (_MEMORY, _MEMORY)
    torch.cuda.current_device = lambda: 0
    loader.ALLOW_BITSANDBYTES = True
    # Unsloth leaves these out under UNSLOTH_ALLOW_CPU: its own versions of trl's trainers.
    patch_trl_disable_gradient_checkpointing()
    patch_trl_rl_trainers()
    _patch_trl_trainer()
