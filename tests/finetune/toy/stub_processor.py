"""A minimal processor: a token for each character, and Qwen2-VL's image sizes. Needs no package of an extra."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

SPECIALS = {"<|im_start|>": 1, "<|im_end|>": 2, "<|image_pad|>": 3}
_PIECES = re.compile("|".join(map(re.escape, SPECIALS)) + "|.", re.DOTALL)


def smart_resize(height: int, width: int, factor: int, least: int, most: int) -> tuple[int, int]:
    """transformers' function of that name, version 5.17, line by line."""
    if max(height, width) / min(height, width) > 200:
        raise ValueError("absolute aspect ratio must be smaller than 200")
    high, wide = round(height / factor) * factor, round(width / factor) * factor
    if high * wide > most:
        beta = math.sqrt((height * width) / most)
        high = max(factor, math.floor(height / beta / factor) * factor)
        wide = max(factor, math.floor(width / beta / factor) * factor)
    elif high * wide < least:
        beta = math.sqrt(least / (height * width))
        high = math.ceil(height * beta / factor) * factor
        wide = math.ceil(width * beta / factor) * factor
    return high, wide


class StubTokenizer:
    padding_side = "right"

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {
            "input_ids": [[SPECIALS.get(piece, ord(piece[0])) for piece in _PIECES.findall(text)] for text in texts]
        }

    def get_added_vocab(self) -> dict[str, int]:
        return SPECIALS


class StubImages:
    patch_size, merge_size = 14, 2

    def __init__(self, min_pixels: int, max_pixels: int) -> None:
        self.size = {"shortest_edge": min_pixels, "longest_edge": max_pixels}


class StubProcessor:
    """With `extra` tokens, its arithmetic differs from ours."""

    def __init__(self, min_pixels: int = 3136, max_pixels: int = 802816, extra: int = 0) -> None:
        self.tokenizer = StubTokenizer()
        self.image_processor = StubImages(min_pixels, max_pixels)
        self.extra = extra

    def apply_chat_template(
        self, messages: list[dict[str, Any]], *, add_generation_prompt: bool = False, **_: Any
    ) -> str:
        out = ""
        for message in messages:
            parts = [part.get("text") or "<|image_pad|>" for part in message["content"]]
            out += f"<|im_start|>{message['role']}\n{''.join(parts)}<|im_end|>\n"
        return out + ("<|im_start|>assistant\n" if add_generation_prompt else "")

    def __call__(self, text: list[str], images: list[list[Any]], **_: Any) -> dict[str, Any]:
        image, size = images[0][0], self.image_processor.size
        high, wide = smart_resize(image.height, image.width, 28, size["shortest_edge"], size["longest_edge"])
        tokens = self.tokenizer(text)["input_ids"][0]
        number = len(tokens) - 1 + high * wide // 784 + self.extra
        return {"input_ids": np.zeros((1, number))}
