"""Strokes of an ink mask, against counts by hand and by flood filling. Not the separation of ink and paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.images.strokes import strokes_of

_EIGHT = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
_FOUR = [(0, 1), (1, 0), (0, -1), (-1, 0)]


def mask(*rows: str) -> np.ndarray:
    return np.array([[cell == "#" for cell in row] for row in rows])


def pieces(inside: np.ndarray, neighbours: list[tuple[int, int]]) -> int:
    """Connected pieces, by flood filling."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(inside), strict=True)}
    count = 0
    while left:
        count += 1
        front = [left.pop()]
        while front:
            y, x = front.pop()
            for dy, dx in neighbours:
                if (y + dy, x + dx) in left:
                    left.remove((y + dy, x + dx))
                    front.append((y + dy, x + dx))
    return count


def test_an_equals_sign() -> None:
    strokes = strokes_of(mask("####", "....", "####"))
    assert (strokes.parts, strokes.holes) == (2, 0)
    assert strokes.across == pytest.approx(2 / 3)
    assert strokes.down == 2.0


def test_an_eight_has_two_holes_and_diagonals_connect() -> None:
    eight = mask(".##.", "#..#", ".##.", "#..#", ".##.")
    assert strokes_of(eight)[:2] == (1, 2)


@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
        lambda size: st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
            lambda cells: np.array(cells).reshape(size)
        )
    )
)
def test_parts_and_holes_are_those_of_flood_filling(inside: np.ndarray) -> None:
    strokes = strokes_of(inside)
    assert strokes.parts == pieces(inside, _EIGHT)
    assert strokes.holes == pieces(~np.pad(inside, 1), _FOUR) - 1
