"""CROHME's bitmaps, thinned to traces and drawn again, match its own images in pen width and joins."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from inkml_makers import inkml
from PIL import Image

from curate.images.measures import MEASURES, measure
from curate.images.stroke_drawing import draw
from curate.images.stroke_settings import StrokeSettings
from curate.images.traces import read_traces

pytestmark = pytest.mark.shared_data

Mask = npt.NDArray[np.bool_]
_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def thinned(mask: Mask) -> Mask:
    """Strokes one pixel wide, thinned by the method of Zhang and Suen (1984)."""
    image, gone = np.pad(mask, 1).astype(np.int8), 1
    while gone:
        gone = 0
        for first, second in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):
            near = [np.roll(image, (-y, -x), (0, 1)) for y, x in _AROUND]
            turns = sum((near[at] == 0) & (near[(at + 1) % 8] == 1) for at in range(8))
            inked = sum(near)
            open_ = [near[a] * near[b] * near[c] == 0 for a, b, c in (first, second)]
            take = (image == 1) & (inked >= 2) & (inked <= 6) & (turns == 1) & open_[0] & open_[1]
            image[take] = 0
            gone += int(take.sum())
    return image[1:-1, 1:-1].astype(np.bool_)


def traces_of(skeleton: Mask) -> list[str]:
    """Traces from each pixel of a skeleton to each of its neighbours."""
    on = {(int(y), int(x)) for y, x in np.argwhere(skeleton)}
    steps = [((y, x), (y + dy, x + dx)) for y, x in on for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1))]
    lines = [f"{a[1] + 0.5} {a[0] + 0.5}, {b[1] + 0.5} {b[0] + 0.5}" for a, b in steps if b in on]
    return lines + [f"{x + 0.5} {y + 0.5}" for y, x in on]


def cut(mask: Mask) -> Mask:
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union of the ink, at the best offset in whole pixels."""
    size = np.maximum(one.shape, other.shape) + 4
    first = np.zeros(size, np.bool_)
    first[2 : 2 + one.shape[0], 2 : 2 + one.shape[1]] = one
    found = []
    for y in range(5):
        for x in range(5):
            second = np.zeros(size, np.bool_)
            second[y : y + other.shape[0], x : x + other.shape[1]] = other[: size[0] - y, : size[1] - x]
            found.append((first & second).sum() / (first | second).sum())
    return float(max(found))


def test_drawn_again_a_picture_is_nearly_the_same(shared_data: Path) -> None:
    parts, scores = list(MEASURES).index("ink_parts"), []
    with tarfile.open(shared_data / "crohme" / "2014" / "img.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".bmp") else None
            if file is None:
                continue
            with Image.open(io.BytesIO(file.read())) as image:
                ink = np.asarray(image.convert("L")) > 127
            if ink.shape[1] > 300:
                continue
            traces = read_traces(inkml(traces_of(thinned(ink))).encode())
            drawn = draw(traces, StrokeSettings(fit="unit", size=1))
            scores.append(overlap(cut(ink), cut(drawn < 128)))
            before = measure(Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)))[parts]
            assert abs(measure(Image.fromarray(drawn))[parts] - before) <= 1
            if len(scores) == 12:
                break
    assert np.median(scores) > 0.88
    assert min(scores) > 0.75
