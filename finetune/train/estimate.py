"""Estimates the memory and time of a training from sizes alone. Loads no weights and measures nothing.

The arithmetic is that of Qwen2.5-VL's layers. It leaves out fragmentation, the layers that Unsloth keeps in 16 bits in
its own 4-bit models, and the time to open images, so results are "about". docs/training-cpu.md says how far it was
compared with real trainings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from finetune.models.shapes import ModelShape, weights
from finetune.settings.config import Config
from finetune.train.lengths import grouped

GB = 10**9
#: Bytes per weight: NF4 with doubly quantised scales takes 4.127 bits (QLoRA, Dettmers et al. 2023, section 3).
_FOUR_BITS = 4.127 / 8
#: Bytes per token in a layer that keeps all activations, per width of the layer: 34 (Korthikanti et al. 2022, "Reducing
#: Activation Recomputation", equation 1), without the attention matrix, which no kernel in use stores.
_KEPT = 34
#: Memory for the driver, the workspace of kernels and the gaps of the allocator; a guess on the safe side.
_RESERVE = 1.5 * GB
#: The share of a GPU's peak that a training with small batches and 4-bit weights reaches. A guess; a third is common.
_SUSTAINED = 1 / 3
#: Seconds per kernel launch. PyTorch needs 5 to 10 microseconds of processor time; this is the lower end.
_LAUNCH = 5e-6
#: Kernels of a layer with adapters, forward and backward, counted by hand in transformers and peft: norms 14, matrices
#: 7 (vision 5), adapters 5 per matrix, rotation and attention 20, the rest 4; twice that backward. They were not
#: counted with a profiler. Fused kernels need fewer.
_LANGUAGE, _VISION = (80, 160), (68, 136)
#: Matrices per layer of the language model.
_MATRICES = 7
#: Peak of dense 16-bit matrix products in TFLOP/s, from NVIDIA's data sheets.
PEAKS = {"T4": 65, "RTX 3090": 71, "RTX 4090": 165, "L4": 121, "A100": 312, "H100": 989, "H200": 989}


@dataclass(frozen=True)
class Estimate:
    """Bytes by purpose; floating-point operations and kernel launches of a whole training on all GPUs."""

    memory: Mapping[str, float]
    flop: float
    launches: float = 0.0

    @property
    def bytes(self) -> float:
        return sum(self.memory.values())

    def hours(self, gpu: str, world: int = 1) -> float:
        """The least time on `world` GPUs of a kind in PEAKS, if they reach a third of their peak.

        Small batches are limited by the time to launch their kernels one after the other.
        """
        return self.least(PEAKS[gpu] * 1e12 * _SUSTAINED, _LAUNCH, world)

    def least(self, rate: float, launch: float, world: int = 1) -> float:
        """The least hours at `rate` operations per second and `launch` seconds per kernel launch."""
        return max(self.flop / rate, self.launches * launch) / world / 3600


def adapter_weights(shape: ModelShape, config: Config) -> int:
    """The number of adapter weights: r × (inputs + outputs) for every matrix that has an adapter.

    Matrices that are computed together (queries, keys and values) count as one, so the result is a little low.
    """
    lora = config.lora
    kinds = [name for name, on in (("attention", lora.attention), ("mlp", lora.mlp)) if on]
    parts = [*(shape.language if lora.language else ()), *(shape.vision if lora.vision else ())]
    return sum(layers * lora.r * (inputs + outputs) for kind, layers, inputs, outputs in parts if kind in kinds)


def estimate(
    shape: ModelShape, config: Config, lengths: Sequence[tuple[int, int]], steps: int, world: int = 1
) -> Estimate:
    """The memory on each GPU and the work of a training.

    lengths: (tokens, of which the image's) of the samples that fit. steps: steps of the optimiser on `world` GPUs.
    """
    batch = config.train.batch_size
    longest = max((tokens for tokens, _ in lengths), default=0)
    widest = max((image for _, image in lengths), default=0)
    tokens, patches = batch * longest, batch * widest * shape.merged
    language, vision = weights(shape.language), weights(shape.vision)
    adapters = adapter_weights(shape, config)
    wide = 4 if config.model.dtype == "float32" else 2
    per_weight = 8 if config.train.optimizer == "adamw_torch" else 2
    # In float16 the vision encoder of some families stays in 32 bits: see `Family.vision_in_float32`.
    seen = 4 if config.model.dtype in ("float32", "float16") else 2
    memory = {
        "weights": language * (_FOUR_BITS if config.model.load_in_4bit else wide) + vision * seen + shape.others * wide,
        "adapters with gradients and optimizer": adapters * (4 + 4 + per_weight),
        "activations": _activations(shape, config, tokens, patches) * wide / 2,
        "reserve": _RESERVE,
    }
    batches = steps * config.train.accumulation * world
    return Estimate(memory, _flop(shape, config, lengths) * batches * batch, _launches(shape, config) * batches)


def epoch_steps(samples: int, config: Config, world: int = 1) -> int:
    """The steps of the optimiser in which every sample is seen once."""
    batches = math.ceil(samples / (config.train.batch_size * world))
    return max(math.ceil(batches / config.train.accumulation), 1)


def steps_of(samples: int, config: Config, world: int = 1) -> int:
    """The steps of the optimiser in a training, as transformers' Trainer counts them."""
    return config.train.max_steps or math.ceil(config.train.epochs * epoch_steps(samples, config, world))


def _activations(shape: ModelShape, config: Config, tokens: int, patches: int) -> float:
    """Bytes in 16 bits: what layers keep for the backward pass, one complete layer, and the scores of the
    vocabulary.
    """
    one_layer = _KEPT * max(tokens * shape.hidden, patches * shape.vision_hidden)
    inputs = 2.0 * (tokens * shape.hidden * shape.layers + patches * shape.vision_hidden * shape.vision_layers)
    kept = {"unsloth": 0.0, "torch": inputs, "none": _KEPT / 2 * inputs}[config.model.checkpointing]
    # Unsloth computes the scores of the vocabulary in parts. A quarter of them at a time in 32 bits is on the safe
    # side.
    return kept + one_layer + tokens * shape.vocabulary


def _launches(shape: ModelShape, config: Config) -> float:
    """The kernels that one batch launches, which depend only on the layers and passes."""
    recomputed = config.model.checkpointing != "none"
    language, vision = ((forward * (1 + recomputed) + back) for forward, back in (_LANGUAGE, _VISION))
    if config.model.load_in_4bit:  # every pass dequantises each matrix again
        language += 2 * _MATRICES * (2 + recomputed)
    return shape.layers * language + shape.vision_layers * vision


def _flop(shape: ModelShape, config: Config, lengths: Sequence[tuple[int, int]]) -> float:
    """The operations for one sample at its padded length."""
    if not lengths:
        return 0.0
    padded = _padded(lengths, config.train.batch_size, config.train.seed, config.train.group_by_length)
    image = sum(image for _, image in lengths) / len(lengths)
    language, vision = weights(shape.language), weights(shape.vision)
    seen = 2 * vision * image * shape.merged
    read = 2 * (language + shape.hidden * shape.vocabulary) * padded + 4 * shape.layers * shape.hidden * padded**2 / 2
    # Forward, forward again unless activations were kept, and back to the inputs. Frozen weights need no gradients.
    times = 2 if config.model.checkpointing == "none" else 3
    return times * read + (times if config.lora.vision else 1) * seen


def _padded(lengths: Sequence[tuple[int, int]], batch: int, seed: int, group: bool) -> float:
    """The mean length of samples in batches that are padded to their longest sample."""
    if batch == 1:
        return sum(tokens for tokens, _ in lengths) / len(lengths)
    if group:
        known = [tokens for tokens, _ in lengths]
        order = grouped(known, batch, seed)
        parts = [order[at : at + batch] for at in range(0, len(order), batch)]
        return sum(len(part) * max(known[place] for place in part) for part in parts) / len(order)
    dice = Random(seed)
    draws = [max(tokens for tokens, _ in dice.choices(lengths, k=batch)) for _ in range(2000)]
    return sum(draws) / len(draws)
