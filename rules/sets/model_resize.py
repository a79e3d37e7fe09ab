"""What Qwen2-VL's and Qwen2.5-VL's image processors make of an image's size, as polars expressions. Opens no image.

Source: `smart_resize` in transformers' image_processing_qwen2_vl.py (version 5.17). Sides become multiples of 28 pixels
(14 a patch, 2 by 2 patches merged), halves rounded to the even multiple as Python's `round` does, and both sides are
scaled together into the pixel budget, rounded down where the image shrinks and up where it grows.
"""

from __future__ import annotations

import polars as pl

#: Pixels that a side is a multiple of; a side must be no shorter (versions before 5 refuse it).
FACTOR = 28
#: The processor refuses an image with a longer side of more than so many times the shorter.
MAX_ASPECT = 200
#: The default budget: 4 and 1,280 tokens of 28 by 28 pixels.
MIN_PIXELS = 56 * 56
MAX_PIXELS = 1280 * 28 * 28


def smart_resize(
    width: pl.Expr, height: pl.Expr, *, factor: int = FACTOR, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS
) -> tuple[pl.Expr, pl.Expr]:
    """Width and height (Int64) that the processor scales an image of at least 1 by 1 pixel to.

    What it does to an image with an aspect over MAX_ASPECT is not said here: it raises an error.
    """
    wide, high = width.cast(pl.Float64), height.cast(pl.Float64)
    # Division by a column: polars multiplies by the reciprocal of a constant, which rounds otherwise.
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
    """The area (Int64, pixels) that the processor holds against its budget: that of the rounded sides."""
    sides = (width.cast(pl.Float64), height.cast(pl.Float64))
    near = [_near(side, side * 0 + factor).cast(pl.Int64) * factor for side in sides]
    return near[0] * near[1]


def _near(side: pl.Expr, step: pl.Expr) -> pl.Expr:
    return (side / step).round(0, mode="half_to_even")
