"""What vision-language models make of an image's size: one entry a family of models. Opens no image, loads no model.

`curate audit --for MODEL` judges images by it, and `finetune` trains by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rules.sets.model_resize import FACTOR, MAX_ASPECT, MAX_PIXELS, MIN_PIXELS


@dataclass(frozen=True)
class ImageLimits:
    """The sizes of images that a family of models takes.

    family: its name. pattern: what is in the names of its models, as a regular expression on small letters. factor:
    pixels of a side that one token stands for, sides being rounded to multiples of it; None where images are cut into
    tiles instead. min_side: pixels; what is smaller is refused by some versions of the processor. max_aspect: a longer
    side may be so many times the shorter; None for any. min_pixels, max_pixels: the processor's own budget, None where
    it has none.
    """

    family: str
    pattern: str
    factor: int | None
    min_side: int
    max_aspect: int | None
    min_pixels: int | None
    max_pixels: int | None


#: Limits that rules have options for, by the same names.
LIMIT_NAMES = ("factor", "min_side", "max_aspect", "min_pixels", "max_pixels")
#: Sources: `preprocessor_config.json` of the models on the hub (patch_size × merge_size, min_pixels, max_pixels), and
#: image_processing_qwen2_vl.py and image_processing_idefics3.py in transformers 5.17. What is listed first is tried
#: first. Qwen2-VL's and Qwen2.5-VL's files allow 12,845,056 pixels, their pages recommend 1,280 tokens, as here.
_FAMILIES = (
    ImageLimits("Qwen3.5", r"qwen-?3[._]5", 32, 32, MAX_ASPECT, 65_536, 16_777_216),
    ImageLimits("Qwen3-VL", r"qwen-?3[-_]vl", 32, 32, MAX_ASPECT, 65_536, 16_777_216),
    ImageLimits("Qwen2.5-VL", r"qwen-?2[._]5[-_]vl", FACTOR, FACTOR, MAX_ASPECT, MIN_PIXELS, MAX_PIXELS),
    ImageLimits("Qwen2-VL", r"qwen-?2[-_]vl", FACTOR, FACTOR, MAX_ASPECT, MIN_PIXELS, MAX_PIXELS),
    ImageLimits("SmolVLM", r"smolvlm|idefics-?3", None, 1, None, None, None),
)
LIMITS = {limits.family: limits for limits in _FAMILIES}
#: The model that everything is made for unless another is named.
DEFAULT = LIMITS["Qwen2.5-VL"]


def limits_of(model: str) -> ImageLimits | None:
    """The limits of a model by its name: an id on the hub, a folder, or a family's name; None where nobody knows it."""
    name = model.lower()
    return next((limits for limits in _FAMILIES if re.search(limits.pattern, name)), None)
