"""Draws labels and measures the drawings, for printed sets. Not for handwriting, which looks like no drawing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

from curate.images.ink import ink_of_grey
from curate.images.measures import THUMB
from curate.images.strokes import strokes_of
from curate.pairs import features
from curate.pairs.drawing_cache import Kept, Row
from curate.pairs.fit import Floats
from curate.render import RenderError, render_many
from curate.render.batch import RenderLost
from curate.render.drawing import RenderFault

#: How many labels are drawn to find out whether a set is printed: the median drawing must be this similar.
PROBES, PRINTED = 40, 0.45
#: The most distinct labels of a source that are drawn, 2 ms each: half at random, half the least plausible.
MOST = 20_000

_SEEN = dict.fromkeys(("ink_left", "ink_top", "ink_right", "ink_bottom"), pl.Int32)
_SCHEMA = {
    **_SEEN,
    "ink_thumb": pl.Binary,
    "ink_parts": pl.Int32,
    "ink_holes": pl.Int32,
    "ink_across": pl.Float32,
    "ink_down": pl.Float32,
}


@dataclass(frozen=True)
class Drawings:
    """Drawings of labels. at: (n,) the drawing of each pair's label, or -1. fair: pairs that represent all, since they
    were drawn whatever their score. seen: (m, 7) features of the drawings, thumbs: (m, 24, 64)."""

    at: npt.NDArray[np.intp]
    fair: npt.NDArray[np.bool_]
    seen: Floats
    thumbs: npt.NDArray[np.uint8]


def drawings(
    keys: npt.NDArray[np.intp],
    texts: Sequence[str],
    scores: Floats,
    thumbs: npt.NDArray[np.uint8],
    *,
    workers: int = 1,
    cache: Path | None = None,
    step: features.Step | None = None,
) -> Drawings | None:
    """Draw the labels of pairs: each key once, at most MOST; None if the set is not printed.

    keys: equal if labels look the same; texts: the labels; scores: how plausible the pairs are so far; thumbs: those of
    their pictures; cache: folder where measures of drawings are kept.
    """
    distinct, first, index = np.unique(keys, return_index=True, return_inverse=True)
    order = np.random.default_rng(1).permutation(distinct.size)
    kept = Kept(cache, _SCHEMA, Path(__file__))
    measured: dict[int, Row] = {}

    def draw(chosen: Sequence[int]) -> None:
        fresh = []
        for key in chosen:
            known = measured.get(key) if key in measured else kept.get(texts[first[key]])
            if known is None:
                fresh.append(key)
            else:
                measured[key] = known
        for (_, png), key in zip(
            render_many((texts[first[key]] for key in fresh), workers=workers), fresh, strict=True
        ):
            measured[key] = () if isinstance(png, RenderError) else _measure(png)
            if not isinstance(png, RenderLost | RenderFault):
                kept.put(texts[first[key]], measured[key])
            if step:
                step(1)

    probes = order[:PROBES].tolist()
    draw(probes)
    alike = [
        float((features.unit(_thumb(measured[key])) * features.unit(thumbs[first[key]][None])).sum())
        for key in probes
        if measured[key]
    ]
    if len(alike) < PROBES // 4 or float(np.median(alike)) < PRINTED:
        kept.save()
        return None
    fair = order if distinct.size <= MOST else order[: MOST // 2]
    draw(fair.tolist())
    if distinct.size > MOST:
        doubtful = np.unique(index[np.argsort(scores, kind="stable")], return_index=True)
        draw(doubtful[0][np.argsort(doubtful[1])][: MOST // 2].tolist())
    kept.save()
    good = sorted(key for key, row in measured.items() if row)
    place = np.full(distinct.size, -1, np.intp)
    place[good] = np.arange(len(good))
    at = place[index]
    frame = pl.DataFrame([measured[key] for key in good], schema=_SCHEMA, orient="row")
    return Drawings(at, np.isin(index, fair) & (at >= 0), features.images(frame), features.thumbnails(frame))


def _thumb(row: Row) -> npt.NDArray[np.uint8]:
    data = row[4]
    assert isinstance(data, bytes)
    return np.frombuffer(data, np.uint8)[None]


def _measure(png: bytes) -> Row:
    """What `features.images` and `features.thumbnails` read, for a drawing; empty if it shows nothing."""
    ink = ink_of_grey(np.asarray(Image.open(io.BytesIO(png)).convert("L")))
    box = ink.box
    if box is None:
        return ()
    left, top, right, bottom = box
    picture = ink.coverage(box).resize(THUMB, Image.Resampling.BOX)
    return (*box, picture.tobytes(), *strokes_of(ink.mask[top:bottom, left:right]))
