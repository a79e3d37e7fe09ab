"""Makes a tiny model of random weights of each family: real transformers classes, tokenizer, processor and template.

Offline, in a second each. Qwen2.5-VL's is `tiny_model`, which the long training tests share.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiny_model import SPECIALS, TEMPLATE, make_tiny_model, make_tokenizer

#: As Qwen3.5's, without tools and videos: an empty thought before the answer, unless it is asked to think.
_THINKING = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% else %}<think>\n{% endif %}{% endif %}"
)
#: As SmolVLM's.
_SMOL = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}<image>{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
_SMOL_SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<image>", "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)  # fmt: skip
_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}


def make(family: str, folder: Path) -> Path:
    """Write a tiny model of this family (its name in `finetune.models.families`) into `folder` and return it."""
    return _MAKERS[family](folder)


def _qwen2(folder: Path) -> Path:
    import transformers

    vision = {
        "depth": 2,
        "embed_dim": 64,
        "hidden_size": 64,
        "mlp_ratio": 2,
        "num_heads": 4,
        "in_channels": 3,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    text = {**_TEXT, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}}
    return _qwen(folder, "Qwen2VL", text, vision, transformers.Qwen2VLProcessor, TEMPLATE)


def _qwen3(folder: Path) -> Path:
    import transformers

    vision = {**_VISION3, "deepstack_visual_indexes": [0]}
    text = {
        **_TEXT,
        "head_dim": 16,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5e6,
            "mrope_section": [2, 3, 3],
            "mrope_interleaved": True,
        },
    }
    return _qwen(folder, "Qwen3VL", text, vision, transformers.Qwen3VLProcessor, TEMPLATE)


def _qwen35(folder: Path) -> Path:
    import transformers

    text = {
        **_TEXT,
        "head_dim": 32,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "layer_types": ["linear_attention", "full_attention"],
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e7, "mrope_section": [1, 1, 2], "mrope_interleaved": True,
            "partial_rotary_factor": 0.25,
        },
    }  # fmt: skip
    return _qwen(folder, "Qwen3_5", text, _VISION3, transformers.Qwen3VLProcessor, _THINKING)


_VISION3 = {
    "depth": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_heads": 4,
    "in_channels": 3,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "out_hidden_size": 64,
    "num_position_embeddings": 64,
}


def _qwen(folder: Path, name: str, text: dict[str, Any], vision: dict[str, Any], kind: Any, template: str) -> Path:
    import transformers

    tokenizer = make_tokenizer(template, more=("<think>", "</think>") if template == _THINKING else ())
    ids = {special: tokenizer.convert_tokens_to_ids(special) for special in SPECIALS}
    ends = {
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    config = getattr(transformers, f"{name}Config")(
        text_config={**text, **ends, "vocab_size": (len(tokenizer) + 63) // 64 * 64},
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    patch = vision["patch_size"]
    images = transformers.Qwen2VLImageProcessor(
        patch_size=patch, merge_size=2, min_pixels=4 * (2 * patch) ** 2, max_pixels=1280 * 28 * 28
    )
    videos = transformers.Qwen3VLVideoProcessor if patch == 16 else transformers.Qwen2VLVideoProcessor
    processor = kind(image_processor=images, tokenizer=tokenizer, video_processor=videos(), chat_template=template)
    model = getattr(transformers, f"{name}ForConditionalGeneration")
    return _write(folder, model(config), processor, [ids["<|im_end|>"], ids["<|endoftext|>"]], ids["<|endoftext|>"])


def _smol(folder: Path) -> Path:
    import transformers

    tokenizer = make_tokenizer(_SMOL, specials=_SMOL_SPECIALS, end="<end_of_utterance>")
    end, pad, image = map(tokenizer.convert_tokens_to_ids, ("<end_of_utterance>", "<|endoftext|>", "<image>"))
    ends = {"bos_token_id": pad, "eos_token_id": end, "pad_token_id": pad}
    config = transformers.Idefics3Config(
        text_config={"model_type": "llama", **_TEXT, **ends, "vocab_size": (len(tokenizer) + 63) // 64 * 64},
        vision_config={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 64,
            "patch_size": 8,
        },
        image_token_id=image,
        scale_factor=2,
        pad_token_id=pad,
        tie_word_embeddings=True,
    )
    # SmolVLM's tiles have 512 pixels a side and 64 tokens; the toy's have 64 pixels and 16 tokens.
    images = transformers.Idefics3ImageProcessor(size={"longest_edge": 256}, max_image_size={"longest_edge": 64})
    processor = transformers.Idefics3Processor(
        image_processor=images, tokenizer=tokenizer, image_seq_len=16, chat_template=_SMOL
    )
    return _write(folder, transformers.Idefics3ForConditionalGeneration(config), processor, [end], pad)


def _write(folder: Path, model: Any, processor: Any, ends: list[int], pad: int) -> Path:
    import torch
    from transformers import GenerationConfig

    torch.manual_seed(0)
    with torch.no_grad():
        # Larger than the usual 0.02, so that a few steps of adapters on frozen noise can learn something.
        for name, weight in model.named_parameters():
            if weight.ndim >= 2:
                weight.normal_(0, 0.4 if "embed_tokens" in name else weight[0].numel() ** -0.5)
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=pad, do_sample=False)
    model.to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


_MAKERS: dict[str, Callable[[Path], Path]] = {
    "Qwen2-VL": _qwen2,
    "Qwen2.5-VL": make_tiny_model,
    "Qwen3-VL": _qwen3,
    "Qwen3.5": _qwen35,
    "SmolVLM": _smol,
}
