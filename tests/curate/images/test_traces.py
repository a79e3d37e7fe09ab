"""Reading traces: what real files contain is read, anything else gives one line."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inkml_makers import CROSS, HOSTILE, channels, inkml

from curate.images.traces import InkError, read_traces


def points(text: str | bytes) -> list[list[list[float]]]:
    return [trace.tolist() for trace in read_traces(text.encode() if isinstance(text, str) else text)]


def test_crohme() -> None:
    groups = '<traceGroup><traceView traceDataRef="0"/></traceGroup></ink>'
    assert points(inkml(CROSS, tail=groups))[0] == [[0, 0], [10, 10], [20, 20]]
    assert points(inkml(["\n1.5 -2,\n3e1 +4\n"])) == [[[1.5, -2], [30, 4]]]


def test_mathwriting() -> None:
    text = inkml(["1.0 2.0 0.0,3.0 4.0 12.0"], head=channels("X", "Y", "T"))
    assert points(text) == [[[1, 2], [3, 4]]]
    assert points(text.replace("<traceFormat>", "<x>").replace("</traceFormat>", "</x>")) == [[[1, 2], [3, 4]]]


def test_channels_stand_in_any_order_and_may_point_upwards() -> None:
    assert points(inkml(["0 1 2, 9 3 4"], head=channels("F", "Y", "X"))) == [[[2, 1], [4, 3]]]
    assert points(inkml(["1 2, 3 4"], head=channels("X", "-Y"))) == [[[1, -2], [3, -4]]]


def test_only_traces_with_the_pen_down_inside_groups_too() -> None:
    text = '<ink><trace type="penUp">0 0, 9 9</trace><traceGroup><trace>1 2</trace></traceGroup></ink>'
    assert points(text) == [[[1, 2]]]


def test_prefixes_and_a_comma_at_the_end() -> None:
    assert points('<i:ink xmlns:i="http://www.w3.org/2003/InkML"><i:trace>1 2, 3 4,</i:trace></i:ink>') == [
        [[1, 2], [3, 4]]
    ]


@pytest.mark.parametrize(
    "data",
    [
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + inkml(["1 2"], label="é")).encode("latin-1"),
        inkml(["1 2"], label="é").encode("latin-1"),
        inkml(["1 2"], label="é").encode("utf-8"),
        inkml(["1 2"], label="é").encode("utf-8-sig"),
        inkml(["1 2"], label="é").encode("utf-16"),
    ],
)
def test_encodings(data: bytes) -> None:
    assert points(data) == [[[1, 2]]]


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_wrong_is_one_line(kind: str) -> None:
    text, says = HOSTILE[kind]
    with pytest.raises(InkError) as caught:
        read_traces(text.encode())
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_billions_of_entities_take_no_time_and_no_memory() -> None:
    names = "abcdefghijkl"
    laughs = "".join(f'<!ENTITY {b} "' + f"&{a};" * 10 + '">' for a, b in pairwise(names))
    with pytest.raises(InkError, match="it declares entities"):
        read_traces(f'<!DOCTYPE ink [<!ENTITY a "1 2,">{laughs}]><ink><trace>&l;</trace></ink>'.encode())


@given(st.lists(st.lists(st.tuples(*[st.floats(-1e9, 1e9)] * 2), min_size=1, max_size=5), min_size=1, max_size=4))
def test_what_is_written_is_read(traces: list[list[tuple[float, float]]]) -> None:
    written = [", ".join(f"{x!r} {y!r}" for x, y in trace) for trace in traces]
    read = read_traces(inkml(written).encode())
    assert all(np.array_equal(a, np.array(b)) for a, b in zip(read, traces, strict=True))


@given(st.binary(max_size=60), st.binary(max_size=30))
def test_anything_is_traces_or_one_line(whole: bytes, inside: bytes) -> None:
    for data in (whole, b"<ink><trace>" + inside + b"</trace></ink>", inkml().encode()[: len(whole) * 5]):
        try:
            traces = read_traces(data)
        except InkError:
            continue
        assert all(np.isfinite(trace).all() and trace.shape[1] == 2 for trace in traces)
