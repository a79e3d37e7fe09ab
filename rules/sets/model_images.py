"""The image sizes that vision-language models accept, with one entry per family of models. Opens no image, loads no
model.

`curate audit --for MODEL` judges images by these limits, and `finetune` trains within them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rules.sets.model_resize import FACTOR, MAX_ASPECT, MAX_PIXELS, MIN_PIXELS


@dataclass(frozen=True)
class ImageLimits:
    """The image sizes that a family of models accepts.

    family: its name. pattern: a regular expression for the names of its models, in lower case. factor: pixels per token
    along a side, to multiples of which sides are rounded; None if images are cut into tiles instead. min_side: in
    pixels; some versions of the processor reject smaller images. max_aspect: the greatest ratio of the longer to the
    shorter side; None for any. min_pixels, max_pixels: the processor's own budget; None if it has none.
    """

    family: str
    pattern: str
    factor: int | None
    min_side: int
    max_aspect: int | None
    min_pixels: int | None
    max_pixels: int | None


#: Limits for which rules have options of the same names.
LIMIT_NAMES = ("factor", "min_side", "max_aspect", "min_pixels", "max_pixels")
#: Sources: `preprocessor_config.json` of the models on the hub (patch_size × merge_size, min_pixels, max_pixels), and
#: image_processing_qwen2_vl.py and image_processing_idefics3.py in transformers 5.17. The first entry that matches is
#: used. The files of Qwen2-VL and Qwen2.5-VL allow 12,845,056 pixels; their pages recommend 1,280 tokens, as here.
_FAMILIES = (
    ImageLimits("Qwen3.5", r"qwen-?3[._]5", 32, 32, MAX_ASPECT, 65_536, 16_777_216),
    ImageLimits("Qwen3-VL", r"qwen-?3[-_]vl", 32, 32, MAX_ASPECT, 65_536, 16_777_216),
    ImageLimits("Qwen2.5-VL", r"qwen-?2[._]5[-_]vl", FACTOR, FACTOR, MAX_ASPECT, MIN_PIXELS, MAX_PIXELS),
    ImageLimits("Qwen2-VL", r"qwen-?2[-_]vl", FACTOR, FACTOR, MAX_ASPECT, MIN_PIXELS, MAX_PIXELS),
    ImageLimits("SmolVLM", r"smolvlm|idefics-?3", None, 1, None, None, None),
)
LIMITS = {limits.family: limits for limits in _FAMILIES}
#: The default model.
DEFAULT = LIMITS["Qwen2.5-VL"]


def limits_of(model: str) -> ImageLimits | None:
    """The limits of a model by its name: an id on the hub, a folder, or the name of a family; None if it is unknown."""
    name = model.lower()
    return next((limits for limits in _FAMILIES if re.search(limits.pattern, name)), None)
