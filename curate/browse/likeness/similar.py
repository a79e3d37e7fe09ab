"""Turns samples into vectors whose angles say how alike they are, image and label, without a model. Knows no FiftyOne.

Half of a vector is the image: roughly where in its box the ink is, and the box's shape. The other half is the label:
its tokens and pairs of tokens, hashed. This isn't understanding, but it puts copies, several photos of one formula, and
labels that differ in a symbol next to each other; it takes microseconds and downloads nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.images.measure_cache import measured
from curate.images.measures import THUMB
from curate.runs.folder import Run
from rules.latex import lexer

Vectors = npt.NDArray[np.float32]

#: Cells of the image half: the ink's thumbnail, made coarser by so much across and down.
_POOL = (4, 3)
_CELLS = (THUMB[0] // _POOL[0]) * (THUMB[1] // _POOL[1])
#: Weight of the box's shape beside its cells.
_SHAPE = 0.35
#: Hashed n-grams: a prime, so that pairs don't collide systematically.
_BUCKETS = 251
_PAIR = 0x9E3779B1
#: Weight of the image beside the label, if a sample has both.
_IMAGE = 1.0

#: Weights of the distances to the nearest three in `uniqueness`.
_WEIGHTS = (0.6, 0.3, 0.1)
#: Rows that are compared with all others at a time.
_BLOCK = 1000

Progress = Callable[[int, int], None]


def vectors(run: Run, ids: Sequence[str], cache: Path | None, progress: Progress | None = None) -> Vectors:
    """A row of length 1 for every sample id, in their order; zeros if there is neither an image nor a token.

    cache: the folder in which audits keep measures of images; missing ones are measured now, some milliseconds each.
    """
    order = pl.DataFrame({"sample_id": ids}, schema={"sample_id": pl.String}).with_row_index("at")
    rows = (
        run.samples.select("sample_id", "source", "image", "label", "canonical")
        .join(order.lazy(), on="sample_id", how="inner")
        .collect()
    )
    texts = [""] * len(ids)
    for at, text in rows.select("at", pl.coalesce("canonical", "label")).iter_rows():
        texts[at] = text
    thumbs: list[bytes | None] = [None] * len(ids)
    shapes = np.zeros(len(ids), np.float32)
    done, of = 0, rows["image"].count()
    for (source,), frame in rows.filter(pl.col("image").is_not_null()).partition_by("source", as_dict=True).items():
        places = frame.select("image", "at")
        refs = places["image"].unique().to_list()
        for found in measured(run.root(str(source)), refs, measures=True, cache=cache):
            across, down = pl.col("ink_right") - pl.col("ink_left"), pl.col("ink_bottom") - pl.col("ink_top")
            boxes = found.select("image", "ink_thumb", (across / down).alias("shape"))
            joint = places.join(boxes, on="image", how="inner")
            for at, thumb, shape in joint.select("at", "ink_thumb", "shape").iter_rows():
                thumbs[at] = thumb
                shapes[at] = np.log(shape) if thumb is not None else 0.0
            done += found.height
            if progress is not None:
                progress(min(done, of), of)
    return joined(image_vectors(thumbs, shapes), label_vectors(texts))


def image_vectors(thumbs: Sequence[bytes | None], shapes: npt.NDArray[np.float32]) -> Vectors:
    """One row an image, of length 1: its `ink_thumb`, coarser, and the logarithm of its box's width over height."""
    cells = np.zeros((len(thumbs), _CELLS), np.float32)
    for row, thumb in enumerate(thumbs):
        if thumb is None:
            continue
        grey = np.frombuffer(thumb, np.uint8).reshape(THUMB[1], THUMB[0]).astype(np.float32)
        coarse = grey.reshape(THUMB[1] // _POOL[1], _POOL[1], THUMB[0] // _POOL[0], _POOL[0]).mean(axis=(1, 3))
        cells[row] = (coarse - coarse.mean()).ravel()  # not the amount of ink, but its place
    there = np.array([thumb is not None for thumb in thumbs], bool)
    shape = np.stack([np.cos(shapes / 2), np.sin(shapes / 2)], axis=1).astype(np.float32) * there[:, None]
    return _unit(np.hstack([_unit(cells), _SHAPE * shape]))


def label_vectors(labels: Sequence[str]) -> Vectors:
    """One row a label, of length 1: its tokens and pairs of neighbours, each hashed to a place and a sign."""
    out = np.zeros((len(labels), _BUCKETS), np.float32)
    hashes: dict[str, int] = {}
    for row, label in enumerate(labels):
        toks = lexer.tokens(label)
        if not toks:
            continue
        for token in toks:
            if token not in hashes:
                hashes[token] = zlib.crc32(token.encode("utf-8", "surrogatepass"))
        single = np.array([hashes[token] for token in toks], np.uint64)
        pairs = (single[:-1] * np.uint64(_PAIR) + single[1:]) & np.uint64(0xFFFFFFFF)
        grams = np.concatenate([single, pairs])
        signs = np.where((grams >> np.uint64(7)) & np.uint64(1), 1.0, -1.0).astype(np.float32)
        np.add.at(out[row], (grams % np.uint64(_BUCKETS)).astype(np.int64), signs)
    # The tenth equals sign says less than the first.
    return _unit(np.sign(out) * np.sqrt(np.abs(out)))


def joined(images: Vectors, labels: Vectors) -> Vectors:
    """The rows of both side by side, of length 1."""
    return _unit(np.hstack([_IMAGE * images, labels]))


def reduced(rows: Vectors, size: int = 96) -> Vectors:
    """The rows in the `size` directions that vary most, of length 1: nearly the same angles in less space."""
    if rows.shape[1] <= size or not len(rows):
        return rows
    wide = rows.astype(np.float64)
    _, axes = np.linalg.eigh(wide.T @ wide)
    return _unit(wide @ axes[:, ::-1][:, :size])


def uniqueness(rows: Vectors) -> npt.NDArray[np.float64]:
    """How far each row is from the three nearest others, in [0, 1]: 0 if the row occurs four times.

    Weighted as in FiftyOne: 0.6, 0.3 and 0.1 of the distances (1 - cosine), over the largest sum. FiftyOne 1.22 itself
    leaves the nearest one out, taking it for the row itself, and so rates duplicates as unique.
    """
    number = len(rows)
    if number <= len(_WEIGHTS):
        return np.ones(number)
    sums = np.empty(number)
    for start in range(0, number, _BLOCK):
        far = 1.0 - rows[start : start + _BLOCK] @ rows.T
        here = np.arange(len(far))
        far[here, start + here] = np.inf  # the row itself
        nearest = np.sort(np.partition(far, len(_WEIGHTS) - 1, axis=1)[:, : len(_WEIGHTS)], axis=1)
        sums[start : start + _BLOCK] = np.maximum(nearest, 0) @ np.array(_WEIGHTS)
    return sums / max(float(sums.max()), 1e-12)


def plane(rows: Vectors) -> npt.NDArray[np.float64]:
    """Two coordinates for each row: its first principal components, in [-1, 1], for a map."""
    if len(rows) < 2:
        return np.zeros((len(rows), 2))
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(2)])  # an eigenvector's sign is arbitrary
    points: npt.NDArray[np.float64] = centred @ axes
    return points / max(float(np.abs(points).max()), 1e-12)


def _unit(rows: npt.NDArray[np.floating]) -> Vectors:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 1e-9, length, 1.0)).astype(np.float32)
