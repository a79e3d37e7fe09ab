"""Rules over duplicates and leaks, on frames with known duplicates: who is named, who isn't, and what counts."""

from __future__ import annotations

import polars as pl
import pytest

from rules.registry import find
from rules.sets.leaks import RANKS, leakage, rank, seen_elsewhere
from rules.sets.same_label import with_label_groups

LONG = "a + b = c + d - e + f"


def frame(rows: list[dict]) -> pl.DataFrame:
    """Samples from dicts. `pixels` and `near` are an image's hash and group; the key is the label without spaces."""
    made = []
    for place, row in enumerate(rows):
        label = row["label"]
        made.append(
            {
                "sample_id": row.get("id", f"s/{place}"),
                "source": row.get("source", "s"),
                "split": row.get("split"),
                "label": label,
                "canonical": row.get("canonical"),
                "visual_key": row.get("key", f"{hash_of(label):024x}"),
                "n_tokens": len(label.split()),
                "image_sha256": row.get("pixels"),
                "image_phash": None if row.get("blank") else row.get("pixels") and "00",
                "image_group": row.get("near", row.get("pixels")),
                "against_labels": row.get("against_labels", []),
                "against_images": row.get("against_images", []),
            }
        )
    schema = {"split": pl.String, "canonical": pl.String, "visual_key": pl.String, "image_sha256": pl.String}
    schema |= {"image_phash": pl.String, "image_group": pl.String}
    lists = {"against_labels": pl.List(pl.String), "against_images": pl.List(pl.String)}
    return with_label_groups(pl.DataFrame(made, schema_overrides={**schema, **lists}, infer_schema_length=None))


def hash_of(label: str) -> int:
    return int.from_bytes(label.replace(" ", "").encode()[:11], "big")


def judge(code: str, rows: list[dict], **options) -> dict[str | None, str]:
    """Sample id to message. None is for a finding about a whole source; there is at most one."""
    rule = find(code)
    found = rule.judge(frame(rows), {**rule.options, **options})
    assert found.columns == ["sample_id", "source", "message"]
    assert found["sample_id"].is_duplicated().sum() == 0
    return {sample_id: message for sample_id, _, message in found.iter_rows()}


def test_labels_without_a_key_are_equal_only_by_their_text():
    rows = frame(
        [
            {"label": r"\foo {", "key": None},
            {"label": r"\foo   {", "key": None},
            {"label": r"\foo{", "key": None},
            {"label": "  ", "key": None},
            {"label": "x", "key": None, "canonical": r"\foo {"},
            {"label": "x", "key": "ab"},
        ]
    )
    one, two, three, blank, canonical, keyed = rows["label_group"].to_list()
    assert one == two == canonical is not None
    assert one != three
    assert blank is None
    assert keyed == "ab"
    assert one.startswith("t")  # never equal to a key, since keys are hexadecimal
    assert len(one) == 24


def test_one_finding_says_how_much_a_set_repeats():
    rows = [{"label": "x + 1"}] * 3 + [{"label": "x+1"}] + [{"label": f"y_{i}"} for i in range(16)]
    found = judge("DUP001", rows)
    assert list(found) == [None]
    assert found[None].startswith("15 % of 20 labels repeat an earlier one (17 different labels)")
    assert "`x + 1` 4 times" in found[None]
    assert "y_1" not in found[None]
    assert not judge("DUP001", rows, share=0.15)
    assert not judge("DUP001", [{"label": f"y_{i}"} for i in range(16)])


def test_a_contradiction_names_another_label_of_the_same_image():
    rows = [
        {"label": "x", "pixels": "aa"},
        {"label": "y", "pixels": "aa"},
        {"label": " y", "pixels": "aa"},
        {"label": "y", "pixels": "bb"},
        {"label": "x", "pixels": None},
        {"label": "u", "pixels": "cc", "blank": True},  # all blank images are alike, so they prove nothing
        {"label": "v", "pixels": "cc", "blank": True},
    ]
    found = judge("DUP002", rows)
    assert found == {
        "s/0": "same image as s/1, which has the label y",
        "s/1": "same image as s/0, which has the label x",
        "s/2": "same image as s/0, which has the label x",
    }


def test_many_labels_of_one_image_are_counted():
    found = judge("DUP002", [{"label": label, "pixels": "aa"} for label in "xyz"])
    assert found["s/2"] == "same image as s/0, which has the label x (3 different labels in all)"


def test_copies_are_named_but_for_the_first():
    rows = [{"label": "x", "pixels": "aa"}, {"label": "y", "pixels": "aa"}, {"label": "x ", "pixels": "aa"}]
    assert judge("DUP003", rows) == {"s/2": "same image and label as s/0"}


def test_a_near_copy_needs_the_same_label_and_other_pixels():
    rows = [
        {"label": "x + 1", "pixels": "aa", "near": "aa"},
        {"label": "x + 1", "pixels": "ab", "near": "aa"},
        {"label": "x + 1", "pixels": "ab", "near": "aa"},  # a plain copy of the one before: DUP003
        {"label": "x + 1", "pixels": "aa", "near": "aa"},
        {"label": "y + 1", "pixels": "ac", "near": "aa"},
        {"label": "o", "pixels": "ba", "near": "ba"},
        {"label": "o", "pixels": "bb", "near": "ba"},  # a single symbol looks alike from any writer
    ]
    assert judge("DUP008", rows) == {"s/1": "nearly the same image as s/0, and the same label"}


def test_copies_with_other_labels_contradict_each_other():
    rows = [
        {"label": "x + 1", "pixels": "aa", "near": "aa"},
        {"label": "x + 1", "pixels": "ab", "near": "aa"},
        {"label": "y + 1", "pixels": "ac", "near": "aa"},
        {"label": "z + 1", "pixels": "ba", "near": "ba"},
        {"label": "z+1", "pixels": "bb", "near": "ba"},  # the same label
        {"label": "u + 1", "pixels": "ca", "near": "ca"},
        {"label": "v + 1", "pixels": "ca", "near": "ca"},  # the same pixels: DUP002
        {"label": "v + 1", "pixels": "cb", "near": "ca"},
        {"label": "w"},
        {"label": "1", "pixels": "da", "near": "da"},
        {"label": "l", "pixels": "db", "near": "da"},  # two hands may write single symbols alike
    ]
    assert judge("DUP012", rows) == {
        "s/0": "nearly the same image as s/2, which has the label y + 1",
        "s/1": "nearly the same image as s/2, which has the label y + 1",
        "s/2": "nearly the same image as s/0, which has the label x + 1",
        "s/7": "nearly the same image as s/5, which has the label u + 1",
    }


@pytest.mark.parametrize(
    ("source", "split", "role"),
    [
        ("a", "train", "training"),
        ("a", None, "training"),
        ("a", "test", "test"),
        ("a", "testA", "test"),
        ("a", "2014_test", "test"),
        ("a", "val", "validation"),
        ("a", "valid", "validation"),
        ("a", "validation", "validation"),
        ("a", "dev", "validation"),
        ("a", "valid_test", "validation"),
        ("a", "latest", "training"),
        ("a", "values", "training"),
        ("crohme_test", None, "test"),
        ("crohme_test", "train", "training"),  # the split says more than the source's name
    ],
)
def test_a_split_s_name_says_what_it_is_for(source, split, role):
    rows = frame([{"label": "x", "source": source, "split": split}])
    assert rows.select(rank()).item() == RANKS[role]


LEAKY = [
    {"label": LONG, "split": "train", "id": "t0", "pixels": "aa"},
    {"label": LONG, "split": "train", "id": "t1", "pixels": "ab", "near": "n1"},
    {"label": "x", "split": "train", "id": "t2", "pixels": "ac"},
    {"label": "only here", "split": "train", "id": "t3", "pixels": "ad"},
    {"label": LONG + " ", "split": "test", "id": "e0", "pixels": "ba", "near": "n1"},
    {"label": "x", "split": "test", "id": "e1", "pixels": "ac"},
    {"label": "nowhere else", "split": "test", "id": "e2", "pixels": "bc"},
    {"label": LONG, "split": "val", "id": "v0", "pixels": "ca"},
]


def test_a_leak_is_counted_for_every_two_sides():
    found = leakage(frame(LEAKY).with_columns(pl.col("image_sha256").alias("picture")))
    rows = {(row["split"], row["other_split"]): row for row in found.iter_rows(named=True)}
    assert set(rows) == {("test", "train"), ("val", "train"), ("test", "val")}
    test = rows["test", "train"]
    assert (test["samples"], test["labels"], test["long_labels"]) == (3, 2, 1)
    assert (test["other_samples"], test["other_labels"], test["other_long_labels"]) == (4, 3, 2)
    assert (test["images"], test["other_images"], test["near_images"]) == (1, 1, 2)  # equal images count as near, too
    assert (rows["test", "val"]["labels"], rows["test", "val"]["images"]) == (1, 0)


def test_what_two_training_sets_share_is_no_leak():
    rows = [{"label": LONG, "source": name, "id": name} for name in "ab"]
    assert leakage(frame(rows).with_columns(pl.lit(None, pl.String).alias("picture"))).is_empty()
    assert not judge("DUP004", rows)
    assert not judge("DUP005", rows)


def test_images_that_nobody_looked_at_are_not_counted_as_none():
    rows = [{"label": LONG, "split": split} for split in ("train", "test")]
    (row,) = leakage(frame(rows).with_columns(pl.lit(None, pl.String).alias("picture"))).to_dicts()
    assert row["labels"] == 1
    assert row["images"] is None
    assert "image" not in judge("DUP004", rows)[None]


def test_leaks_are_found_across_sources():
    rows = [
        {"label": LONG, "source": "crohme_train", "id": "a"},
        {"label": LONG, "source": "crohme_2014", "split": "test", "id": "b"},
    ]
    message = judge("DUP004", rows)[None]
    assert message.startswith("1 of 1 labels of crohme_2014/test (100 %) are also in crohme_train, 1 of them with 10")


def test_either_side_s_rule_names_its_own_samples_only():
    assert judge("DUP005", LEAKY) == dict.fromkeys(("t0", "t1", "v0"), "same label as e0 in a test or validation split")
    found = judge("DUP006", LEAKY)
    assert found == dict.fromkeys(("e0", "v0"), "same label as t0 in a training split")
    assert judge("DUP005", LEAKY, tokens=1)["t2"] == "same label as e1 in a test or validation split"
    assert judge("DUP007", LEAKY) == {"t2": "same image as e1 in a test or validation split"}


def test_a_few_short_labels_in_common_are_no_leak():
    rows = [{"label": f"x_{i}", "split": "train"} for i in range(300)]
    rows += [{"label": f"x_{i + 298}", "split": "test", "id": f"e{i}"} for i in range(200)]
    assert not judge("DUP004", rows)
    assert judge("DUP004", rows, share=0.001)
    assert judge("DUP004", rows, tokens=1)


def test_a_sample_elsewhere_is_the_first_of_the_highest_rank():
    rows = [{"label": "x", "split": split, "id": split} for split in ("val", "test", "train", "test2")]
    above_and_below = seen_elsewhere(frame(rows).lazy(), "label_group").collect()
    found = {row[0]: row[2:] for row in above_and_below.iter_rows()}
    assert found == {
        "val": ("test", "train"),
        "test": (None, "train"),
        "train": ("test", None),
        "test2": (None, "train"),
    }


def test_other_sets_are_named_for_the_set_and_the_sample():
    rows = [
        {"label": LONG, "split": "train", "against_labels": ["crohme", "hme"], "against_images": []},
        {"label": "x", "split": "train", "against_labels": ["hme"], "against_images": ["hme"]},
        {"label": "y", "split": "train"},
    ]
    rule = find("DUP009")
    messages = rule.judge(frame(rows), rule.options)["message"].to_list()
    assert messages == [
        "1 of 3 labels of s/train (33.3 %) are also in crohme, 1 of them with 10 tokens or more",
        "2 of 3 labels of s/train (66.7 %) are also in hme, 1 of them with 10 tokens or more; "
        "1 of its images are also there",
    ]
    assert judge("DUP010", rows) == {"s/0": "the label is also in crohme, hme"}
    assert judge("DUP011", rows) == {"s/1": "the image is also in hme"}


@pytest.mark.parametrize("code", [f"DUP{number:03d}" for number in range(1, 13)])
def test_a_frame_without_the_columns_is_no_trouble(code):
    rule = find(code)
    bare = pl.DataFrame({"sample_id": ["a", "b"], "source": ["s", "s"], "label": ["x", "y"]})
    assert rule.judge(bare, rule.options).is_empty()
    assert rule.judge(frame([{"label": "x"}]).clear(), rule.options).is_empty()
