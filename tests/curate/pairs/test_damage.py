"""What could explain an image that doesn't match its label. How well it does so needs real images."""

from __future__ import annotations

import numpy as np
import pytest

from curate.pairs.damage import _as_whole, _cut, learn_orientation, odd_part, turned
from curate.pairs.features import ASPECT, GRID

RNG = np.random.default_rng(0)


def grids(count: int) -> np.ndarray:
    """Flat grids whose ink depends on three numbers each, and those numbers."""
    known = RNG.normal(size=(count, 3))
    patterns = RNG.random((3, *GRID))
    cells = 128 + 40 * np.tensordot(known, patterns - 0.5, 1) + RNG.normal(0, 12, (count, *GRID))
    return known, cells.clip(0, 255).astype(np.uint8).reshape(count, -1)


def upside_down(cells: np.ndarray) -> np.ndarray:
    return cells.reshape(-1, *GRID)[:, ::-1, ::-1].reshape(len(cells), -1)


def test_the_odd_part_changes_its_sign_when_turned() -> None:
    _, cells = grids(5)
    assert np.allclose(odd_part(upside_down(cells)), -odd_part(cells), atol=1e-5)
    assert np.allclose(odd_part(cells // 2 + upside_down(cells) // 2), 0, atol=1e-5)


def test_a_turned_picture_has_evidence_of_the_other_sign() -> None:
    known, cells = grids(400)
    seen = cells.copy()
    seen[:8] = upside_down(seen[:8])
    learnt, evidence = learn_orientation(known, cells, seen, np.ones(400))
    assert (evidence[:8] > 0).sum() >= 7
    assert (evidence[8:] > 3.5).mean() < 0.01
    assert (evidence[8:] < 0).mean() > 0.9
    new, fresh = known[200:300], cells[200:300]
    assert np.allclose(turned(learnt, new, fresh, upside_down(fresh)), -turned(learnt, new, fresh, fresh), atol=1e-3)


def test_where_nothing_tells_which_way_up_the_evidence_is_weak() -> None:
    laid_out, seen = RNG.integers(0, 255, (2, 120, GRID[0] * GRID[1])).astype(np.uint8)
    _, evidence = learn_orientation(RNG.normal(size=(120, 30)), laid_out, seen, np.ones(120))
    assert (evidence > 3.5).mean() < 0.05


@pytest.mark.parametrize("part", [0.5, 0.75])
def test_numbers_of_a_part_become_those_of_the_whole(part: float) -> None:
    """Twice as wide means twice as many parts, holes and strokes across, and as many down."""
    whole = np.array([[np.log(4.0), np.sqrt(8), np.sqrt(2), 6.0, 1.5, np.log(6.5), np.log(2.0)]])
    cut = whole.copy()
    cut[0, ASPECT] += np.log(part)
    cut[0, 1:3] *= np.sqrt(part)
    cut[0, 3], cut[0, 5] = 6.0 * part, np.log(6.0 * part + 0.5)
    assert np.allclose(_as_whole(cut, part), whole)


def test_a_layout_is_cut_and_fills_the_grid_again() -> None:
    grid = np.zeros((1, *GRID), np.float32)
    grid[0, :6, :16] = 200  # the left half, near the top
    left = _cut(grid, 0.0, 0.5)
    assert np.allclose(left, 200)
    assert np.allclose(_cut(grid, 0.5, 1.0), 0)
    half = _cut(grid, 0.25, 1.0)[0]
    assert np.allclose(half[:, :10], 200)
    assert np.allclose(half[:, 12:], 0)
