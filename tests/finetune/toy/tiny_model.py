"""Makes a tiny Qwen2.5-VL of random weights: real classes, tokenizer and processor, 340,000 parameters, offline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

PROMPT = "Write the LaTeX code of the formula in this image."
SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
#: As Qwen2.5-VL's, without tools and the numbering of videos.
TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' or 'video' in content %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_VOCABULARY = 480


#: The toy's sizes, for the text and the vision encoder.
TEXT = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2}  # fmt: skip
VISION = {"depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 4, "window_size": 112,
          "out_hidden_size": 64, "fullatt_block_indexes": [1]}  # fmt: skip


def make_tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    text: Mapping[str, Any] = MappingProxyType(TEXT),
    vision: Mapping[str, Any] = MappingProxyType(VISION),
) -> Path:
    """Write model, tokenizer and processor into `folder` and return it. Needs transformers, not unsloth; takes 1 s.

    text, vision: sizes that differ from the toy's, by their names in the configuration.
    """
    import torch
    from transformers import (
        GenerationConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = make_tokenizer(TEMPLATE)
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIALS}
    torch.manual_seed(seed)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2_5_VLForConditionalGeneration(_config(len(tokenizer), ids, text, vision))
    with torch.no_grad():
        # Larger than the usual 0.02, so that a few steps of adapters on frozen noise can learn something.
        for name, weight in model.named_parameters():
            if weight.ndim >= 2:
                weight.normal_(0, 0.4 if "embed_tokens" in name else weight[0].numel() ** -0.5)
    model = model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        bos_token_id=ids["<|endoftext|>"],
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]],
        pad_token_id=ids["<|endoftext|>"],
        do_sample=False,
    )
    model.save_pretrained(folder)
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=56 * 56, max_pixels=1280 * 28 * 28),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=TEMPLATE,
    )
    processor.save_pretrained(folder)
    return folder


def make_tokenizer(
    template: str, *, specials: Sequence[str] = SPECIALS, more: Sequence[str] = (), end: str = "<|im_end|>"
) -> Any:
    """A byte-level BPE of Qwen's class, trained on formulas. The first of `specials` pads; `more` may be shown."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[],
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    bpe.train_from_iterator(_corpus(), trainer)
    learnt = json.loads(bpe.to_str())["model"]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in learnt["merges"]]
    tokenizer = Qwen2Tokenizer(
        vocab=learnt["vocab"],
        merges=merges,
        unk_token=None,
        bos_token=None,
        eos_token=end,
        pad_token=specials[0],
        additional_special_tokens=list(specials[1:]),
        model_max_length=4096,
    )
    tokenizer.add_tokens(list(more))
    tokenizer.chat_template = template
    return tokenizer


def _corpus() -> Sequence[str]:
    formulas = [
        rf"\frac{{{a}}}{{{b}}} + x^{{{i}}} = \sqrt{{y_{{{j}}}}} \int_0^1 \alpha \beta \sum"
        for a in "abcxyz"
        for b in "123"
        for i in range(3)
        for j in range(3)
    ]
    return [*formulas, *(20 * [PROMPT, "system\nYou are a helpful assistant.", "user\n", "assistant\n"])]


def _config(tokens: int, ids: dict[str, int], text: Mapping[str, Any], vision: Mapping[str, Any]) -> Any:
    from transformers import Qwen2_5_VLConfig

    config = Qwen2_5_VLConfig(
        text_config={
            "model_type": "qwen2_5_vl_text",
            "vocab_size": (tokens + 63) // 64 * 64,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
            **text,
            "tie_word_embeddings": True,
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "model_type": "qwen2_5_vl",
            "in_channels": 3,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            **vision,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        vision_token_id=ids["<|vision_pad|>"],
        tie_word_embeddings=True,
    )
    config.architectures = ["Qwen2_5_VLForConditionalGeneration"]
    return config
