"""What could explain a picture that differs from its label: it is upside down, or a part of it is cut off.

Uses what `fit` learnt from the set. Judges nothing: the rules do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curate.pairs import features
from curate.pairs.features import GRID
from curate.pairs.fit import FOLDS, Floats, Model, Regression, View, cross_fitted

Bytes = npt.NDArray[np.uint8]

#: The cells in which pictures are compared with themselves turned: fewer than GRID, since handwriting shifts.
_ROWS, _COLUMNS = 4, 16
#: Penalty of the regression on these cells: a set of a thousand pictures must suffice to fit them.
_RIDGE = 1.0
#: The factors tried on the evidence, to make it as strong as it proves to be.
_FACTORS = np.geomspace(0.002, 2.0, 60)
#: The parts that may be missing, at the left or at the right.
PARTS = (0.25, 0.4, 0.5)


def odd_part(grids: Bytes) -> Floats:
    """What changes its sign when a picture is turned by 180 degrees: (n, 32), from flat grids of GRID cells.

    The difference between each cell and its opposite across the centre, divided by the picture's spread.
    """
    cells = grids.reshape(-1, _ROWS, GRID[0] // _ROWS, _COLUMNS, GRID[1] // _COLUMNS).mean(
        axis=(2, 4), dtype=np.float32
    )
    cells -= cells.mean(axis=(1, 2), keepdims=True)
    spread = np.sqrt((cells * cells).sum(axis=(1, 2), keepdims=True))
    cells = (cells - cells[:, ::-1, ::-1]) / np.maximum(2 * spread, 1e-6)
    return np.asarray(cells.reshape(len(cells), -1)[:, : _ROWS * _COLUMNS // 2], np.float64)


def learn_orientation(x: Floats, laid_out: Bytes, seen: Bytes, weights: Floats) -> tuple[Regression, Floats]:
    """From a set's pairs: a predictor of which way up a picture is, and `turned` of these pairs themselves.

    x: (n, p) what is known of the labels; laid_out, seen: grids of labels and pictures, flat; weights: how far each
    pair is trusted, 0-1. Each pair is predicted by a regression that has not seen it.
    """
    fold = np.random.default_rng(0).permutation(len(x)) % FOLDS
    odd = odd_part(seen)
    guess, regression = cross_fitted(_view(x, laid_out), odd, weights, fold)
    evidence = _evidence(odd, guess, regression.inverse)
    # A small set teaches less than it seems to. Since nearly all pictures are the right way up, they tell how far to
    # trust the evidence: the factor that makes this most likely.
    likelihoods = [np.log1p(np.exp(np.minimum(factor * evidence, 50.0))).sum() for factor in _FACTORS]
    regression.inverse *= _FACTORS[int(np.argmin(likelihoods))]
    return regression, _evidence(odd, guess, regression.inverse)


def turned(orientation: Regression, x: Floats, laid_out: Bytes, seen: Bytes) -> Floats:
    """Log likelihood ratio for each picture being turned by 180 degrees, under normal errors; positive is for it."""
    guess = orientation.predict(_view(x, laid_out).x)
    return _evidence(odd_part(seen), guess, orientation.inverse)


def _view(x: Floats, laid_out: Bytes) -> View:
    nothing = np.zeros((0, 0))
    return View(np.concatenate([x, odd_part(laid_out)], axis=1), nothing, nothing, _RIDGE)


def _evidence(odd: Floats, guess: Floats, inverse: Floats) -> Floats:
    # The two squared distances, to the guess and to the turned guess, differ only in their mixed terms.
    return np.asarray(-2 * np.einsum("ij,jk,ik->i", odd, inverse, guess))


def part_missing(
    model: Model, view: View, off: Floats, seen: Floats, laid_out: Bytes, probability: Floats
) -> tuple[Floats, Floats]:
    """For pairs: which part of its label the picture seems to lack, and how much better it then fits.

    The part is negative if it is missing at the left, positive at the right, such as -0.4; the gain is the difference
    of the logits of the pair's probability. off: the residuals that `fit` or `Model.score` gave for `seen`. laid_out:
    the labels' grids, flat. Nothing is learnt for it: a label's layout is cut, and what is counted across a picture is
    scaled up to a whole one.
    """
    standard = model.standard(seen)
    guess = [standard - off / model.y_scale]
    every = np.arange(len(seen))
    grids = laid_out.reshape(-1, *GRID).astype(np.float32)
    before = _logit(probability)
    best, part = np.full(len(seen), -np.inf), np.zeros(len(seen))
    for missing in PARTS:
        for side in (-1, 1):
            rest = (missing, 1.0) if side < 0 else (0.0, 1 - missing)
            cut = _cut(grids, *rest).round().astype(np.uint8).reshape(len(seen), -1)
            hypothesis = View(view.x, features.unit(cut), view.theirs, view.ridge)
            whole = model.standard(_as_whole(seen, 1 - missing))
            after = _logit(model.probability(model.evidence([hypothesis], guess, whole, every, every)))
            better = after - before > best
            best, part = np.where(better, after - before, best), np.where(better, side * missing, part)
    return part, best


def _logit(probability: Floats) -> Floats:
    inside = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(inside / (1 - inside)))


def _as_whole(seen: Floats, part: float) -> Floats:
    """The seven numbers of `features.images` for a whole picture, from those of a part of its width."""
    whole = seen.astype(np.float64)
    across = (np.exp(whole[:, 5]) - 0.5) / part
    whole[:, features.ASPECT] -= np.log(part)
    whole[:, 1:3] /= np.sqrt(part)
    whole[:, 3], whole[:, 5] = across, np.log(across + 0.5)
    return whole


def _cut(grids: Floats, start: float, end: float) -> Floats:
    """The columns from `start` to `end` (shares of the width), cut to the height of their ink and stretched."""
    wide = _stretched(grids, start * GRID[1], end * GRID[1])
    out = np.zeros_like(wide)
    for at, grid in enumerate(wide):
        inked = np.flatnonzero(grid.max(axis=1) > 8)
        if inked.size:
            out[at] = _stretched(grid.T[None], float(inked[0]), float(inked[-1] + 1))[0].T
    return out.clip(0, 255)


def _stretched(grids: Floats, start: float, end: float) -> Floats:
    """The cells from start to end of the last axis, resampled by area to the original number of cells."""
    size = grids.shape[-1]
    sums = np.concatenate([np.zeros((*grids.shape[:-1], 1)), np.cumsum(grids, axis=-1, dtype=np.float64)], axis=-1)
    edges = np.linspace(start, end, size + 1)
    below = np.clip(edges.astype(np.intp), 0, size - 1)
    share = edges - below
    at = sums[..., below] * (1 - share) + sums[..., below + 1] * share
    return np.asarray(np.diff(at, axis=-1) * size / (end - start), np.float32)
