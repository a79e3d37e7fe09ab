"""Comparable numbers about labels and images: what a label should look like, and what a picture shows.

Not for comparing them: that is `fit`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log, log1p
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.images.measures import THUMB
from curate.pairs.guessed_layout import layout_of, lines, raster
from rules import faults
from rules.latex import lexer
from rules.workers.helper import each
from rules.workers.pool import Lost
from rules.workers.spread import spread

Floats = npt.NDArray[np.float32]
Step = Callable[[int], None]

#: Columns of the measures that `images` reads.
MEASURED = (
    "ink_left",
    "ink_top",
    "ink_right",
    "ink_bottom",
    "ink_thumb",
    "ink_parts",
    "ink_holes",
    "ink_across",
    "ink_down",
)
#: What is known about a picture: log of width over height, then counts of strokes.
ASPECT = 0
#: The rows and columns in which thumbnails are compared.
GRID = (12, 32)
#: A token must occur in this many labels, or this share of them, to be counted separately.
RAREST, RAREST_SHARE = 5, 0.005
#: Fewer labels than this are laid out in this process.
_WORTH_PROCESSES = 20_000
_CHUNK = 1000


@dataclass(frozen=True)
class Labels:
    """Distinct labels as laid out.

    base: (n, 8) sizes and counts; thumbs: (n, 384) the layout's raster, 0-255; tokens: ids into `names`, those of label
    i at offsets[i]:offsets[i + 1]; rows: lines that the label breaks into; lines: those and others (fractions, arrays)
    that the layout shows, 0 if it draws nothing.
    """

    base: Floats
    thumbs: npt.NDArray[np.uint8]
    tokens: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    names: list[str]
    rows: npt.NDArray[np.int32]
    lines: npt.NDArray[np.int32]

    @property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """The labels that draw something."""
        return self.base[:, 6] > 0

    def vocabulary(self, labels: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
        """Ids of the tokens that occur in enough of the labels with these indices."""
        counts = Counter[int]()
        for label in labels.tolist():
            counts.update(set(self.tokens[self.offsets[label] : self.offsets[label + 1]].tolist()))
        least = max(RAREST, RAREST_SHARE * len(labels))
        return np.array(sorted(token for token, count in counts.items() if count >= least), dtype=np.int32)

    def matrix(self, labels: npt.NDArray[np.intp], vocabulary: npt.NDArray[np.int32]) -> Floats:
        """The predictors of a picture, one row for each label with these indices: sizes, tokens, where the ink is."""
        place = np.full(len(self.names) + 1, -1, np.int64)
        place[vocabulary] = np.arange(vocabulary.size)
        counts = np.zeros((labels.size, vocabulary.size), np.float32)
        sizes = self.offsets[labels + 1] - self.offsets[labels]
        row = np.repeat(np.arange(labels.size), sizes)
        start = np.repeat(self.offsets[labels] - (np.cumsum(sizes) - sizes), sizes)
        column = place[self.tokens[start + np.arange(row.size)]] if row.size else np.zeros(0, np.int64)
        np.add.at(counts, (row[column >= 0], column[column >= 0]), 1.0)
        grid = self.thumbs[labels].reshape(-1, *GRID).astype(np.float32) / 255
        across = grid.mean(axis=1).reshape(labels.size, 16, 2).mean(axis=2)
        blocks = grid.reshape(labels.size, 4, 3, 16, 2).mean(axis=(2, 4)).reshape(labels.size, -1)
        return np.concatenate([self.base[labels], counts, across, grid.mean(axis=2), blocks], axis=1)


def describe(labels: Sequence[str], *, workers: int = 1, step: Step | None = None) -> Labels:
    """Lay out distinct labels, 0.3 ms each, over processes if there are many. `step` receives counts of labels."""
    ids: dict[str, int] = {}
    flat: list[int] = []
    offsets = [0]
    described = []
    for chunk in _laid_out(labels, workers):
        for base, thumb, tokens, rows, shown in chunk:
            flat.extend(ids.setdefault(token, len(ids)) for token in tokens)
            offsets.append(len(flat))
            described.append((base, thumb, rows, shown))
        if step:
            step(len(chunk))
    cells = GRID[0] * GRID[1]
    thumbs = np.frombuffer(b"".join(row[1] for row in described), np.uint8).reshape(-1, cells)
    return Labels(
        np.array([row[0] for row in described], np.float32).reshape(-1, 8),
        thumbs,
        np.array(flat, np.int32),
        np.array(offsets, np.int64),
        list(ids),
        np.array([row[2] for row in described], np.int32),
        np.array([row[3] for row in described], np.int32),
    )


_Described = tuple[list[float], bytes, list[str], int, int]


def _laid_out(labels: Sequence[str], workers: int) -> Iterator[list[_Described]]:
    chunks = [labels[start : start + _CHUNK] for start in range(0, len(labels), _CHUNK)]
    number = workers if len(labels) >= _WORTH_PROCESSES else 1
    yield from spread(_describe_chunk, chunks, number, lost=_undescribed, to="lay out")


def _undescribed(lost: Lost) -> list[_Described]:
    return _describe_chunk([""])


def _describe_chunk(labels: Sequence[str]) -> list[_Described]:
    return [_describe_surely(label) for label in each(labels)]


def _describe_surely(label: str) -> _Described:
    """`_describe`; if it fails, the label counts as one that draws nothing, and no picture is compared with it."""
    try:
        return _describe(label)
    except BaseException as error:
        faults.caught("the guessed layout", error, label)
        return _describe("")


def _describe(label: str) -> _Described:
    every = lexer.tokens(label)
    laid = layout_of(every)
    tokens = [token for token in every if token not in "{}"]
    width, height = max(laid.width, 0.05), max(laid.height, 0.05)
    count = len(laid.parts)
    base = [log(width / height), log(width), log(height), width, height, laid.rows, count, log1p(count)]
    if not laid.parts:
        return base, bytes(GRID[0] * GRID[1]), tokens, laid.rows, 0
    thumb = (_pooled(raster(laid.parts)[None])[0] * 255).astype(np.uint8)
    return base, thumb.tobytes(), tokens, laid.rows, max(laid.rows, lines(laid.parts))


# Images ---------------------------------------------------------------------------------------------------------------


def images(measures: pl.DataFrame) -> Floats:
    """What is known about pictures with ink, as (n, 7): see ASPECT. The frame has the columns MEASURED, none null."""
    width = (measures["ink_right"] - measures["ink_left"]).to_numpy().astype(np.float64)
    height = (measures["ink_bottom"] - measures["ink_top"]).to_numpy().astype(np.float64)
    parts, holes, across, down = (
        measures[name].to_numpy().astype(np.float64) for name in ("ink_parts", "ink_holes", "ink_across", "ink_down")
    )
    # Roots and logarithms make the spread similar in short and long formulas.
    return np.stack(
        [
            np.log(width / height),
            np.sqrt(parts),
            np.sqrt(holes),
            across,
            down,
            np.log(across + 0.5),
            np.log(down + 0.5),
        ],
        axis=1,
    ).astype(np.float32)


def thumbnails(measures: pl.DataFrame) -> npt.NDArray[np.uint8]:
    """The pictures' thumbnails as measured: (n, 24, 64), ink coverage 0-255."""
    # In one step: a million thumbnails are 1.5 GB, and twice that as Python bytes plus their concatenation.
    flat = measures["ink_thumb"].bin.reinterpret(dtype=pl.Array(pl.UInt8, THUMB[0] * THUMB[1]), endianness="little")
    return flat.to_numpy().reshape(-1, THUMB[1], THUMB[0])


def pooled(thumbs: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Thumbnails on the coarser GRID, flat: (n, 384)."""
    coarse = np.empty((len(thumbs), GRID[0] * GRID[1]), np.uint8)
    for start in range(0, len(thumbs), _CHUNK):  # all of them as floats would be four times as large
        part = slice(start, start + _CHUNK)
        coarse[part] = _pooled(thumbs[part].astype(np.float32)).round().reshape(-1, coarse.shape[1])
    return coarse


def _pooled(thumbs: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    high, wide = GRID
    return np.asarray(thumbs.reshape(-1, high, THUMB[1] // high, wide, THUMB[0] // wide).mean(axis=(2, 4)))


def unit(thumbs: npt.NDArray[np.uint8]) -> Floats:
    """Flat thumbnails with mean 0 and length 1, so that the product of two is their correlation."""
    centred = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    centred -= centred.mean(axis=1, keepdims=True)
    centred /= np.maximum(np.sqrt((centred * centred).sum(axis=1, keepdims=True)), 1e-6)
    return centred
