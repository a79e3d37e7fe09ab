"""`rules.check` on frames of samples: rules over images, splits and sets run if their columns exist, or are named."""

from __future__ import annotations

import warnings
from dataclasses import replace

import polars as pl
import pytest

import rules
from rules import LeftOutWarning, faults
from rules.findings import SCHEMA
from rules.over_samples import judge_samples
from rules.registry import all_rules
from rules.selection import select

LONG = r"\frac{a}{b} + c + d + e + f = g"
SPLITS = pl.DataFrame(
    {
        "sample_id": ["train/1", "train/2", "test/1", "test/2"],
        "label": [LONG, "x", r"\frac {a} {b} + c + d + e + f = g", "$z$"],
        "split": ["train", "train", "test", "test"],
    }
)
SIZES = pl.DataFrame({"label": ["x", "y", "z"], "width": [20, 400, 9000], "height": [100, 100, 30]})


def checked(frame: object, *codes: str, **more: object) -> list[tuple]:
    """Row, rule and message of each finding; nothing may be left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rules.check(frame, include=codes, **more)  # type: ignore[arg-type]
    return list(found.select("row", "rule", "message").iter_rows())


def test_splits_that_leak_are_found():
    assert checked(SPLITS, "DUP004", "DUP005", "DUP006") == [
        (0, "DUP005", "same label as test/1 in a test or validation split"),
        (2, "DUP006", "same label as train/1 in a training split"),
        (
            None,
            "DUP004",
            "1 of 2 labels of labels/test (50 %) are also in labels/train, 1 of them with 10 tokens or more",
        ),
    ]


def test_a_source_s_name_says_what_it_is_for_where_there_is_no_split():
    frame = SPLITS.select("label", source=pl.Series(["a-train", "a-train", "a-test", "a-test"]))
    found = rules.check(frame, include=["DUP004"])
    assert found.columns == ["source", *SCHEMA]
    assert found.select("row", "source", "rule").rows() == [(None, "a-test", "DUP004")]


def test_sizes_of_images_are_judged():
    assert checked(SIZES, "IMG001", "IMG002") == [
        (0, "IMG001", "20 x 100 pixels: a side is under 28"),
        (2, "IMG002", "9000 x 30 pixels: one side is more than 200 times the other"),
    ]


def test_sizes_that_are_not_known_are_not_judged():
    assert checked(SIZES.with_columns(width=None), "IMG001") == []
    failed = SIZES.with_columns(image_error=pl.Series(["truncated", None, None]))
    assert [row for row, _, _ in checked(failed, "IMG001", "IMG002")] == [2]


def test_equal_pixels_with_other_labels_contradict_each_other():
    frame = pl.DataFrame({"label": ["x", "y", "z"], "image_sha256": ["1", "1", "2"]})
    assert checked(frame, "DUP002") == [
        (0, "DUP002", "same image as 1, which has the label y"),
        (1, "DUP002", "same image as 0, which has the label x"),
    ]
    blank = frame.with_columns(image_phash=pl.lit(None, pl.String))  # blank pages are all equal
    assert checked(blank, "DUP002") == []


def test_findings_of_labels_and_samples_stand_together_in_the_order_of_the_rows():
    found = rules.check(SPLITS, include=["DLM001", "DUP005", "DUP004"])
    assert found.columns == ["sample_id", *SCHEMA]
    assert dict(zip(found.columns, found.dtypes, strict=True)) == {"sample_id": pl.String, **SCHEMA}
    assert found.select("row", "sample_id", "rule").rows() == [
        (0, "train/1", "DUP005"),
        (3, "test/2", "DLM001"),
        (3, "test/2", "DLM001"),
        (None, None, "DUP004"),
    ]


# What is left out -----------------------------------------------------------------------------------------------------


def test_rules_whose_columns_are_missing_are_named_with_them_in_one_line():
    with pytest.warns(LeftOutWarning) as caught:
        rules.check(SPLITS, include=["DUP"])
    (warning,) = caught
    assert warning.filename == __file__
    assert str(warning.message) == (
        "rules.check left out 8 rules over samples because of missing columns: DUP002, DUP003, DUP007 (image_sha256); "
        "DUP008, DUP012 (image_sha256, image_group); DUP009, DUP010 (against_labels); DUP011 (against_images); "
        "samples=False checks only labels"
    )
    assert warning.message.left_out["DUP008"] == ("image_sha256", "image_group")


def test_what_is_left_out_is_all_that_did_not_run():
    ruleset = select()
    with pytest.warns(LeftOutWarning) as caught:
        rules.check(SIZES)
    left_out = set(caught[0].message.left_out)
    ran = {rule.code for rule in ruleset.rules("samples") if set(rule.columns) <= {"width", "height"}}
    assert left_out == {rule.code for rule in ruleset.rules("samples")} - ran
    assert {"IMG001", "IMG002", "IMG003", "IMG004", "DUP001"} <= ran


def test_labels_alone_are_judged_as_ever_and_nothing_is_said():
    labels = SPLITS["label"].to_list()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = rules.check(labels)
        assert alone["row"].null_count() == 0
        assert set(alone["rule"]) <= {code for code, rule in all_rules().items() if rule.scope == "label"}
        assert rules.check(SPLITS.drop("split")).drop("sample_id").equals(alone)
        assert rules.check(SPLITS, samples=False).drop("sample_id").equals(alone)
        assert rules.check(labels, include=["CAN", "DUP"]).equals(rules.check(labels, include=["CAN"]))


def test_a_rule_over_samples_that_is_named_runs_on_a_list_too():
    for name in ("DUP001", "repeated-labels"):
        assert [(row, rule) for row, rule, _ in checked(["x", "x"], name)] == [(None, "DUP001")]
    with pytest.warns(
        LeftOutWarning, match=r"left out 1 rule over samples because of missing columns: DUP002 \(image_sha256\);"
    ):
        assert rules.check(["x", "x"], include=["DUP002"]).is_empty()


def test_samples_can_be_asked_for_without_a_column_of_theirs():
    with pytest.warns(LeftOutWarning):
        found = rules.check(["x"] * 3, samples=True)
    assert found.filter(pl.col("row").is_null())["rule"].to_list() == ["DUP001"]


# Bad frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (SPLITS.with_columns(sample_id=pl.lit("a")), "several samples have the sample_id 'a': give each its own"),
        (
            SPLITS.with_columns(sample_id=pl.Series(["a", None, "b", "c"])),
            "the column 'sample_id' is null in row 1: every sample needs one",
        ),
        (
            SIZES.with_columns(width=pl.Series(["wide", "1", "2"])),
            r"the column 'width' is String, not Int32 \(width of the image in pixels\)",
        ),
    ],
)
def test_a_frame_that_can_t_be_read_is_one_line(frame, said):
    with pytest.raises(ValueError, match=said) as raised:
        rules.check(frame)
    assert "\n" not in str(raised.value)


def test_a_frame_is_not_changed_and_may_have_no_rows():
    before = SPLITS.clone()
    checked(SPLITS, "DUP004")
    assert SPLITS.equals(before)
    assert checked(SPLITS.clear(), "DUP004", "DUP005") == []


def test_a_rule_that_raises_is_a_fault_and_the_others_go_on(monkeypatch, faults_go_on):
    def broken(samples, options):
        raise ZeroDivisionError("no")

    monkeypatch.setitem(all_rules(), "DUP004", replace(all_rules()["DUP004"], judge=broken))
    with pytest.warns(faults.FaultWarning, match="rule DUP004 failed on 4 samples"):
        found = rules.check(SPLITS, include=["DUP004", "DUP005"])
    assert found.select("row", "rule").rows() == [(0, "DUP005"), (None, "CAN102")]


def test_the_runner_alone_says_what_it_left_out():
    samples = SPLITS.with_columns(source=pl.lit("a"), n_tokens=12, canonical="label", visual_key="label")
    done = judge_samples(samples, select(["DUP004", "DUP007"]))
    assert done.left_out == {"DUP007": ("image_sha256",)}
    assert done.findings.is_empty()
