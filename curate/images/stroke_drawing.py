"""Draws traces: black on white, with a round pen of one width. Not for reading them (`curate.images.traces`)."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from curate.images.stroke_settings import DEFAULTS, StrokeSettings
from curate.images.traces import Trace
from rules.sets.model_resize import FACTOR

#: Pixels in black and white, eight per byte, rows padded with white.
Bits = npt.NDArray[np.uint8]

#: A minus or a dot gets more paper around it: models accept no picture with a smaller side.
MIN_SIDE = FACTOR
#: The most pixels, and the longest sides, of a drawing; larger ones are scaled down.
MAX_PIXELS, MAX_SIDE = 4_000_000, 8_000
#: Each pixel is drawn as this many by this many, and is their mean.
_FINE = 3
#: If traces are flat, as in `-`, their longer sides are on average at most this many times as long as `size`.
_LONGEST = 4.0


def draw(traces: Sequence[Trace], settings: StrokeSettings = DEFAULTS) -> npt.NDArray[np.uint8]:
    """The grey levels (height, width) of a picture of these traces; each has at least one point.

    The pen is round: a trace of one point is a dot as wide as the pen.
    """
    points = np.concatenate(traces)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = _scale(traces, high - low, settings)
    around = settings.margin + settings.pen / 2
    sides = np.maximum(np.ceil((high - low) * scale + 2 * around), MIN_SIDE)
    width, height = (int(side) for side in sides)
    corner = (sides - (high - low) * scale) / 2
    paper = Image.new("1", (width * _FINE, height * _FINE))
    pen = ImageDraw.Draw(paper)
    for place in ((trace - low) * scale + corner for trace in traces):
        at = (place * _FINE).ravel().tolist()  # Pillow takes the integer part: the pixel that contains the point
        if len(at) == 2:
            pen.point(at, fill=1)
        else:
            pen.line(at, fill=1, width=1)
    bits = np.frombuffer(paper.tobytes(), np.uint8).reshape(paper.height, -1)
    inked = np.unpackbits(_widened(bits, settings.pen * _FINE / 2), axis=1, count=paper.width)
    inked *= 255
    grey = np.asarray(Image.fromarray(inked).reduce(_FINE))
    return 255 - grey if settings.antialias else np.where(grey >= 128, np.uint8(0), np.uint8(255))


def _scale(traces: Sequence[Trace], extent: npt.NDArray[np.float64], settings: StrokeSettings) -> float:
    """Pixels per unit of the file."""
    if settings.fit == "unit":
        scale = settings.size
    elif settings.fit == "ink":
        scale = settings.size / float(extent[1]) if extent[1] > 0 else np.inf
    else:
        sides = np.array([np.ptp(trace, axis=0) for trace in traces])
        high, long = float(sides[:, 1].mean()), float(sides.max(axis=1).mean())
        scale = min(
            settings.size / high if high > 0 else np.inf, _LONGEST * settings.size / long if long > 0 else np.inf
        )
    room = MAX_SIDE - 2 * (settings.margin + settings.pen)
    longest, area = float(extent.max()), float(extent[0] * extent[1])
    if longest > 0:
        scale = min(scale, room / longest)
    if area > 0:
        scale = min(scale, sqrt(MAX_PIXELS / area))
    return scale if np.isfinite(scale) else 1.0


def _widened(mask: Bits, radius: float) -> Bits:
    """A mask with a disc of this radius, in pixels, around each of its pixels.

    Shifts sideways by the disc's width at each height, then up and down by that many rows: a few passes over the
    picture, however many points there are, and over an eighth of its bytes.
    """
    out, wide = mask.copy(), mask.copy()
    height, half = len(mask), 0
    for away in range(int(radius), -1, -1):
        while half < int(sqrt(radius * radius - away * away)):
            half += 1
            _spread(mask, half, wide)
        if away == 0:
            out |= wide
        elif away < height:
            out[away:] |= wide[:-away]
            out[:-away] |= wide[away:]
    return out


def _spread(mask: Bits, pixels: int, out: Bits) -> None:
    """Add to `out` the mask shifted this many pixels to the right, and to the left."""
    whole, bits = divmod(pixels, 8)
    for step, right, left in ((whole, mask >> bits, mask << bits), (whole + 1, mask << 8 - bits, mask >> 8 - bits)):
        if step < mask.shape[1] and (bits or step == whole):
            out[:, step:] |= right[:, : mask.shape[1] - step]
            out[:, : mask.shape[1] - step] |= left[:, step:]
