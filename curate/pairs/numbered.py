"""Which of two ways to number lines do some pictures fit? Not for single wrong pairs: that is `score`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curate.images.opening import probe
from curate.pairs import features
from curate.pairs.fit import Floats

#: Pictures that are looked at, and how many must tell anything.
SAMPLE, _FEWEST = 240, 12
#: A way is the better one where the mean gain in fit is so large, and so many standard errors from 0.
_GAIN, _SIGMAS = 0.05, 5.0


def better_fit(root: Path, images: Sequence[str], first: Sequence[str], second: Sequence[str]) -> int | None:
    """0 where pictures fit the labels `first` better, 1 where `second`, None where they don't tell.

    images: paths relative to `root`; the three are of one length. The fit is that of `score`'s lags: the correlation of
    the ink with the label's layout, less how far the width over the height is from what the layout lets expect.
    """
    tell = [at for at, (one, other) in enumerate(zip(first, second, strict=True)) if one.split() != other.split()]
    at = [tell[place] for place in np.linspace(0, len(tell) - 1, min(SAMPLE, len(tell))).astype(int)] if tell else []
    if len(at) < _FEWEST:
        return None
    seen = probe(root, [images[place] for place in at], measures=True)
    inked = seen["ink_thumb"].is_not_null().to_numpy()
    labels = features.describe([labels[place] for labels in (first, second) for place in at])
    drawn = labels.drawn.reshape(2, -1).all(axis=0) & inked
    if drawn.sum() < _FEWEST:
        return None
    pictures = seen.filter(drawn)
    ink, wide = features.unit(features.pooled(features.thumbnails(pictures))), features.images(pictures)
    kept = np.flatnonzero(drawn)
    ways = [start + kept for start in (0, len(at))]
    apart = [wide[:, features.ASPECT] - labels.base[way, 0] for way in ways]
    middle = float(np.median(np.concatenate(apart)))
    fits: list[Floats] = []
    for way, off in zip(ways, apart, strict=True):
        alike = np.einsum("ij,ij->i", features.unit(labels.thumbs[way]), ink)
        fits.append(alike - 0.3 * np.minimum(np.abs(off - middle), 2.0))
    gain = fits[0] - fits[1]
    mean, error = float(gain.mean()), float(gain.std() / np.sqrt(gain.size))
    if abs(mean) < _GAIN or abs(mean) < _SIGMAS * error:
        return None
    return 0 if mean > 0 else 1
