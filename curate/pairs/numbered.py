"""Which of two ways to number lines fits the pictures? Not for single wrong pairs: that is `score`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from curate.images.opening import probe
from curate.pairs import features
from curate.pairs.fit import Floats

#: How many pictures are looked at, and how many of them must be informative.
SAMPLE, _FEWEST = 240, 12


def better_fit(root: Path, rows: pl.DataFrame) -> float:
    """How much better pictures fit their `label0` than their `label1`, in standard errors; 0 if they don't tell.

    rows: columns image (a path relative to `root`), label0, label1; SAMPLE of them are looked at. The fit is that of
    `score`'s lags: the correlation of the ink with the label's layout, minus the difference between the actual and the
    expected ratio of width to height.
    """
    tell = rows.filter(pl.col("image").is_not_null() & (pl.col("label0") != pl.col("label1")))
    if tell.height < _FEWEST:
        return 0.0
    sample = tell[np.linspace(0, tell.height - 1, min(SAMPLE, tell.height)).astype(int).tolist()]
    seen = probe(root, sample["image"].to_list(), measures=True)
    inked = seen["ink_thumb"].is_not_null().to_numpy()
    labels = features.describe([*sample["label0"], *sample["label1"]])
    drawn = labels.drawn.reshape(2, -1).all(axis=0) & inked
    if drawn.sum() < _FEWEST:
        return 0.0
    pictures = seen.filter(drawn)
    ink, wide = features.unit(features.pooled(features.thumbnails(pictures))), features.images(pictures)
    kept = np.flatnonzero(drawn)
    ways = [start + kept for start in (0, sample.height)]
    apart = [wide[:, features.ASPECT] - labels.base[way, 0] for way in ways]
    middle = float(np.median(np.concatenate(apart)))
    fits: list[Floats] = []
    for way, off in zip(ways, apart, strict=True):
        alike = np.einsum("ij,ij->i", features.unit(labels.thumbs[way]), ink)
        fits.append(alike - 0.3 * np.minimum(np.abs(off - middle), 2.0))
    gain = fits[0] - fits[1]
    return float(gain.mean() / max(float(gain.std()) / np.sqrt(gain.size), 1e-6))
