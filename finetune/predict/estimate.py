"""Estimates the least time for a prediction from sizes alone. Loads no model and measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

from finetune.predict.engines import ENOUGH, WINDOW

#: The number of images for the estimate: about as many as in the test set of HME100K.
MANY = 25_000
#: The number of kernels that a layer launches for each token of a batch, and the seconds for a launch. PyTorch without
#: compilation launches 30 to 50 in a layer with rotary positions and a gated MLP, more for 4-bit weights, and each
#: takes at least 5 µs.
_LAUNCHES, _LAUNCH = 40, 5e-6


def least_hours(images: int, lengths: Sequence[int], layers: int, batch_size: int) -> float:
    """Hours for this many images: the time to launch the kernels, without the time for calculation.

    lengths: tokens of typical answers. A batch ends when ENOUGH of its rows have ended, and the others of a window are
    asked again, to the end of the longest.
    """
    ordered = sorted(lengths)
    most = ordered[int(ENOUGH * (len(ordered) - 1))]
    longest = ordered[int((1 - 1 / WINDOW) * (len(ordered) - 1))]
    steps = images / batch_size * most + images / WINDOW * longest
    return steps * layers * _LAUNCHES * _LAUNCH / 3600
