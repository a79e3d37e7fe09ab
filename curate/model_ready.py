"""Makes images ready for a vision-language model: upright RGB on white, large enough, not too large. Judges nothing."""

from __future__ import annotations

from typing import Literal

from PIL import Image, ImageOps

from curate.ink import ink_of, rgb_of

Resize = Literal["upscale", "pad", "none"]
Crop = Literal["ink", "none"]

#: Qwen2-VL's and Qwen2.5-VL's processors refuse an image with a shorter side.
MIN_SIDE = 28
#: And one whose longer side is more than so many times the shorter.
MAX_ASPECT = 200
#: Qwen2.5-VL's default pixel budget is 1280 tokens of 28 by 28 pixels.
MAX_PIXELS = 1280 * 28 * 28


def model_image(
    image: Image.Image,
    *,
    resize: Resize = "upscale",
    crop: Crop = "none",
    min_side: int = MIN_SIDE,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """A new RGB image to train on or predict from; the image given is left as it is.

    resize: how sides under `min_side` pixels are mended, by scaling both sides up or by white paper around; with
    "none" sizes are left alone. crop: "ink" cuts to the ink and a margin. max_pixels: larger images are scaled down.
    """
    rgb = rgb_of(image)
    if crop == "ink":
        box = ink_of(rgb).box
        if box is not None:
            margin = max(8, (box[3] - box[1]) // 10)
            rgb = rgb.crop(
                (
                    max(box[0] - margin, 0),
                    max(box[1] - margin, 0),
                    min(box[2] + margin, rgb.width),
                    min(box[3] + margin, rgb.height),
                )
            )
    if resize == "none":
        return rgb
    width, height = rgb.size
    if width * height > max_pixels:
        scale = (max_pixels / (width * height)) ** 0.5
        width, height = max(1, int(width * scale)), max(1, int(height * scale))
        rgb = rgb.resize((width, height), Image.Resampling.LANCZOS)
    if resize == "upscale" and min(width, height) < min_side:
        scale = min_side / min(width, height)
        if width * height * scale * scale <= max_pixels:
            width, height = max(min_side, round(width * scale)), max(min_side, round(height * scale))
            rgb = rgb.resize((width, height), Image.Resampling.LANCZOS)
    wide = max(width, min_side, -(-height // MAX_ASPECT))
    high = max(height, min_side, -(-width // MAX_ASPECT))
    if (wide, high) == (width, height):
        return rgb
    left, top = (wide - width) // 2, (high - height) // 2
    return ImageOps.expand(rgb, (left, top, wide - width - left, high - height - top), fill="white")
