"""The sizes of a model's matrices, from its configuration alone, for estimates of memory and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Matrices of one kind: attention, mlp or another word; the number of layers; inputs; outputs.
Matrix = tuple[str, int, int, int]


@dataclass(frozen=True)
class ModelShape:
    """The sizes for the estimates: the matrices as (kind, layers, inputs, outputs) and some widths."""

    language: tuple[Matrix, ...]
    vision: tuple[Matrix, ...]
    hidden: int
    layers: int
    vision_hidden: int
    vision_layers: int
    vocabulary: int
    #: Weights outside these matrices: embeddings, the output layer if it is separate, the embedding of patches.
    others: int
    #: The number of patches per token.
    merged: int

    def parameters(self) -> int:
        return weights(self.language) + weights(self.vision) + self.others


def weights(parts: tuple[Matrix, ...]) -> int:
    """Numbers in these matrices."""
    return sum(layers * inputs * outputs for _, layers, inputs, outputs in parts)


def qwen_shape(config: Any) -> ModelShape:
    """The shape of a model of Qwen2-VL, Qwen2.5-VL, Qwen3-VL or Qwen3.5, from its transformers configuration."""
    text, vision = getattr(config, "text_config", config), config.vision_config
    # In Qwen2.5-VL and later, hidden_size is the width of the vision tower; in Qwen2-VL, that of the language model.
    wide = getattr(vision, "embed_dim", None) or vision.hidden_size
    inside = getattr(vision, "intermediate_size", None) or int(wide * vision.mlp_ratio)
    merged = vision.spatial_merge_size**2
    depth = vision.depth
    # Qwen3-VL and Qwen3.5 have learnt positions and no gated MLP.
    places = getattr(vision, "num_position_embeddings", 0)
    gated = 2 if hasattr(vision, "out_hidden_size") and not places else 1
    mergers = 1 + len(getattr(vision, "deepstack_visual_indexes", None) or ())
    seeing = (
        ("attention", depth, wide, 3 * wide),
        ("attention", depth, wide, wide),
        ("mlp", depth, wide, gated * inside),
        ("mlp", depth, inside, wide),
        ("merger", mergers, wide * merged, wide * merged),
        ("merger", mergers, wide * merged, text.hidden_size),
    )
    patch = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2 * wide
    return _shape(config, text, seeing, (wide, depth, merged), patch + places * wide)


def idefics_shape(config: Any) -> ModelShape:
    """The shape of an Idefics3 or SmolVLM, from its transformers configuration."""
    text, vision = config.text_config, config.vision_config
    wide, inside, depth = vision.hidden_size, vision.intermediate_size, vision.num_hidden_layers
    merged = config.scale_factor**2
    seeing = (
        ("attention", depth, wide, 3 * wide),
        ("attention", depth, wide, wide),
        ("mlp", depth, wide, inside),
        ("mlp", depth, inside, wide),
        ("merger", 1, wide * merged, text.hidden_size),
    )
    patch = vision.num_channels * vision.patch_size**2 * wide
    places = (vision.image_size // vision.patch_size) ** 2 * wide
    return _shape(config, text, seeing, (wide, depth, merged), patch + places)


def _shape(config: Any, text: Any, seeing: tuple[Matrix, ...], vision: tuple[int, int, int], more: int) -> ModelShape:
    hidden, layers = text.hidden_size, text.num_hidden_layers
    kinds = list(getattr(text, "layer_types", None) or ())
    linear = kinds.count("linear_attention")
    language = (
        *_attention(text, layers - linear),
        *(_linear_attention(text, linear) if linear else ()),
        ("mlp", layers, hidden, 2 * text.intermediate_size),
        ("mlp", layers, text.intermediate_size, hidden),
    )
    tied = getattr(config, "tie_word_embeddings", False) or getattr(text, "tie_word_embeddings", False)
    others = text.vocab_size * hidden * (1 if tied else 2) + more
    wide, depth, merged = vision
    return ModelShape(language, seeing, hidden, layers, wide, depth, text.vocab_size, others, merged)


def _attention(text: Any, layers: int) -> tuple[Matrix, ...]:
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    queries, keys = text.num_attention_heads * head, text.num_key_value_heads * head
    gate = 2 if hasattr(text, "linear_num_value_heads") else 1  # in Qwen3.5, every query has a gate
    return (
        ("attention", layers, text.hidden_size, gate * queries + 2 * keys),
        ("attention", layers, queries, text.hidden_size),
    )


def _linear_attention(text: Any, layers: int) -> tuple[Matrix, ...]:
    """Qwen3.5's Gated DeltaNet layers."""
    keys = text.linear_num_key_heads * text.linear_key_head_dim
    values = text.linear_num_value_heads * text.linear_value_head_dim
    return (
        ("attention", layers, text.hidden_size, 2 * keys + 2 * values + 2 * text.linear_num_value_heads),
        ("attention", layers, values, text.hidden_size),
    )
