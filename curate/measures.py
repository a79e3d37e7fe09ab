"""Measures of one decoded picture: its ink, its sharpness, its hashes. Not for opening it, nor for judging it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from curate.ink import Ink, Mask, ink_of_grey, rgb_of
from curate.strokes import strokes_of

#: What `measure` says of a picture. All is null in a row whose image can't be decoded.
MEASURES: dict[str, Any] = {
    "background": pl.UInt8,
    "polarity": pl.String,
    "contrast": pl.Float32,
    "sharpness": pl.Float32,
    "ink_ratio": pl.Float32,
    "ink_left": pl.Int32,
    "ink_top": pl.Int32,
    "ink_right": pl.Int32,
    "ink_bottom": pl.Int32,
    "ink_border": pl.UInt8,
    "ink_rows": pl.Int32,
    "image_sha256": pl.String,
    "image_phash": pl.String,
    "ink_thumb": pl.Binary,
    "ink_parts": pl.Int32,
    "ink_holes": pl.Int32,
    "ink_across": pl.Float32,
    "ink_down": pl.Float32,
    "ink_lines": pl.Int32,
}

#: Size of `ink_thumb`, width and height.
THUMB = (64, 24)


def measure(image: Image.Image) -> tuple[Any, ...]:
    """The measures of a decoded picture, in the order of MEASURES. Boxes are in pixels of the picture as displayed."""
    rgb = rgb_of(image)
    ink = ink_of_grey(np.asarray(rgb.convert("L")))
    digest = hashlib.sha256(b"%dx%d\n" % rgb.size + rgb.tobytes()).hexdigest()
    box = ink.box
    if box is None:
        return (ink.background, ink.polarity, 0.0, None, 0.0, *(None,) * 4, 0, 0, digest, None, None, *(None,) * 5)
    left, top, right, bottom = box
    inside = ink.mask[top:bottom, left:right]
    height, width = ink.mask.shape
    border = (left == 0) + (top == 0) + (right == width) + (bottom == height)
    thumb = _thumb(inside)
    return (
        ink.background,
        ink.polarity,
        ink.contrast,
        _sharpness(ink, box),
        float(inside.sum() / ink.mask.size),
        *box,
        border,
        _rows(inside),
        digest,
        _phash(thumb),
        thumb.tobytes(),
        *strokes_of(inside),
    )


def _thumb(inside: Mask) -> Image.Image:
    return Image.fromarray(inside.view(np.uint8) * np.uint8(255)).resize(THUMB, Image.Resampling.BOX)


def _sharpness(ink: Ink, box: tuple[int, int, int, int]) -> float:
    """How steep strokes' edges are: the steepest step between neighbouring pixels, as part of the contrast, 0-1."""
    left, top, right, bottom = box
    grey = ink.grey[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1].astype(np.int16)
    steps = np.abs(np.diff(grey, axis=1)).ravel()
    steps = steps[steps > 255 * ink.contrast * 0.1]
    if not steps.size:
        return 0.0
    return min(1.0, float(np.percentile(steps, 90)) / (255 * ink.contrast))


def _rows(inside: Mask) -> int:
    """Bands of ink one below the other, with blank rows between."""
    inked = np.asarray(inside.any(axis=1))
    return int(inked[0]) + int((inked[1:] & ~inked[:-1]).sum())


def _phash(thumb: Image.Image) -> str:
    """A difference hash of 64 bits, in hexadecimal."""
    small = np.asarray(thumb.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    return np.packbits((small[:, 1:] > small[:, :-1]).ravel()).tobytes().hex()
