"""Makes images ready for a vision-language model: upright RGB on white, large enough, not too large. Judges nothing.

Export and training both call `model_image`, so that a model is trained and asked on the same kind of picture.
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

#: Longer shapes get paper added. A little under what the processor refuses: scaling rounds sides to whole pixels.
_ASPECT = 0.95 * MAX_ASPECT
#: Paper left around the ink when cutting, in pixels and as part of the ink's height: whichever is more.
_MARGIN = (8, 0.1)
#: A cut that leaves more than this part of an image is not worth its while.
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
    """A new RGB image to train on or predict from; the image given is left as it is.

    The image is turned as its EXIF tag says, laid on white where it is transparent, and then:

    invert: makes light ink on dark paper dark ink on light paper; a picture with dark ink stays as it is.
    crop: "ink" cuts it to the box of its ink and a margin, where that takes a tenth of it or more away.
    resize: what is done about its size. "upscale" scales both sides until the shorter has `min_side` pixels, "pad" adds
    paper on all sides until then, "none" leaves any size as it is. Unless "none", an image of more than `max_pixels` is
    scaled down, and one of more than 190 times its width or height gets paper added first. Paper has the colour that
    the image's border has: white on a white page.

    Unless "none", both sides of the result are at least `min_side`, their ratio at most 200, their product at most
    `max_pixels`: Qwen2.5-VL takes it without an error. Raises ValueError where `max_pixels` is too small for that, and
    OSError and the like where the image can't be decoded.
    """
    if max_pixels < MAX_ASPECT * min_side * min_side:
        raise ValueError(f"max_pixels is {max_pixels}; with sides of {min_side} it must be at least "
                         f"{MAX_ASPECT * min_side * min_side}")  # fmt: skip
    out = rgb_of(image)
    out.info = {}  # no EXIF tag that would turn it once more
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
    """Width and height that `model_image` gives an upright image of that size that it doesn't cut. Opens no image."""
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
    """A size of at most so many pixels, and no longer a shape: the longer side follows the shorter one's rounding."""
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
    """The image in another size; of a grey one only one channel is scaled, which takes a third of the time."""
    red, green, blue = image.split()
    if red == green == blue:
        red = red.resize(size, Image.Resampling.LANCZOS)
        return Image.merge("RGB", (red, red, red))
    return image.resize(size, Image.Resampling.LANCZOS)


def _padded(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image in the middle of at least so much paper."""
    width, height = max(width, image.width), max(height, image.height)
    if (width, height) == image.size:
        return image
    paper = Image.new("RGB", (width, height), _paper(image))
    paper.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return paper


def _paper(image: Image.Image) -> tuple[int, int, int]:
    """The colour of the border: the middle one of each channel."""
    pixels = np.asarray(image)
    border = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    red, green, blue = np.median(border, axis=0).astype(int).tolist()
    return red, green, blue
