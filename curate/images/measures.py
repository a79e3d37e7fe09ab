"""Measures of one decoded picture: its ink, its sharpness, its hashes. Doesn't open or judge it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from PIL import Image

from curate.images.ink import Grey, Ink, has_alpha, ink_of_grey, on_white, oriented
from curate.images.strokes import Runs, runs_crossed, runs_of, strokes_of_runs

#: The columns of `measure`. All are null in a row whose image can't be decoded.
MEASURES: dict[str, Any] = {
    #: The paper's level, 0-255, and whether the ink is `dark` or `light` on it.
    "background": pl.UInt8,
    "polarity": pl.String,
    #: Distance of the ink's level from the paper's, 0-1.
    "contrast": pl.Float32,
    #: See `_sharpness`, 0-1; null without ink.
    "sharpness": pl.Float32,
    #: The ink's share of the picture's area.
    "ink_ratio": pl.Float32,
    #: The ink's box in pixels of the picture as displayed, right and bottom exclusive; null without ink.
    "ink_left": pl.Int32,
    "ink_top": pl.Int32,
    "ink_right": pl.Int32,
    "ink_bottom": pl.Int32,
    #: Number of sides of the picture that the ink touches.
    "ink_border": pl.UInt8,
    #: Lines of writing, see `_lines`; 0 without ink.
    "ink_rows": pl.Int32,
    #: Does the paper's level vary across the picture, as in a photo? Null without ink.
    "uneven": pl.Boolean,
    #: The paper's level if an image's transparency is dropped instead of laid on white; null without transparency.
    "bare_background": pl.UInt8,
    #: A hash of the size and the pixels as displayed: equal if the RGB pixels are equal.
    "image_sha256": pl.String,
    #: 256 bits in hexadecimal, see `_hashes`; null without ink.
    "image_phash": pl.String,
    #: The ink's box stretched to THUMB: how much of each cell is ink, 0-255 per byte, row by row.
    "ink_thumb": pl.Binary,
    #: What the ink is made of, see `curate.images.strokes.Strokes`; null without ink.
    "ink_parts": pl.Int32,
    "ink_holes": pl.Int32,
    "ink_across": pl.Float32,
    "ink_down": pl.Float32,
}

#: Size of `ink_thumb`, width and height.
THUMB = (64, 24)
#: Two images may be copies if their hashes differ in at most this many of the 256 bits. Of the copies in
#: `_hashes`, 26 would find a few more; but most of CROHME's pairs within 26 bits are one formula in two hands, which
#: are not copies, and none of those within 20 are (see `curate.duplicates.images`).
NEAR = 20
#: The ratio of edge width to stroke width in a thoroughly blurred picture: 2.0 to 2.2 in print, more in handwriting.
BLURRED = 2.2
#: A band of ink is a line if its height reaches this share of the highest; two are apart if this much is blank between
#: them, or this much if lower bands lie between, such as a fraction's bar.
_HIGH, _NEAR, _FAR = 0.33, 0.25, 0.6


class Measured(NamedTuple):
    """What was measured of one picture, in the order of MEASURES up to its SHA-256. The rest is computed from thumb and
    runs, for many pictures at once. Both are None without ink; runs also if strokes weren't requested."""

    values: tuple[Any, ...]
    thumb: bytes | None
    runs: Runs | None


def measure(image: Image.Image) -> tuple[Any, ...]:
    """The measures of a decoded picture, in the order of MEASURES."""
    return finished([measured(image)])[0]


def measured(image: Image.Image, *, strokes: bool = True) -> Measured:
    """Measure a decoded picture; `finished` turns results into rows. strokes: also measure what the ink is made of."""
    grey, digest = _pixels(image)
    return _measured(grey, digest, _bare_background(image), strokes)


def measured_grey(pixels: Grey, *, strokes: bool = True) -> Measured:
    """`measured` for a picture given as grey levels (height, width), opaque and correctly turned."""
    pixels = np.ascontiguousarray(pixels)
    return _measured(pixels, grey_sha256(pixels), None, strokes)


def finished(pictures: Sequence[Measured]) -> list[tuple[Any, ...]]:
    """The rows of pictures, in the order of MEASURES."""
    hashes = iter(_hashes([picture.thumb for picture in pictures if picture.thumb is not None]))
    strokes = iter(strokes_of_runs([picture.runs for picture in pictures if picture.runs is not None]))
    rows = []
    for values, thumb, runs in pictures:
        seen = (None, None) if thumb is None else (next(hashes), thumb)
        rows.append((*values, *seen, *((None,) * 4 if runs is None else next(strokes))))
    return rows


def _measured(grey: Grey, digest: str, bare: int | None, strokes: bool) -> Measured:
    ink = ink_of_grey(grey)
    box = ink.box
    if box is None:
        nothing = (ink.background, ink.polarity, 0.0, None, 0.0, *(None,) * 4, 0, 0, None, bare, digest)
        return Measured(nothing, None, None)
    left, top, right, bottom = box
    inside = ink.mask[top:bottom, left:right]
    height, width = ink.mask.shape
    area = int(np.count_nonzero(inside))
    runs = runs_of(inside) if strokes else None
    across, down = runs_crossed(inside) if runs is None else (runs.row.size, runs.columns)
    values = (
        ink.background,
        ink.polarity,
        ink.contrast,
        _sharpness(ink, across, down, area),
        area / ink.mask.size,
        *box,
        (left == 0) + (top == 0) + (right == width) + (bottom == height),
        _lines(ink.rows[top:bottom]),
        ink.away is not None,
        bare,
        digest,
    )
    return Measured(values, ink.coverage(box).resize(THUMB, Image.Resampling.BOX).tobytes(), runs)


def pixels_sha256(image: Image.Image) -> str:
    """The `image_sha256` of a decoded picture, without its other measures."""
    return _pixels(image)[1]


def grey_sha256(pixels: Grey) -> str:
    """The `image_sha256` of a picture given as grey levels (height, width), opaque and as displayed."""
    return _digest((pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).ravel().data)


def _pixels(image: Image.Image) -> tuple[Grey, str]:
    """The picture in grey levels, and the digest of its size and pixels.

    A grey picture has one byte per pixel and isn't expanded to RGB first: equal RGB pixels give equal digests.
    """
    coloured = on_white(oriented(image))
    if coloured.mode in ("L", "1"):
        grey = np.asarray(coloured if coloured.mode == "L" else coloured.convert("L"))
        return grey, _digest(coloured.size, grey.ravel().data)
    coloured = coloured.convert("RGB")
    red, green, blue = coloured.split()
    if (data := red.tobytes()) == green.tobytes() == blue.tobytes():
        return np.asarray(red), _digest(red.size, data)
    return np.asarray(coloured.convert("L")), _digest(coloured.size, coloured.tobytes())


def _digest(size: tuple[int, int], pixels: memoryview | bytes) -> str:
    digest = hashlib.sha256(b"%dx%d\n" % size)
    digest.update(pixels)
    return digest.hexdigest()


def _bare_background(image: Image.Image) -> int | None:
    """The most frequent level of a picture if its transparency is ignored, as careless readers do."""
    if not has_alpha(image):
        return None
    if image.mode == "P":
        bare = Image.frombytes("P", (256, 1), bytes(range(256)))
        bare.putpalette(image.getpalette("RGB") or [])
        return bare.convert("L").tobytes()[_most_frequent(image)]
    bare = image.copy()
    bare.info = {}
    return _most_frequent(bare.convert("RGB").convert("L"))


def _most_frequent(image: Image.Image) -> int:
    """The most frequent value of a picture with one byte per pixel, from a part of it."""
    values = np.frombuffer(image.tobytes(), np.uint8)
    return int(np.argmax(np.bincount(values[:: values.size // 50_000 + 1])))


def _sharpness(ink: Ink, across: int, down: int, area: int) -> float:
    """How sharp the strokes' edges are, 0-1, by the edges' width in pixels and relative to the strokes' own width.

    An edge's width is the number of soft pixels (`curate.images.ink.SOFT`) per pixel of the strokes' outline. Strokes
    are sharp if their edges are one pixel wide, however thin they are, or far narrower than the stroke. A stroke
    blurred by a normal curve of standard deviation s looks 2.8 s wide with edges of 1.7 s: it tends to 1 / (1.7 s).

    across, down: runs of ink in rows and in columns. Each has two ends. area: pixels of ink.
    """
    outline = 2 * (across + down) * math.pi / 4  # its mean over all directions
    edge, stroke = ink.soft / outline, 2 * area / outline
    beside = stroke / edge if edge else math.inf
    return min(max(1 / max(edge, 1.0), (beside - BLURRED) / 2, 0.0), 1.0)


def _lines(rows: bytes) -> int:
    """Lines of writing, at least 1: high bands of ink separated by more blank space than surrounds a fraction's bar.

    Counts too few rather than too many: brackets as tall as the lines they hold join them into one band, and so do
    signs that reach into the next line. Measured: 1 in 138 of 138 of im2latex's one-line formulas and in 97.5 % of 442
    handwritten ones; of 64 drawn ones with two to five lines (aligned, array, gathered, line breaks) 30 have the right
    number, none too many, and all in brackets have 1.

    rows: for each row of the ink's box, 1 if it holds ink.
    """
    if 0 not in rows:
        return 1
    bands, at = [], 0
    while (start := rows.find(1, at)) >= 0:
        at = rows.find(0, start) % (len(rows) + 1)  # not found is -1: the end
        bands.append((start, at))
    highest = max(end - start for start, end in bands)
    count, last = 1, -1  # the last high band so far
    for here, (start, end) in enumerate(bands):
        if end - start < _HIGH * highest:
            continue
        if last >= 0:
            blank, together = start - bands[last][1], here == last + 1
            count += blank >= _FAR * highest or (together and blank >= _NEAR * highest)
        last = here
    return count


def _hashes(thumbs: Sequence[bytes]) -> list[str]:
    """Hashes of 256 bits for near duplicates: is a cell of the ink's box, cut into 32 by 8, above the mean?

    Usual hashes see the margin before the ink. Measured on CROHME's training images, on the 39.0 million pairs with
    different labels and on copies of 800 images (scaled by 0.8, by 1.25, JPEG of quality 50, blur of 0.7 pixels, 30 by
    14 pixels of margin more, and scaling, blur and JPEG together):

    | hash, differing bits allowed | false pairs | copies found, in that order, % |
    | this one, 26 of 256          |           3 | 98.6 100 100 100 100 100 |
    | this one, 32 of 256          |          37 | 99.6 100 100 100 100 100 |
    | pHash of the image, 4 of 64  |           5 | 100 100 100 100 2.5 100 |
    | wHash of the image, 4 of 64  |      11,589 | 94 95.5 91 96.5 14.5 89.5 |
    | pHash of the ink, 7 of 63    |           1 | 87.0 98.4 100 100 100 95.4 |

    Cells of grey coverage instead of a black and white mask find 98 instead of 95 of 100 printed copies, and a window
    by the ink's mean and spread, instead of its box, finds fewer of all.
    """
    levels = np.frombuffer(b"".join(thumbs), np.uint8).reshape(-1, 8, 3, 32, 2).astype(np.int32)
    halves = levels[..., 0] + levels[..., 1]
    cells = (halves[:, :, 0] + halves[:, :, 1] + halves[:, :, 2]).reshape(len(thumbs), 256)
    above = cells * cells.shape[1] > cells.sum(axis=1, keepdims=True)
    return [bits.tobytes().hex() for bits in np.packbits(above, axis=1)]
