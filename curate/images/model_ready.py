"""Makes images ready for a vision-language model: upright RGB on white, of a suitable size. Judges nothing.

Export and training both call `model_image`, so a model is trained and asked on the same kind of picture.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import Literal

import numpy as np
from PIL import Image, ImageChops

from curate.images.ink import ink_of, rgb_of
from rules.sets.model_resize import FACTOR, MAX_ASPECT, MAX_PIXELS

Resize = Literal["upscale", "pad", "none"]
Crop = Literal["ink", "none"]

#: Longer shapes get paper added. Slightly below the processor's limit: scaling rounds sides to whole pixels.
_ASPECT = 0.95 * MAX_ASPECT
#: The paper left around the ink when cutting, in pixels and as a share of the ink's height: whichever is more.
_MARGIN = (8, 0.1)
#: A cut that leaves more than this share of an image isn't worth it.
_CUT = 0.9


def model_image(
    image: Image.Image,
    *,
    resize: Resize = "upscale",
    crop: Crop = "none",
    invert: bool = False,
    min_side: int = FACTOR,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """A new RGB image to train on or predict from; the given image stays unchanged.

    The image is turned as its EXIF tag says, laid on white where it is transparent, and then:

    invert: turns light ink on dark paper into dark ink on light paper; a picture with dark ink stays as it is.
    crop: "ink" cuts it to its ink's box and a margin, if that removes a tenth of it or more.
    resize: what happens to its size. "upscale" scales both sides until the shorter has `min_side` pixels, "pad" adds
    paper on all sides until then, "none" keeps any size. Unless "none", an image of more than `max_pixels` is scaled
    down, and one of more than 190 times its width or height gets paper added first. The added paper has the colour of
    the image's border: white on a white page.

    Unless "none", both sides of the result are at least `min_side`, their ratio is at most 200, and their product at
    most `max_pixels`: Qwen2.5-VL accepts it. Raises ValueError if `max_pixels` is too small for that, and OSError and
    others if the image can't be decoded.
    """
    if max_pixels < MAX_ASPECT * min_side * min_side:
        raise ValueError(f"max_pixels is {max_pixels}; with sides of {min_side} it must be at least "
                         f"{MAX_ASPECT * min_side * min_side}")  # fmt: skip
    out = rgb_of(image)
    out.info = {}  # no EXIF tag that would turn it a second time
    if invert and ink_of(out).polarity == "light":
        out = ImageChops.invert(out)
    if crop == "ink":
        out = _cut(out)
    if resize == "none":
        return out
    out = _padded(out, ceil(out.height / _ASPECT), ceil(out.width / _ASPECT))
    if out.width * out.height > max_pixels:
        out = _resized(out, _within(out.width, out.height, max_pixels))
    short = min(out.size)
    if short < min_side and resize == "upscale":
        scale = min_side / short
        size = (max(min_side, round(out.width * scale)), max(min_side, round(out.height * scale)))
        out = _resized(out, size)
    return _padded(out, min_side, min_side)


def model_size(
    width: int, height: int, *, resize: Resize = "upscale", min_side: int = FACTOR, max_pixels: int = MAX_PIXELS
) -> tuple[int, int]:
    """The width and height that `model_image` gives an upright image of that size without cropping. Opens no image."""
    if resize == "none":
        return width, height
    width, height = max(width, ceil(height / _ASPECT)), max(height, ceil(width / _ASPECT))
    if width * height > max_pixels:
        width, height = _within(width, height, max_pixels)
    short = min(width, height)
    if short < min_side and resize == "upscale":
        scale = min_side / short
        width, height = round(width * scale), round(height * scale)
    return max(width, min_side), max(height, min_side)


def _within(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """A size with at most this many pixels, no longer in shape: the longer side follows the shorter's rounding."""
    short, long = sorted((width, height))
    smaller = int(short * sqrt(max_pixels / (width * height)))
    longer = long * smaller // short
    return (smaller, longer) if width < height else (longer, smaller)


def _cut(image: Image.Image) -> Image.Image:
    box = ink_of(image).box
    if box is None:
        return image
    left, top, right, bottom = box
    margin = max(_MARGIN[0], round(_MARGIN[1] * (bottom - top)))
    left, top = max(left - margin, 0), max(top - margin, 0)
    right, bottom = min(right + margin, image.width), min(bottom + margin, image.height)
    part = (right - left) * (bottom - top) / (image.width * image.height)
    return image.crop((left, top, right, bottom)) if part <= _CUT else image


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image in another size; for a grey image only one channel is scaled, which takes a third of the time."""
    red, green, blue = image.split()
    if red == green == blue:
        red = red.resize(size, Image.Resampling.LANCZOS)
        return Image.merge("RGB", (red, red, red))
    return image.resize(size, Image.Resampling.LANCZOS)


def _padded(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image centred on at least this much paper."""
    width, height = max(width, image.width), max(height, image.height)
    if (width, height) == image.size:
        return image
    paper = Image.new("RGB", (width, height), _paper(image))
    paper.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return paper


def _paper(image: Image.Image) -> tuple[int, int, int]:
    """The colour of the border: the median of each channel."""
    pixels = np.asarray(image)
    border = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    red, green, blue = np.median(border, axis=0).astype(int).tolist()
    return red, green, blue
