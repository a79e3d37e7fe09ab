"""How long a prediction takes at least, from sizes alone. Loads no model and measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

from finetune.predict.engines import ENOUGH, WINDOW

#: What people ask about: about as many images as the test set of HME100K has.
MANY = 25_000
#: Kernels that a layer launches for a token of a batch, and seconds that a launch takes: PyTorch without compilation
#: makes 30 to 50 in a layer with rotary positions and a gated MLP, 4-bit weights more, and none in under 5 µs.
_LAUNCHES, _LAUNCH = 40, 5e-6


def least_hours(images: int, lengths: Sequence[int], layers: int, batch_size: int) -> float:
    """Hours for so many images: the time to launch the kernels, without that in which they calculate.

    lengths: tokens of answers like those that will come. A batch ends when ENOUGH of its rows have, and the others of a
    window are asked once more, to the end of the longest.
    """
    ordered = sorted(lengths)
    most = ordered[int(ENOUGH * (len(ordered) - 1))]
    longest = ordered[int((1 - 1 / WINDOW) * (len(ordered) - 1))]
    steps = images / batch_size * most + images / WINDOW * longest
    return steps * layers * _LAUNCHES * _LAUNCH / 3600
