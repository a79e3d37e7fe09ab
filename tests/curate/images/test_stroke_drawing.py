"""Drawing strokes: their position and width, in an image of the requested size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from curate.base.errors import UserError
from curate.images.measures import measured_grey
from curate.images.stroke_drawing import MAX_PIXELS, MAX_SIDE, MIN_SIDE, draw
from curate.images.stroke_settings import DEFAULTS, StrokeSettings, from_spelling, spelled

CROSS = [np.array([[0, 0], [20, 20.0]]), np.array([[20, 0], [0, 20.0]])]


def box(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels darker than half."""
    rows, columns = (np.nonzero((pixels < 128).any(axis=axis))[0] for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def test_as_crohmes_pictures_are() -> None:
    """Traces with a mean height of 28 pixels, a pen of 3, and a margin of 11 pixels."""
    pixels = draw(CROSS)
    assert pixels.shape == (53, 53)  # 28 + 3 + 2 * 11; CROHME's images of one stroke have an extra margin
    assert pixels.dtype == np.uint8
    assert pixels[0, 0] == 255
    assert pixels.min() == 0
    left, top, right, bottom = box(pixels)
    assert (left, top) == (53 - right, 53 - bottom)
    assert 30 <= right - left <= 32


def test_the_mean_height_of_traces_decides_not_their_number_or_unit() -> None:
    small = [np.array([[0, 0], [1, 4.0]]), np.array([[3, 0], [4, 12.0]])]
    for unit in (1e-6, 1, 1e6):
        assert draw([trace * unit for trace in small]).shape[0] == int(np.ceil(28 * 12 / 8 + 25))


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        (StrokeSettings(fit="ink", size=50, pen=2, margin=0), (52, 52)),
        (StrokeSettings(fit="unit", size=2, pen=1, margin=10), (61, 61)),
        (StrokeSettings(fit="unit", size=1.5, pen=3, margin=0), (33, 33)),
        (StrokeSettings(fit="trace", size=14, pen=2, margin=5), (28, 28)),  # 26 is too small for models
    ],
)
def test_size_is_of_what_the_settings_say(settings: StrokeSettings, shape: tuple[int, int]) -> None:
    assert draw(CROSS, settings).shape == shape


@pytest.mark.parametrize("pen", [1.0, 2.0, 3.0, 3.5, 8.0, 40.0])
def test_the_pen_is_as_wide_as_it_says_and_round(pen: float) -> None:
    line = draw([np.array([[0, 0], [200, 0.0]])], StrokeSettings(fit="unit", size=1, pen=pen, margin=10))
    width = (255 - line[:, line.shape[1] // 2].astype(int)).sum() / 255
    assert abs(width - pen) < 0.35
    dot = draw([np.array([[7, 7.0]])], StrokeSettings(fit="unit", size=1, pen=pen, margin=10))
    area = (255 - dot.astype(int)).sum() / 255
    assert abs(area - np.pi * pen * pen / 4) < 0.2 * np.pi * pen * pen / 4 + 0.3


def test_a_dot_and_a_minus_are_seen() -> None:
    for traces in ([np.array([[5, 5.0]])], [np.array([[5, 5.0]] * 3)]):
        pixels = draw(traces)
        assert pixels.shape == (MIN_SIDE, MIN_SIDE)
        assert pixels.min() == 0
        assert abs(box(pixels)[0] - (MIN_SIDE - box(pixels)[2])) <= 1
    minus = draw([np.array([[0, 0], [300, 0.0]])])
    assert minus.shape[0] == MIN_SIDE
    assert 100 < minus.shape[1] < 200


def test_black_and_white_only() -> None:
    assert set(np.unique(draw(CROSS, StrokeSettings(antialias=False)))) == {0, 255}
    assert len(np.unique(draw(CROSS))) > 3


def test_a_far_point_makes_no_endless_picture() -> None:
    far = [*CROSS, np.array([[1e9, 0.0]])]
    wide = draw(far, StrokeSettings(fit="unit", size=4000)).shape[1]
    assert wide <= MAX_SIDE
    square = draw([np.array([[0, 0], [1e9, 1e9]])], StrokeSettings(fit="unit", size=4000))
    assert square.size <= MAX_PIXELS * 1.1


def test_a_million_points_are_drawn() -> None:
    angles = np.linspace(0, 6, 1_000_000)
    assert draw([np.stack([np.cos(angles), np.sin(angles)], axis=1)]).shape == (53, 54)


traces = st.lists(
    st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=4).map(np.array),
    min_size=1,
    max_size=3,
)


@with_settings(max_examples=30)
@given(traces, st.sampled_from(["trace", "ink", "unit"]), st.floats(0.001, 60), st.floats(0.5, 9), st.integers(0, 30))
def test_any_ink_is_whole_inside_its_margin(drawn, fit, size, pen, margin) -> None:
    pixels = draw(drawn, StrokeSettings(fit=fit, size=size, pen=pen, margin=margin))
    assert min(pixels.shape) >= MIN_SIDE
    assert (pixels < 255).any()
    if margin:
        frame = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert (frame == 255).all()


def test_what_is_drawn_is_sharp_dark_ink_on_white() -> None:
    values = measured_grey(draw(CROSS)).values
    assert values[:3] == (255, "dark", 1.0)
    assert values[3] > 0.5


@given(
    st.builds(
        StrokeSettings,
        fit=st.sampled_from(["trace", "ink", "unit"]),
        size=st.sampled_from([0.001, 1.0, 28.0, 64.5, 4000.0]),
        pen=st.sampled_from([0.5, 3.5, 2.25]),
        margin=st.integers(0, 1000),
        antialias=st.booleans(),
    )
)
def test_a_ref_spells_settings_and_reads_them_back(settings: StrokeSettings) -> None:
    assert from_spelling(spelled(settings)) == settings


def test_spelling() -> None:
    assert spelled(DEFAULTS) == ""
    assert spelled(StrokeSettings(pen=2, antialias=False)) == "pen=2,antialias=false"
    for wrong in ("pen", "pen=", "pen=0", "colour=red", "antialias=maybe", "margin=1.5", "a:b"):
        with pytest.raises(UserError):
            from_spelling(wrong)
