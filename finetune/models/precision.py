"""Keeps modules that overflow in float16 in 32 bits. Loads nothing."""

from __future__ import annotations

from functools import wraps
from typing import Any

from finetune.models.families import Family


def keep_vision_in_float32(model: Any, family: Family) -> None:
    """If the model calculates in float16, make its vision encoder calculate in 32 bits, also under autocast.

    The model itself converts the output back to 16 bits, where the values are small. A model in another precision is
    unchanged.
    """
    import torch

    if model.dtype != torch.float16:
        return
    tower = next(module for name, module in model.named_modules() if name.endswith(family.modules.tower))
    tower.float()
    for module in tower.modules():
        if hasattr(module, "compute_dtype"):  # 4-bit weights are multiplied in this precision
            module.compute_dtype = torch.float32
    forward = tower.forward
    device = next(tower.parameters()).device.type

    @wraps(forward)
    def in_32_bits(*arguments: Any, **options: Any) -> Any:
        with torch.autocast(device, enabled=False):
            return forward(*map(_widened, arguments), **{name: _widened(value) for name, value in options.items()})

    tower.forward = in_32_bits


def _widened(value: Any) -> Any:
    import torch

    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
