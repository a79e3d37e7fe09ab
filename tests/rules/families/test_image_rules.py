"""The IMG rules on frames of facts, and the sizes that the model's processor makes."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.registry import all_rules
from rules.sets.model_resize import smart_resize
from rules.toolkit.whole_sets import rows_or_set

CLEAN: dict[str, Any] = {
    "width": 300, "height": 84, "mode": "L", "format": "PNG", "frames": 1, "orientation": 1, "alpha": False,
    "image_error": None, "background": 255, "polarity": "dark", "contrast": 1.0, "sharpness": 1.0, "ink_ratio": 0.05,
    "ink_left": 10, "ink_top": 10, "ink_right": 290, "ink_bottom": 74, "ink_border": 0, "bare_background": None,
    "uneven": False,
}  # fmt: skip
TYPES = {"image_error": pl.String, "background": pl.UInt8, "bare_background": pl.UInt8, "ink_border": pl.UInt8}

#: By code: the changed facts of a clean image, and whether the rule then fires.
CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("IMG001", {"width": 332, "height": 27}, True),
    ("IMG001", {"width": 28, "height": 28}, False),
    ("IMG002", {"width": 5628, "height": 28}, True),
    ("IMG002", {"width": 5600, "height": 28}, False),
    ("IMG003", {"width": 1654, "height": 2339}, True),
    ("IMG003", {"width": 1008, "height": 980}, False),
    ("IMG004", {"width": 1000, "height": 42}, True),
    ("IMG004", {"width": 1000, "height": 56}, False),
    ("IMG005", {"image_error": "image file is truncated"}, True),
    ("IMG005", {"image_error": "no such file"}, False),
    ("IMG006", {"orientation": 6}, True),
    ("IMG007", {"polarity": "light", "background": 0}, True),
    ("IMG007", {"polarity": "light", "ink_left": None}, False),
    ("IMG008", {"sharpness": 0.2}, True),
    ("IMG008", {"sharpness": 0.5}, False),
    ("IMG009", {"contrast": 0.1}, True),
    ("IMG009", {"contrast": 0.2}, False),
    ("IMG009", {"contrast": 0.0, "ink_left": None}, False),
    ("IMG010", {"ink_border": 1}, True),
    ("IMG010", {"ink_border": 1, "uneven": True}, False),
    ("IMG011", {"width": 1654, "height": 2339}, True),
    ("IMG011", {"width": 120, "height": 100, "ink_left": 50, "ink_right": 60}, False),
    ("IMG012", {"ink_ratio": 0.0, "ink_left": None}, True),
    ("IMG013", {"bare_background": 0}, True),
    ("IMG013", {"bare_background": 255}, False),
    ("IMG014", {"frames": 3}, True),
    ("IMG015", {"mode": "CMYK"}, True),
    ("IMG015", {"mode": "I;16"}, True),
    ("IMG015", {"mode": "P"}, False),
]


def frame(*changes: dict[str, Any], source: str = "set") -> pl.DataFrame:
    rows = [{**CLEAN, **change} for change in changes]
    ids = {"sample_id": [f"{source}/{at}" for at in range(len(rows))], "source": source, "image": "x.png"}
    return pl.DataFrame(rows, schema_overrides=TYPES, infer_schema_length=None).with_columns(
        pl.Series("sample_id", ids["sample_id"]), source=pl.lit(source), image=pl.lit("x.png")
    )


def judge(code: str, samples: pl.DataFrame, **options: Any) -> list[tuple[str | None, str]]:
    rule = all_rules()[code]
    found = rule.judge(samples, {**rule.options, **options})
    assert found.columns == ["sample_id", "source", "message"]
    return [(row[0], row[2]) for row in found.iter_rows()]


@pytest.mark.parametrize(("code", "change", "fires"), CASES, ids=lambda value: str(value)[:40])
def test_each_rule(code: str, change: dict[str, Any], fires: bool) -> None:
    assert judge(code, frame({})) == []
    found = judge(code, frame({}, change))
    assert [sample for sample, _ in found] == (["set/1"] if fires else [])
    assert all(message and "null" not in message for _, message in found)


def test_every_image_rule_has_a_case_that_fires() -> None:
    codes = {code for code in all_rules() if code.startswith("IMG")}
    assert codes == {code for code, _, fires in CASES if fires}


@pytest.mark.parametrize("code", sorted(code for code in all_rules() if code.startswith("IMG")))
def test_rules_cope_with_what_was_not_looked_at(code: str) -> None:
    bare = frame({}).select("sample_id", "source", "image").with_columns(pl.lit(None, pl.Int32).alias("width"))
    assert judge(code, bare) == []
    headers = frame({}).select(
        "sample_id", "source", "image", "width", "height", "mode", "frames", "orientation", "image_error"
    )
    assert judge(code, headers) == []
    assert judge(code, frame({}).clear()) == []


def test_photos_with_ink_at_the_border_are_one_finding_or_none() -> None:
    photo = {"ink_border": 4, "uneven": True}
    assert judge("IMG010", frame(*[photo] * 7)) == []
    found = judge("IMG010", frame(*[photo] * 20))
    assert [sample for sample, _ in found] == [None]
    assert found[0][1].startswith("20 of 20 images have ink that touches the border")


def test_options_move_the_thresholds() -> None:
    assert judge("IMG001", frame({"height": 30}), min_side=32)
    assert not judge("IMG008", frame({"sharpness": 0.2}), sharpness=0.1)
    assert not judge("IMG003", frame({"width": 1654, "height": 2339}), max_pixels=4_000_000)


def test_messages_name_the_numbers() -> None:
    assert judge("IMG003", frame({"width": 1654, "height": 2339})) == [
        ("set/0", "1654 x 2339 pixels are shrunk to 840 x 1176")
    ]
    assert judge("IMG004", frame({"width": 1000, "height": 42})) == [
        ("set/0", "1000 x 42 pixels become 1008 x 56: stretched by 32 %")
    ]
    assert judge("IMG006", frame({"orientation": 8}))[0][1].endswith("turned by 90 degrees to the left")


def test_what_holds_for_most_of_a_set_is_one_finding() -> None:
    inverted = {"polarity": "light", "background": 0}
    whole = judge("IMG007", frame(*[inverted] * 30))
    assert whole == [(None, "30 of 30 images show light ink on dark paper")]
    most = judge("IMG007", frame({}, *[inverted] * 29))
    assert most == [(None, "29 of 30 images show light ink on dark paper; the others show dark ink on light paper")]
    assert len(judge("IMG007", frame(*[inverted] * 15, *[{}] * 15))) == 15
    assert len(judge("IMG007", frame(*[inverted] * 19))) == 19  # too few to judge the set
    assert judge("IMG007", frame(*[inverted] * 30), whole=1.0)[0][0] == "set/0"
    two = pl.concat([frame(*[inverted] * 30), frame(*[inverted] * 3, *[{}] * 30, source="other")])
    assert [sample for sample, _ in judge("IMG007", two)] == [None, "other/0", "other/1", "other/2"]


def test_rows_or_set_counts_only_judged_samples() -> None:
    found = rows_or_set(frame(*[{}] * 20), pl.lit(True), pl.lit("x"), "are so", whole=0.5, rest="; others not")
    assert found.rows() == [(None, "set", "20 of 20 images are so")]


def _by_hand(height: int, width: int, low: int, high: int) -> tuple[int, int]:
    """What the model's processor computes, copied from its source."""
    tall, wide = round(height / 28) * 28, round(width / 28) * 28
    if tall * wide > high:
        beta = math.sqrt((height * width) / high)
        return max(28, math.floor(height / beta / 28) * 28), max(28, math.floor(width / beta / 28) * 28)
    if tall * wide < low:
        beta = math.sqrt(low / (height * width))
        return math.ceil(height * beta / 28) * 28, math.ceil(width * beta / 28) * 28
    return tall, wide


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 6000), st.integers(1, 6000)), min_size=1, max_size=50),
    st.sampled_from([(3136, 1_003_520), (200_704, 1_003_520), (3136, 12_845_056), (784, 50_176)]),
)
def test_smart_resize_is_the_processors(sizes: list[tuple[int, int]], budget: tuple[int, int]) -> None:
    sizes = [*sizes, (42, 70), (14, 2000), (13, 2000), (98, 126), (28, 28), (1, 1)]  # halves round to the even multiple
    table = pl.DataFrame(sizes, schema=["width", "height"], orient="row")
    wide, high = smart_resize(pl.col("width"), pl.col("height"), min_pixels=budget[0], max_pixels=budget[1])
    got = table.select(high.alias("high"), wide.alias("wide")).rows()
    assert got == [_by_hand(height, width, *budget) for width, height in sizes]
