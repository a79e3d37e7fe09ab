"""How the image processors of Qwen2-VL and Qwen2.5-VL resize images, as polars expressions. Opens no image.

Source: `smart_resize` in transformers' image_processing_qwen2_vl.py (version 5.17). Sides become multiples of 28 pixels
(14 per patch, 2 by 2 patches merged), and halves are rounded to the even multiple, as Python's `round` does. Both sides
are scaled together into the pixel budget, and rounded down if the image shrinks or up if it grows.
"""

from __future__ import annotations

import polars as pl

#: Sides become multiples of this many pixels. Versions before 5 reject shorter sides.
FACTOR = 28
#: The processor rejects an image whose longer side is more than this many times the shorter.
MAX_ASPECT = 200
#: The default budget: 4 and 1,280 tokens of 28 by 28 pixels.
MIN_PIXELS = 56 * 56
MAX_PIXELS = 1280 * 28 * 28


def smart_resize(
    width: pl.Expr, height: pl.Expr, *, factor: int = FACTOR, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS
) -> tuple[pl.Expr, pl.Expr]:
    """The width and height (Int64) to which the processor scales an image of at least 1 by 1 pixel.

    The result means nothing for an aspect ratio over MAX_ASPECT, for which the processor raises an error.
    """
    wide, high = width.cast(pl.Float64), height.cast(pl.Float64)
    # This divides by a column, because polars multiplies by the reciprocal of a constant, which rounds differently.
    step, most, least = (wide * 0 + value for value in (factor, max_pixels, min_pixels))
    area = rounded_area(width, height, factor=factor)
    shrink, grow = (wide * high / most).sqrt(), (least / (wide * high)).sqrt()

    def side(length: pl.Expr) -> pl.Expr:
        shrunk = pl.max_horizontal(step, (length / shrink / step).floor() * factor)
        grown = (length * grow / step).ceil() * factor
        scaled = pl.when(area > max_pixels).then(shrunk).when(area < min_pixels).then(grown)
        return scaled.otherwise(_near(length, step) * factor).cast(pl.Int64)

    return side(wide), side(high)


def rounded_area(width: pl.Expr, height: pl.Expr, *, factor: int = FACTOR) -> pl.Expr:
    """The area (Int64, pixels) that the processor compares with its budget: the product of the rounded sides."""
    sides = (width.cast(pl.Float64), height.cast(pl.Float64))
    near = [_near(side, side * 0 + factor).cast(pl.Int64) * factor for side in sides]
    return near[0] * near[1]


def _near(side: pl.Expr, step: pl.Expr) -> pl.Expr:
    return (side / step).round(0, mode="half_to_even")
