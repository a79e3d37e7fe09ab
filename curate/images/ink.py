"""Separates ink from paper: a mask of a picture's strokes, printed or photographed. Doesn't judge what it finds.

There are two ways, and the picture decides. If most of the picture is one grey level, that level is the paper.
Otherwise (a photo: grey paper, shadows) the paper is estimated locally: the median of tiles far larger than a stroke.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps

Polarity = Literal["dark", "light"]
Box = tuple[int, int, int, int]
Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
#: The grey levels that occur in a picture, ascending, and how many pixels have each.
Counts = dict[int, int]

#: Levels this close to the paper still are paper in a picture with one paper level: JPEG ripples, not strokes.
FLAT = 8
#: The share of a picture that one level (give or take FLAT) must have to be the paper of the whole picture.
FLAT_SHARE = 0.6
#: Or the share that two levels must have together: a bold formula cut so tightly that half of the picture is ink.
TWO_LEVELS = 0.85
#: A smaller distance from the paper, in levels, is never ink.
FAINTEST = 16
#: Nor is a smaller distance in standard deviations of the paper's own levels.
GRAIN = 6.0
#: A stroke's edge lies where the darkness reaches this share of the darkest strokes' distance from the paper.
EDGE = 0.4
#: Between these shares of that distance a pixel is neither paper nor stroke: the soft part of an edge.
SOFT = (0.25, 0.75)
#: A picture with this many pixels is a page.
LARGE = 400_000
#: How many pixels are looked at before a picture's levels are counted.
_LOOKED_AT = 400
#: In a photo, ink is more than this many standard deviations of the paper away from it.
NOISE = 4.0


@dataclass(frozen=True)
class Ink:
    """What is ink in a picture.

    mask: (height, width), True where there is ink. grey: (height, width), 0-255, as displayed, transparency on white.
    background: the paper's level, 0-255. polarity: whether the ink is darker or lighter than the paper.
    contrast: distance of the ink's level from the paper's, 0-1 (1: black on white); 0 without ink.
    soft: pixels that are neither paper nor ink. faintest: a smaller distance from the paper, in levels, is paper.
    away: distance of each pixel from its paper, 0-255, if the paper is uneven; 0 for paper.
    inked: the ink's only level, in a picture with two levels: the paper's and this one.
    """

    mask: Mask
    grey: Grey
    background: int
    polarity: Polarity
    contrast: float
    soft: int
    faintest: int = FAINTEST
    away: Grey | None = None
    inked: int | None = None

    @cached_property
    def rows(self) -> bytes:
        """For each row of the picture, 1 if it holds ink."""
        return _rows(self.mask)

    @property
    def box(self) -> Box | None:
        """left, top, right, bottom of the ink in pixels, right and bottom exclusive; None in a blank picture."""
        return _box(self.mask, self.rows)

    def coverage(self, box: Box) -> Image.Image:
        """How much of each pixel in the box is ink, 0-255 (mode L): a stroke's edges are grey, its middle is 255."""
        left, top, right, bottom = box
        if self.away is not None:
            levels = self.away[top:bottom, left:right].tobytes().translate(_coverages(0, "light", 1, self.contrast))
        else:
            table = _coverages(self.background, self.polarity, self.faintest, self.contrast)
            if self.inked is None:
                levels = self.grey[top:bottom, left:right].tobytes().translate(table)
            else:
                levels = (self.mask[top:bottom, left:right].view(np.uint8) * np.uint8(table[self.inked])).tobytes()
        return Image.frombuffer("L", (right - left, bottom - top), levels, "raw", "L", 0, 1)


def ink_of(image: Image.Image) -> Ink:
    """The ink of a picture of any mode, turned as its EXIF tag says, on white where it is transparent."""
    return ink_of_grey(np.asarray(grey_of(image)))


def oriented(image: Image.Image) -> Image.Image:
    """The image as it should be seen: turned and mirrored as its EXIF tag says."""
    image.load()  # a PNG may state its orientation only at its end; a TIFF is turned while it is decoded
    return image if image.getexif().get(0x0112, 1) == 1 else ImageOps.exif_transpose(image)


def rgb_of(image: Image.Image) -> Image.Image:
    """The image as RGB, turned as its EXIF tag says, on white where it is transparent; 16 bits become 8."""
    return on_white(oriented(image)).convert("RGB")


def grey_of(image: Image.Image) -> Image.Image:
    """The image as grey levels (mode L), turned as its EXIF tag says, on white where it is transparent."""
    return on_white(oriented(image)).convert("L")


def has_alpha(image: Image.Image) -> bool:
    """Whether some pixels of an image may be transparent, judging by its mode and header."""
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def on_white(image: Image.Image) -> Image.Image:
    """A decoded image without transparency, laid on white, with 8 bits: mode L, RGB or another simple one."""
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if image.mode == "P":
        return _without_palette(image)
    if not has_alpha(image):
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _without_palette(image: Image.Image) -> Image.Image:
    """A palette image as L if all its colours are grey, else as RGB.

    A page has millions of pixels; only its 256 colours are laid on white.
    """
    colours = Image.frombytes("P", (256, 1), bytes(range(256)))
    colours.putpalette(image.getpalette("RGB") or [])
    if "transparency" in image.info:
        colours.info["transparency"] = image.info["transparency"]
    layer = colours.convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB").tobytes()
    if opaque[0::3] == opaque[1::3] == opaque[2::3]:
        return Image.frombytes("L", image.size, image.tobytes().translate(opaque[0::3]))
    out = image.copy()
    out.info = {}
    out.putpalette(opaque)
    return out.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture with 16 or 32 bits per pixel as 8: by the range 0-65535 if that covers it, else by its own range."""
    levels = np.nan_to_num(np.asarray(image, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(levels.min(initial=0)), float(levels.max(initial=0))
    if image.mode.startswith("I") and low >= 0 and 255 < high <= 65535:
        low, high = 0.0, 65535.0
    elif low >= 0 and 1 < high <= 255:
        low, high = 0.0, 255.0
    scale = 255.0 / (high - low) if high > low else 0.0
    return Image.fromarray(((levels - low) * scale).clip(0, 255).astype(np.uint8))


def ink_of_grey(grey: Grey) -> Ink:
    """`ink_of` for the grey levels (height, width) of a picture that is already turned and opaque."""
    if grey.size < LARGE:
        counts = _counts(grey)
        paper = _paper_level(counts, grey)
        return _on_uneven(grey) if paper is None else _on_flat(grey, counts, paper)
    # Counting a page's levels is slow, and nearly all of it is paper: a sample tells the paper's level,
    # and the rest is counted around the ink.
    some = grey[:: grey.size // LARGE + 1]
    paper = _paper_level(_counts(some), some)
    if paper is None:
        return _on_uneven(grey)
    far = (grey > min(paper + FAINTEST, 256) - 1) | (grey < max(paper - FAINTEST, -1) + 1)
    left, top, right, bottom = _box(far, _rows(far)) or (0, 0, 1, 1)
    return _on_flat(grey, _counts(grey[top:bottom, left:right]), paper)


def _counts(grey: Grey) -> Counts:
    """How often each level occurs."""
    few = sorted(set(grey.ravel()[:: grey.size // _LOOKED_AT + 1].tolist()))
    if len(few) <= 2:  # many pictures have two levels; those are counted in a third of the time
        counts = {level: int(np.count_nonzero(grey == level)) for level in few}
        if sum(counts.values()) == grey.size:
            return counts
    size = (grey.shape[1], grey.shape[0])
    histogram = Image.frombuffer("L", size, grey.tobytes(), "raw", "L", 0, 1).histogram()
    return {level: number for level, number in enumerate(histogram) if number}


def _around(counts: Counts, level: int, reach: int) -> int:
    return sum([number for other, number in counts.items() if abs(other - level) <= reach])


def _paper_level(counts: Counts, grey: Grey) -> int | None:
    """The level of the paper, or None if no level makes up most of the picture."""
    mode = max(counts, key=counts.__getitem__)
    share = _around(counts, mode, FLAT) / grey.size
    if share >= FLAT_SHARE:
        return mode
    rest = [level for level in counts if abs(level - mode) > 2 * FLAT]
    other = max(rest, key=counts.__getitem__, default=0)
    if share + _around(counts, other, FLAT) / grey.size < TWO_LEVELS:
        return None
    rim = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1])).astype(np.int16)
    return mode if np.median(np.abs(rim - mode)) <= np.median(np.abs(rim - other)) else other


def _on_flat(grey: Grey, counts: Counts, paper: int) -> Ink:
    """Ink on paper of one level: all arithmetic is on levels, and the picture is compared with one of them."""
    near = [(level - paper, number) for level, number in counts.items() if abs(level - paper) <= FLAT]
    grain = sum([number * off * off for off, number in near]) / max(sum([number for _, number in near]), 1)
    faintest = max(FAINTEST, int(GRAIN * grain**0.5))
    # Distances from the paper, and how many pixels have them: nearest first.
    darker = [(paper - level, number) for level, number in counts.items() if paper - level >= faintest][::-1]
    lighter = [(level - paper, number) for level, number in counts.items() if level - paper >= faintest]
    polarity: Polarity = "dark" if _mass(darker) >= _mass(lighter) else "light"
    strokes = darker if polarity == "dark" else lighter
    total = sum([number for _, number in strokes])
    if not total:
        return Ink(np.zeros(grey.shape, np.bool_), grey, paper, polarity, 0.0, 0, faintest)
    most = 0.9 * total
    so_far = accumulate(number for _, number in strokes)
    deep = next(away for (away, _), number in zip(strokes, so_far, strict=True) if number >= most)
    edge = max(faintest, -int(-EDGE * deep // 1))
    mask = grey <= paper - edge if polarity == "dark" else grey >= paper + edge
    low, high = (round(part * deep) for part in SOFT)
    soft = sum([number for away, number in strokes if low <= away < high])
    two = len(counts) == 2 and paper in counts and sum(counts.values()) == grey.size
    return Ink(mask, grey, paper, polarity, deep / 255, soft, faintest, inked=sum(counts) - paper if two else None)


@lru_cache(maxsize=64)
def _coverages(background: int, polarity: Polarity, faintest: int, contrast: float) -> bytes:
    """For each level, how much of a pixel with that level is ink, 0-255."""
    steps = np.arange(256) - background if polarity == "light" else background - np.arange(256)
    part = (steps / max(contrast, 1 / 255)).clip(0, 255)
    return np.where(steps >= faintest, part, 0).astype(np.uint8).tobytes()


def _rows(mask: Mask) -> bytes:
    """For each row of a mask, 1 if it holds ink."""
    return mask.any(axis=1).tobytes()


def _box(mask: Mask, rows: bytes) -> Box | None:
    top, bottom = rows.find(1), rows.rfind(1) + 1
    if not bottom:
        return None
    columns = mask[top:bottom].any(axis=0).tobytes()
    return columns.find(1), top, columns.rfind(1) + 1, bottom


def _mass(strokes: list[tuple[int, int]]) -> int:
    return sum([away * number for away, number in strokes])


def _on_uneven(grey: Grey) -> Ink:
    """Ink on paper whose level changes across the picture."""
    away = grey.astype(np.int16) - _paper(grey)
    sigma = 1.4826 * float(np.median(np.abs(away)))
    floor = max(FAINTEST / 2, NOISE * sigma)
    dark, light = -away[away < -floor], away[away > floor]
    polarity: Polarity = "light" if int(light.sum()) > int(dark.sum()) else "dark"
    strokes = light if polarity == "light" else dark
    background = int(np.median(grey))
    if not strokes.size:
        return Ink(np.zeros(grey.shape, np.bool_), grey, background, polarity, 0.0, 0)
    if polarity == "dark":
        np.negative(away, out=away)
    deep = float(np.percentile(strokes, 90))
    inked = (away > max(floor, EDGE * deep)).view(np.uint8) * np.uint8(255)
    # Grain of the paper has few inked neighbours; of the nine pixels at and around a stroke's pixel, four are inked.
    mask = np.asarray(Image.fromarray(inked).filter(ImageFilter.BoxBlur(1))) >= 4 * 255 // 9
    mask &= inked.view(np.bool_)
    soft = int(np.count_nonzero((away > max(floor, SOFT[0] * deep)) & (away < SOFT[1] * deep)))
    away[away < floor] = 0
    return Ink(mask, grey, background, polarity, deep / 255, soft, away=away.clip(0, 255).astype(np.uint8))


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
    medians = np.median(tiles, axis=2)
    padded = np.pad(medians, 1, mode="edge")
    around = np.stack([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)])
    smooth = Image.fromarray(np.median(around, axis=0).astype(np.uint8))
    return np.asarray(smooth.resize((width, height), Image.Resampling.BILINEAR)).astype(np.int16)
