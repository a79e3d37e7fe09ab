"""A closer look at two pictures whose hashes are close: is one a copy of the other? Finds no pairs, opens no file.

Formulas of one pattern (`x^{2}` and `x^{3}`) look alike on the whole and differ in one place. Copies (scaled, blurred,
recompressed, turned by a degree) differ a little everywhere. So the greatest local difference is what counts, after as
much of it is taken off as most places of the picture have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from curate.images.ink import ink_of
from curate.images.strokes import runs_crossed

#: Two pictures are copies if their `Difference` has at most this excess, this worst and this usual. The first tells
#: formulas of one pattern apart, the others a formula in two hands. docs/duplicates.md has the measurements.
EXCESS, WORST, USUAL = 0.2, 0.45, 0.3
#: The excess of two pictures without any usual difference. With it, more is allowed, up to EXCESS.
_CLEAN_EXCESS = 0.1
#: Pictures are compared at the scale at which the thinner strokes are this wide, in pixels: finer is no clearer.
_STROKE = 2.4
#: But at no more than this many pixels, which pages would exceed, nor at more than this factor times those of the
#: smaller one.
_MOST_PIXELS = 250_000
_ENLARGED = 6.0
#: A page's ink is held in this many pixels.
_MOST_KEPT = 1_000_000
#: Pictures are aligned in at most this many pixels.
_ALIGNED_IN = 6_000
#: Differences are averaged over a square as wide as a stroke: the size of a dot, the smallest mark.
_MARK = 1.0
#: And are forgiven if one shift by a pixel explains them in a whole square of this many strokes: the size of a letter.
_LETTER = 4
#: Pictures need not be aligned further if their worst is at most the first, or their usual at most the second: then
#: they lie on each other but for one place.
_ALIGNED, _IN_PLACE = 0.12, 0.07
#: How far, in strokes, aligning may move the ink beyond the picture's sides.
_REACH = 6.0
#: A square with a darker place than this, 0-255, holds ink.
_INKED = 100
#: The least ratio of two pictures' levels: faint strokes are thinner or paler, not missing.
_PALEST = 0.6

Pixels = npt.NDArray[np.uint8]
_SHIFTS = [(x, y) for x in (0, 1, -1) for y in (0, 1, -1)]


@dataclass(frozen=True)
class Drawn:
    """The ink of a picture, cut out: how much of each pixel is ink, 0-255 (mode L), and the strokes' width in
    pixels."""

    ink: Image.Image
    stroke: float


@dataclass(frozen=True, slots=True)  # there may be millions
class Difference:
    """How two pictures differ. worst: the greatest difference in a place as large as a dot, 0 (none) to 1 (ink here and
    paper there). usual: its median over the places with ink."""

    worst: float
    usual: float

    @property
    def excess(self) -> float:
        """What blur, noise and compression, which are everywhere, don't explain."""
        return self.worst - self.usual

    @property
    def is_copy(self) -> bool:
        allowed = min(_CLEAN_EXCESS + self.usual, EXCESS)
        return self.excess <= allowed and self.worst <= WORST and self.usual <= USUAL


def drawn(image: Image.Image) -> Drawn | None:
    """What `difference` needs of a decoded picture; None without ink."""
    ink = ink_of(image)
    box = ink.box
    if box is None:
        return None
    left, top, right, bottom = box
    inside = ink.mask[top:bottom, left:right]
    across, down = runs_crossed(inside)
    outline = 2 * (across + down) * math.pi / 4  # as in `curate.images.measures`
    stroke = 2 * int(np.count_nonzero(inside)) / outline
    coverage = ink.coverage(box)
    scale = math.sqrt(_MOST_KEPT / (coverage.width * coverage.height))
    if scale < 1:
        size = (max(round(coverage.width * scale), 1), max(round(coverage.height * scale), 1))
        return Drawn(coverage.resize(size, Image.Resampling.BOX), stroke * scale)
    return Drawn(coverage, stroke)


def difference(one: Drawn, other: Drawn) -> Difference:
    """How two pictures differ once they are scaled to one size, aligned, and equally dark.

    The second one is moved, so the result may change a little if they are exchanged.
    """
    first, second, stroke, margin = _one_size(one, other)
    found = _compared(first, second, stroke)
    if found.worst <= _ALIGNED or (found.usual <= _IN_PLACE and not found.is_copy):
        return found
    moved = _aligned(first, second, margin)
    return found if moved is None else min(found, _compared(first, moved, stroke), key=lambda item: item.excess)


def _one_size(one: Drawn, other: Drawn) -> tuple[Image.Image, Image.Image, float, int]:
    """Both inks in one size, the thinner stroke there, and the margin around them that aligning can move ink into."""
    width = min(one.ink.width, other.ink.width)
    height = min(one.ink.height, other.ink.height)
    area = width * height
    stroke = max(min(item.stroke * math.sqrt(area / (item.ink.width * item.ink.height)) for item in (one, other)), 0.5)
    scale = min(_STROKE / stroke, math.sqrt(_MOST_PIXELS / area), math.sqrt(_ENLARGED))
    size = (max(round(width * scale), 6), max(round(height * scale), 6))
    stroke = max(stroke * scale, 1.0)
    margin = round(_REACH * stroke)
    found = []
    for item in (one, other):
        ink = item.ink if item.ink.size == size else item.ink.resize(size, Image.Resampling.BILINEAR)
        found.append(Image.new("L", (size[0] + 2 * margin, size[1] + 2 * margin)))
        found[-1].paste(ink, (margin, margin))
    return found[0], found[1], stroke, margin


def _compared(one: Image.Image, other: Image.Image, stroke: float) -> Difference:
    """The difference of two pictures of one size, as they lie. Of pictures that are no copies, a part is enough."""
    mark = ImageFilter.BoxBlur(max((_MARK * stroke - 1) / 2, 0.5))
    first, second = _equally_dark(*(np.asarray(image.filter(mark)) for image in (one, other)))
    letter = max(round(_LETTER * stroke), 3)
    apart = np.maximum(first, second) - np.minimum(first, second)
    least = _most_around(apart[1:-1, 1:-1], letter)
    inked = _most_around(first[1:-1, 1:-1], letter) > _INKED
    usual = _median(least, inked)
    # Where they differ most as they lie, does a shift explain it?
    y, x = np.unravel_index(int(np.argmax(least)), least.shape)
    window = (slice(int(y), int(y) + letter + 2), slice(int(x), int(x) + letter + 2))
    worst = int(_shifted(first[window], second[window], letter).max())
    # If not, they are no copies: the other places can't reduce the worst, and shifts only reduce the usual.
    if worst - usual > EXCESS * 255 or worst > WORST * 255:
        return Difference(worst / 255, usual / 255)
    least = _shifted(first, second, letter)
    return Difference(int(least.max()) / 255, _median(least, inked) / 255)


def _shifted(one: Pixels, other: Pixels, letter: int) -> Pixels:
    """For each square as large as a letter the greatest difference in it, with the shift by a pixel that makes it
    least."""
    height, width = one.shape
    middle = one[1:-1, 1:-1]
    least: Pixels | None = None
    for right, down in _SHIFTS:
        there = other[1 + down : height - 1 + down, 1 + right : width - 1 + right]
        apart = _most_around(np.maximum(middle, there) - np.minimum(middle, there), letter)
        least = apart if least is None else np.minimum(least, apart)
    assert least is not None
    return least


def _median(values: Pixels, where: npt.NDArray[np.bool_]) -> float:
    chosen = values[where]
    return float(np.median(chosen)) if chosen.size else 0.0


def _equally_dark(one: Pixels, other: Pixels) -> tuple[Pixels, Pixels]:
    """Both, the darker as pale as the other, as nearly as one factor can make it."""
    first, second = (pixels.ravel().astype(np.float32) for pixels in (one, other))
    gain = math.sqrt(float(first @ first) / max(float(second @ second), 1.0))
    if gain > 1:
        return _paler(one, 1 / gain), other
    return one, _paler(other, gain)


def _paler(pixels: Pixels, by: float) -> Pixels:
    return (np.arange(256) * max(by, _PALEST)).astype(np.uint8)[pixels]


def _most_around(pixels: Pixels, side: int) -> Pixels:
    """The greatest of each square with `side` pixels a side; smaller by side - 1 in both directions."""
    reach = 1
    while reach < side:
        step = min(reach, side - reach)
        pixels = np.maximum(pixels[:-step], pixels[step:])
        pixels = np.maximum(pixels[:, :-step], pixels[:, step:])
        reach += step
    return pixels


def _aligned(one: Image.Image, other: Image.Image, margin: int) -> Image.Image | None:
    """The other picture moved, turned and stretched to lie on the first; None if it would have to go too far.

    By least squares on blurred pictures (Lucas and Kanade), first thoroughly blurred ones, which find large moves.
    """
    scale = min(1.0, math.sqrt(_ALIGNED_IN / (one.width * one.height)))
    size = (max(round(one.width * scale), 2), max(round(one.height * scale), 2))  # slopes need two
    small = [item.resize(size, Image.Resampling.BILINEAR) for item in (one, other)]
    way = np.zeros(6)
    for blur in (max((one.height - 2 * margin) / 14, 1.5) * scale, 0.8):
        first, second = (item.filter(ImageFilter.GaussianBlur(blur)) for item in small)
        way = _way(first, second, way)
    way /= scale
    if max(np.abs(way[:3]).sum(), np.abs(way[3:]).sum()) > margin:
        return None
    return _moved(other, way)


def _way(one: Image.Image, other: Image.Image, way: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A better way than `way`: how far right and down the middle moves, and, for each of the two, how much farther a
    point at the right and at the lower side."""
    wanted = np.asarray(one, np.float32)
    height, width = wanted.shape
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    for _ in range(3):
        here = np.asarray(_moved(other, way), np.float32)
        steep, slope = np.gradient(here)
        terms = (slope, slope * across, slope * down, steep, steep * across, steep * down, here)  # the last: darkness
        matrix = np.stack([term.ravel() for term in terms])
        square = matrix @ matrix.T
        square[np.diag_indices(7)] += 1e-5 * float(np.trace(square)) / 7 + 1e-6
        step = np.linalg.solve(square, matrix @ (wanted - here).ravel())[:6]
        way = way + step
        if float(np.abs(step).max()) < 0.05:
            break
    return way


def _moved(image: Image.Image, way: npt.NDArray[np.float64]) -> Image.Image:
    """The image as seen along `way`."""
    right, right_across, right_down, below, below_across, below_down = (float(part) for part in way)
    x, y = image.width / 2, image.height / 2
    matrix = (
        *(1 + right_across / x, right_down / y, right - right_across - right_down),
        *(below_across / x, 1 + below_down / y, below - below_across - below_down),
    )
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
