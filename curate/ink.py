"""Tells ink from paper: a mask of the strokes of a picture, printed or photographed. Not for judging what it finds.

Two ways, chosen by the picture. Where one grey level is most of the picture, the paper is that level. Elsewhere (a
photo: grey paper, shadows) the paper is estimated place by place, as the median of tiles far larger than a stroke.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Polarity = Literal["dark", "light"]
Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

#: Levels from the paper that are still paper in a picture of one paper level: JPEG ripples, not strokes.
FLAT = 8
#: Part of a picture that one paper level (give or take FLAT) must hold, so that it is taken for the paper of all of it.
FLAT_SHARE = 0.7
#: Less than so many levels from the paper is never ink.
FAINTEST = 16
#: A stroke's edge lies where it is so dark, as part of the darkest strokes' distance from the paper.
EDGE = 0.4
#: In a photo, ink is further from its paper than so many standard deviations of the paper.
NOISE = 4.0


@dataclass(frozen=True)
class Ink:
    """What is ink in a picture.

    mask: (height, width), True where there is ink. grey: (height, width), 0-255, as displayed, transparency on white.
    background: the level of the paper, 0-255. polarity: whether the ink is darker or lighter than the paper.
    contrast: distance of the ink's level from the paper's, 0-1 (1: black on white); 0 where there is no ink.
    """

    mask: Mask
    grey: Grey
    background: int
    polarity: Polarity
    contrast: float

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """left, top, right, bottom of the ink in pixels, right and bottom exclusive; None in a blank picture."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        if not rows.size:
            return None
        columns = np.flatnonzero(self.mask[rows[0] : rows[-1] + 1].any(axis=0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def ink_of(image: Image.Image) -> Ink:
    """The ink of a picture of any mode, turned as its EXIF tag says, on white where it is transparent."""
    return ink_of_grey(np.asarray(grey_of(image)))


def oriented(image: Image.Image) -> Image.Image:
    """The image as it is to be seen: turned and mirrored as its EXIF tag says."""
    image.load()  # a PNG may say only at its end how it is turned; a TIFF is turned while it is decoded
    return image if image.getexif().get(0x0112, 1) == 1 else ImageOps.exif_transpose(image)


def rgb_of(image: Image.Image) -> Image.Image:
    """The image as RGB, turned as its EXIF tag says, on white where it is transparent; 16 bits become 8."""
    return _on_white(oriented(image)).convert("RGB")


def grey_of(image: Image.Image) -> Image.Image:
    """The image as grey levels (mode L), turned as its EXIF tag says, on white where it is transparent."""
    return _on_white(oriented(image)).convert("L")


def has_alpha(image: Image.Image) -> bool:
    """Whether some pixels of an image may be transparent, by its mode and header."""
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if not has_alpha(image):
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture of 16 or 32 bits a pixel as 8: by its format's range where the mode says it, else by its own range."""
    levels = np.asarray(image, dtype=np.float64)
    levels = np.nan_to_num(levels, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (
        (0.0, 65535.0)
        if image.mode.startswith("I") and levels.max(initial=0) <= 65535
        else (float(levels.min(initial=0)), float(levels.max(initial=0)))
    )
    scale = 255.0 / (high - low) if high > low else 0.0
    return Image.fromarray(((levels - low) * scale).clip(0, 255).astype(np.uint8))


def ink_of_grey(grey: Grey) -> Ink:
    """`ink_of` for a picture that is grey levels already: (height, width), 0-255."""
    counts = np.bincount(grey.ravel(), minlength=256)
    near = np.convolve(counts, np.ones(2 * FLAT + 1, np.int64), mode="same")
    if near.max() >= FLAT_SHARE * grey.size:
        middle = int(near.argmax())
        low = max(middle - FLAT, 0)
        return _on_flat(grey, counts, low + int(counts[low : middle + FLAT + 1].argmax()))
    return _on_uneven(grey)


def _on_flat(grey: Grey, counts: npt.NDArray[np.int64], paper: int) -> Ink:
    """Ink on paper of one level: all arithmetic is on the 256 levels, the picture is looked up once."""
    away = np.arange(256) - paper
    dark = int((counts * (-away).clip(FAINTEST, None) * (away <= -FAINTEST)).sum())
    light = int((counts * away.clip(FAINTEST, None) * (away >= FAINTEST)).sum())
    polarity: Polarity = "light" if light > dark else "dark"
    distance = away if polarity == "light" else -away
    strokes = np.where(distance >= FAINTEST, counts, 0)
    total = int(strokes.sum())
    if not total:
        return Ink(np.zeros(grey.shape, np.bool_), grey, paper, polarity, 0.0)
    order = np.argsort(distance, kind="stable")
    deep = int(distance[order[np.searchsorted(np.cumsum(strokes[order]), 0.9 * total)]])
    table = distance >= max(FAINTEST, EDGE * deep)
    return Ink(table[grey], grey, paper, polarity, deep / 255)


def _on_uneven(grey: Grey) -> Ink:
    """Ink on paper whose level changes over the picture."""
    away = grey.astype(np.int16) - _paper(grey)
    sigma = 1.4826 * float(np.median(np.abs(away)))
    floor = max(FAINTEST / 2, NOISE * sigma)
    dark, light = -away[away < -floor], away[away > floor]
    polarity: Polarity = "light" if int(light.sum()) > int(dark.sum()) else "dark"
    strokes = light if polarity == "light" else dark
    background = int(np.median(grey))
    if not strokes.size:
        return Ink(np.zeros(grey.shape, np.bool_), grey, background, polarity, 0.0)
    deep = float(np.percentile(strokes, 90))
    mask = (away if polarity == "light" else -away) > max(floor, EDGE * deep)
    return Ink(mask, grey, background, polarity, deep / 255)


def _paper(grey: Grey) -> npt.NDArray[np.int16]:
    """The level of the paper at each pixel: the median of each tile, smoothed over the tiles around it."""
    height, width = grey.shape
    tile = max(16, min(height, width) // 3)
    rows, columns = max(1, round(height / tile)), max(1, round(width / tile))
    # Each tile is made of eight by eight samples: enough for a median, whatever the size of the picture.
    ys = (np.arange(rows * 8) + 0.5) * height / (rows * 8)
    xs = (np.arange(columns * 8) + 0.5) * width / (columns * 8)
    samples = grey[np.ix_(ys.astype(np.intp), xs.astype(np.intp))]
    tiles = samples.reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(rows, columns, 64)
    medians = np.median(tiles, axis=2).astype(np.uint8)
    padded = np.pad(medians, 1, mode="edge")
    around = np.stack([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)])
    smooth = Image.fromarray(np.median(around, axis=0).astype(np.uint8))
    return np.asarray(smooth.resize((width, height), Image.Resampling.BILINEAR)).astype(np.int16)
