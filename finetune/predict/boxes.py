"""Reads the boxes in a model's answer to "where is …?", and converts them to pixels of the original image. Asks no
model.

Models write boxes as they were trained to: in pixels of the scaled image that they see (Qwen2.5-VL), or in thousandths
of its width and height (Qwen2-VL, Qwen3-VL). Answers aren't trusted: an impossible box is left out with a reason, and
the others count.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import polars as pl

from curate.images.model_ready import Resize, model_size
from finetune.models.families import Coordinates
from rules.sets.model_resize import MAX_PIXELS, MIN_PIXELS, smart_resize

#: Left, top, right, bottom.
Box = tuple[float, float, float, float]
Size = tuple[int, int]

#: The most boxes to use for one image, the first ones. A page of formulas has a few dozen.
MOST_BOXES = 100
#: A box with a shorter side, in pixels of the image, can't contain a formula.
_LEAST_SIDE = 3
#: Larger numbers are outside any image.
_FAR = 1e9
#: How many characters of an answer to search.
_MOST_CHARACTERS = 200_000
# `[1, 2, 3, 4]`, with any content, and Qwen2-VL's `(1,2),(3,4)`.
_LIST = re.compile(r"\[([^\[\]{}]{1,200})\]")
_CORNERS = re.compile(r"\(([^()]{1,60})\)\s*,\s*\(([^()]{1,60})\)")


def boxes_in(answer: str) -> tuple[list[Box], Counter[str]]:
    """The boxes in an answer, in the model's own unit, and how many were left out, by reason."""
    text = answer[:_MOST_CHARACTERS]
    found: list[tuple[int, str]] = [(one.start(), one[1]) for one in _LIST.finditer(text)]
    found += [(one.start(), f"{one[1]},{one[2]}") for one in _CORNERS.finditer(text)]
    boxes: list[Box] = []
    left_out: Counter[str] = Counter()
    for _, numbers in sorted(found):
        parts = numbers.split(",")
        if len(parts) != 4:
            continue
        try:
            left, top, right, bottom = (float(part) for part in parts)
        except ValueError:
            left_out["not four numbers"] += 1
            continue
        if not all(map(math.isfinite, (left, top, right, bottom))):
            left_out["not four numbers"] += 1
        elif left >= right or top >= bottom:
            left_out["corners in the wrong order"] += 1
        elif (left, top, right, bottom) in boxes:
            left_out["repeated in one answer"] += 1
        elif len(boxes) >= MOST_BOXES:
            left_out[f"more than {MOST_BOXES} in one answer"] += 1
        else:
            boxes.append((left, top, right, bottom))
    return boxes, left_out


def seen_sizes(sizes: Sequence[Size], resize: Resize, max_pixels: int = MAX_PIXELS) -> list[Size]:
    """The sizes at which a model sees upright images of these sizes, after preparation here and by the processor."""
    ready = [model_size(*size, resize=resize) for size in sizes]
    frame = pl.DataFrame(ready, schema={"wide": pl.Int64, "high": pl.Int64}, orient="row")
    least = min(MIN_PIXELS, max_pixels)
    wide, high = smart_resize(pl.col("wide"), pl.col("high"), min_pixels=least, max_pixels=max_pixels)
    return list(frame.select(wide.alias("wide"), high.alias("high")).iter_rows())


def in_pixels(
    boxes: Sequence[Box], coordinates: Coordinates, size: Size, seen: Size
) -> tuple[list[tuple[int, int, int, int]], Counter[str]]:
    """Boxes in whole pixels of an image of this size, cropped to it, and how many were left out, by reason."""
    units = seen if coordinates == "pixels" else (1000, 1000)
    kept: list[tuple[int, int, int, int]] = []
    left_out: Counter[str] = Counter()
    for left, top, right, bottom in boxes:
        across, down = size[0] / units[0], size[1] / units[1]
        left, top, right, bottom = (max(-_FAR, min(number, _FAR)) for number in (left, top, right, bottom))
        box = (
            max(math.floor(left * across), 0),
            max(math.floor(top * down), 0),
            min(math.ceil(right * across), size[0]),
            min(math.ceil(bottom * down), size[1]),
        )
        if box[0] >= size[0] or box[1] >= size[1] or box[2] <= 0 or box[3] <= 0:
            left_out["outside the image"] += 1
        elif box[2] - box[0] < _LEAST_SIDE or box[3] - box[1] < _LEAST_SIDE:
            left_out[f"less than {_LEAST_SIDE} pixels wide or high"] += 1
        else:
            kept.append(box)
    return kept, left_out
