"""Splits: no group is in two splits, added samples move no others, and the shares are as requested."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_makers import dropped, exported, labels_only, make_run, table

from curate.base.errors import UserError
from curate.export.decide import splits, stats
from curate.export.decide.options import ExportOptions, parse_splits

#: The first letters of the splits of keys 0 to 11, for EVEN and seed 0.
PLACES = ["va", "va", "va", "tr", "te", "te", "te", "va", "tr", "te", "tr", "va"]
EVEN = {"train": 0.4, "validation": 0.3, "test": 0.3}


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The input of `with_splits`, from rows with a key and perhaps pixels, near and kept_split."""
    schema = {
        "key": pl.UInt64,
        "pixels": pl.UInt64,
        "near": pl.UInt64,
        "kept_split": pl.String,
        "reason": pl.String,
        "detail": pl.String,
    }
    return pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema)


def placed(rows: list[dict[str, Any]], **options: Any) -> pl.DataFrame:
    made = ExportOptions(**{"splits": EVEN, **options})
    return splits.with_splits(frame(rows), made)


def split_of(key: int, **options: Any) -> str:
    made = ExportOptions(**{"splits": EVEN, **options})
    return splits.Placer(made.splits, made.seed).place(key)


def keys_in(split: str, number: int) -> list[int]:
    return [key for key in range(10_000) if split_of(key) == split][:number]


# Placing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [{"train": 0.9, "validation": 0.05, "test": 0.05}, EVEN, {"a": 0.5, "b": 0.5}])
def test_shares_are_within_one_percent_from_10_000_groups_on(asked: dict[str, float]) -> None:
    rng = Random(0)
    # Groups of one to five, as labels repeat in real sets.
    rows = [{"key": key} for key in range(10_000) for _ in range(rng.randint(1, 5))]
    found = placed(rows, splits=asked).group_by("split").agg(pl.len(), pl.col("key").n_unique().alias("groups"))
    for split, samples, groups in found.iter_rows():
        assert abs(groups / 10_000 - asked[split]) < 0.01
        assert abs(samples / len(rows) - asked[split]) < 0.01


def test_another_seed_makes_other_splits() -> None:
    assert {key for key in range(200) if split_of(key) != split_of(key, seed=1)}


def test_the_place_of_a_key_is_fixed_for_all_time() -> None:
    """Pinned, so that a later version doesn't move every sample of every data set by accident."""
    assert [split_of(key)[:2] for key in range(12)] == PLACES


def test_a_share_of_nothing_gets_nothing() -> None:
    found = placed([{"key": key} for key in range(500)], splits={"train": 1.0, "test": 0.0})
    assert found["split"].unique().to_list() == ["train"]


def test_adding_1_000_samples_moves_none_of_the_old_ones(tmp_path: Path) -> None:
    old = labels_only(1500)
    before = make_run(tmp_path / "before", old)
    # The new samples share labels with the old ones and come before them.
    after = make_run(tmp_path / "after", [*labels_only(1000, "new", first=1000), *old])
    for run in (before, after):
        exported(run, tmp_path / f"out-{run.name}", splits=EVEN)
    was, now = (
        dict(table(tmp_path / f"out-{n}").select("sample_id", "split").iter_rows()) for n in ("before", "after")
    )
    assert len(now) == 2500
    assert {key: now[key] for key in was} == was


# Groups ---------------------------------------------------------------------------------------------------------------


def test_labels_that_look_the_same_are_in_one_split(tmp_path: Path) -> None:
    spelled = ["x ^ {{ {} }}", "x^{{{}}}", "{{x}}^{{{}}}"]
    rows = [{"sample_id": f"s/{n}/{m}", "label": text.format(n)} for n in range(40) for m, text in enumerate(spelled)]
    exported(make_run(tmp_path / "run", rows), tmp_path / "out", splits=EVEN)
    found = table(tmp_path / "out").with_columns(group=pl.col("sample_id").str.split("/").list.get(1))
    assert found.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
    assert found["split"].n_unique() == 3


def test_unreadable_labels_that_read_the_same_are_in_one_split(tmp_path: Path) -> None:
    rows = [{"sample_id": f"s/{n}", "label": rf"\frac {{ {n % 30} "} for n in range(120)]
    exported(make_run(tmp_path / "run", rows), tmp_path / "out", splits=EVEN)
    found = table(tmp_path / "out")
    assert found.group_by("label").agg(pl.col("split").n_unique())["split"].max() == 1
    assert found["split"].n_unique() == 3


@pytest.mark.parametrize(("one", "other"), [("train", "test"), ("train", "validation"), ("validation", "test")])
def test_a_picture_stays_in_the_split_that_is_guarded_best(one: str, other: str) -> None:
    (first, second), (third,) = keys_in(one, 2), keys_in(other, 1)
    found = placed([{"key": first, "pixels": 7}, {"key": second}, {"key": first}, {"key": third, "pixels": 7}])
    assert found["reason"].to_list() == ["leak-image", None, None, None]
    assert found["detail"][0] == f"the same picture is in {other}"
    assert found["split"].to_list()[1:] == [one, one, other]


def test_a_near_duplicate_leaves_the_training_split() -> None:
    (one,), (other,) = keys_in("train", 1), keys_in("test", 1)
    found = placed([{"key": one, "near": 5}, {"key": other, "near": 5}, {"key": one, "near": 6}, {"key": one}])
    assert found["reason"].to_list() == ["leak-near", None, None, None]


def test_near_duplicates_that_the_audit_found_are_in_one_split(tmp_path: Path) -> None:
    rows = [
        {**row, "image_group": hashlib.sha256(b"%d" % (n // 2)).hexdigest()[:24]}
        for n, row in enumerate(labels_only(120))
    ]
    exported(make_run(tmp_path / "run", rows), tmp_path / "out", splits=EVEN)
    group = {str(row["sample_id"]): row["image_group"] for row in rows}
    homes: dict[object, set[str]] = {}
    for sample_id, split in table(tmp_path / "out").select("sample_id", "split").iter_rows():
        homes.setdefault(group[sample_id], set()).add(split)
    assert max(map(len, homes.values())) == 1
    lost = dropped(tmp_path / "out")
    assert set(lost.values()) == {"leak-near"}
    assert 20 < len(lost) < 60  # about two thirds of the pairs are placed in different splits
    assert len(homes) == 60
    exported(tmp_path / "run", tmp_path / "kept", splits=EVEN, near_duplicates="keep")
    assert dropped(tmp_path / "kept") == {}


keys = st.integers(0, 30)
maybe = st.none() | st.integers(0, 20)
samples = st.lists(
    st.fixed_dictionaries(
        {"key": keys, "pixels": maybe, "near": maybe, "kept_split": st.sampled_from([None, None, *EVEN])}
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(samples, st.integers(0, 5))
def test_nothing_is_in_two_splits_whatever_is_kept(rows: list[dict[str, Any]], seed: int) -> None:
    found = placed(rows, seed=seed, keep_splits=("all",)).filter(pl.col("reason").is_null())
    for column in ("key", "pixels", "near"):
        shared = found.filter(pl.col(column).is_not_null()).group_by(column).agg(pl.col("split").n_unique())
        assert shared["split"].max() in (None, 1)


@settings(max_examples=60)
@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_samples_changes_nothing(rows: list[dict[str, Any]], rng: Random) -> None:
    numbered = list(enumerate(rows))
    rng.shuffle(numbered)
    columns = ("split", "reason", "detail")
    straight = placed(rows, keep_splits=("all",)).select(columns).rows()
    shuffled = placed([row for _, row in numbered], keep_splits=("all",)).select(columns).rows()
    assert sorted(zip([place for place, _ in numbered], shuffled, strict=True)) == list(enumerate(straight))


@settings(max_examples=60)
@given(samples, samples)
def test_samples_that_come_later_move_none(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    """An old sample may lose its place to an image in a guarded split, but never moves to another split."""
    old, new = ([{**row, "kept_split": None} for row in rows] for rows in (old, new))
    before, after = placed(old), placed([*old, *new])
    for was, now in zip(before["split"].to_list(), after["split"].to_list()[: len(old)], strict=True):
        assert now is None or was is None or now == was


@pytest.mark.parametrize("form", ["hf", "sharegpt"])
def test_pictures_that_became_equal_since_the_audit_are_not_put_into_two_splits(tmp_path: Path, form: str) -> None:
    """Splits depend on the image that the audit saw: a different one must not be written in its place."""
    run = make_run(tmp_path / "run", labels_only(60), images=tmp_path / "images")
    for number in range(6, 20):
        shutil.copy(tmp_path / "images/5.png", tmp_path / f"images/{number}.png")
    made = exported(run, tmp_path / "out", splits=EVEN, allow_no_image=False, format=form)
    lost = pl.read_parquet(tmp_path / "out/dropped.parquet")
    assert lost["sample_id"].sort().to_list() == sorted(f"s/{number}" for number in range(6, 20))
    assert lost["reason"].unique().to_list() == ["no-image"]
    assert lost["detail"].unique().to_list() == ["not the picture that was audited"]
    assert any("14 images" in note and "audit" in note for note in made.facts["notes"])


def test_a_changed_picture_is_a_null_image_where_these_are_allowed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", labels_only(60), images=tmp_path / "images")
    shutil.copy(tmp_path / "images/5.png", tmp_path / "images/6.png")
    (tmp_path / "images/7.png").unlink()
    made = exported(run, tmp_path / "out", splits=EVEN)
    found = table(tmp_path / "out")
    assert sorted(found.filter(pl.col("image").struct.field("bytes").is_null())["sample_id"]) == ["s/6", "s/7"]
    assert any("2 images" in note for note in made.facts["notes"])


# Kept splits ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def benchmark_run(tmp_path: Path) -> Path:
    """A test set with an error and a wrapper in it, a validation set, a training set that shares labels with both, and
    samples without a split."""
    test = [{"sample_id": f"s/test/{n}", "split": "test", "label": f"{n} + 1"} for n in range(20)]
    test[3]["label"] = r"\frac { a } { b"
    test[4]["label"] = "$q + 1$"
    validation = [{"sample_id": f"s/val/{n}", "split": "val", "label": f"{n} + 2"} for n in range(20)]
    validation[0]["label"] = test[0]["label"]
    train = [{"sample_id": f"s/train/{n}", "split": "train", "label": f"{n} + 3"} for n in range(200)]
    train[7]["label"], train[8]["label"] = test[7]["label"], validation[8]["label"]
    free = labels_only(100, "free")
    free[0]["label"] = test[9]["label"]
    fix = {"rule": "DLM001", "start": 0, "end": 7, "fix": "safe", "replacement": "q + 1"}
    findings = [{"sample_id": "s/test/3", "rule": "SYN001"}, {"sample_id": "s/test/4", **fix}]
    return make_run(tmp_path / "run", [*test, *validation, *train, *free], findings)


@pytest.mark.parametrize("asked", [(), ("test",)])
def test_an_existing_test_set_stays_as_it_is(benchmark_run: Path, tmp_path: Path, asked: tuple[str, ...]) -> None:
    made = exported(benchmark_run, tmp_path / "out", keep_splits=asked, fix="safe", min_score=0.9, max_tokens=3)
    found = {row["sample_id"]: row for row in table(tmp_path / "out").to_dicts()}
    for n in range(20):
        assert found[f"s/test/{n}"]["split"] == "test"
    assert found["s/test/3"]["label"] == r"\frac { a } { b"
    assert found["s/test/4"]["label"] == "$q + 1$"
    lost = dropped(tmp_path / "out")
    assert lost["s/val/0"] == lost["s/train/7"] == lost["s/train/8"] == "leak-label"
    assert lost["free/0"] == "leak-label"
    assert lost["free/1"] == "length"  # the test set's sample of this length is not filtered
    notes = " ".join(made.facts["notes"])
    assert "Kept as they are, with nothing added: s/test (20), s/val (19)" in notes
    assert "1 label of kept test and validation sets needs a repair and stays as it is: DLM001 (1)" in notes
    assert {row["split"] for key, row in found.items() if not key.startswith(("s/test", "s/val"))} == {"train"}


def test_all_splits_can_be_kept(benchmark_run: Path, tmp_path: Path) -> None:
    exported(benchmark_run, tmp_path / "out", keep_splits=("all",))
    found = dict(table(tmp_path / "out").select("sample_id", "split").iter_rows())
    assert {split for key, split in found.items() if key.startswith("s/train")} == {"train"}
    assert dropped(tmp_path / "out")["free/0"] == "leak-label"


def test_kept_splits_need_no_share(benchmark_run: Path, tmp_path: Path) -> None:
    exported(benchmark_run, tmp_path / "out", keep_splits=("all",), splits={"a": 0.5, "b": 0.5})
    counts = dict(table(tmp_path / "out").group_by("split").len().iter_rows())
    assert counts == {"train": 198, "validation": 19, "test": 20, "a": counts["a"], "b": 99 - counts["a"]}


def test_own_test_sets_that_are_placed_anew_are_named(benchmark_run: Path, tmp_path: Path) -> None:
    made = exported(benchmark_run, tmp_path / "out", keep_splits=("none",))
    assert "39 samples of test or validation sets were split anew, as --keep-splits asks." in made.facts["notes"]
    assert {row["kept"] for row in made.facts["own_splits"]} == {False}


@pytest.mark.parametrize("name", ["test", "validate", "valid", "val", "dev", "test_2014", "hme100k-test", "cpe"])
@pytest.mark.parametrize("said_by", ["split", "source"])
def test_what_is_tested_on_is_never_trained_on(tmp_path: Path, name: str, said_by: str) -> None:
    split, source = (name, "set") if said_by == "split" else (None, name)
    tested = [{"sample_id": f"{source}/{n}", "split": split, "label": f"y + {n}", "source": source} for n in range(50)]
    exported(make_run(tmp_path / "run", [*tested, *labels_only(400)]), tmp_path / "out")
    found = table(tmp_path / "out").with_columns(is_test=pl.col("source") == source)
    kept = "validation" if name[0] in "vd" else "test"
    assert found.filter("is_test")["split"].unique().to_list() == [kept]
    assert found.filter("is_test").height == 50
    assert kept not in found.filter(~pl.col("is_test"))["split"]


def test_one_source_may_give_up_its_test_set(benchmark_run: Path, tmp_path: Path) -> None:
    other = make_run(
        tmp_path / "other", [{"sample_id": f"t/test/{n}", "split": "test", "label": f"z + {n}"} for n in range(200)]
    )
    exported([benchmark_run, other], tmp_path / "out", keep_splits=("t=none",))
    found = table(tmp_path / "out").filter(pl.col("source") == "t")
    assert found["split"].unique().to_list() == ["train"]  # validation and test come from the other source


def test_a_test_set_alone_is_no_training_set(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [{**row, "split": "test"} for row in labels_only(30)])
    made = exported(run, tmp_path / "out")
    assert [(row["split"], row["samples"]) for row in made.facts["splits"] if row["samples"]] == [("test", 30)]
    assert any("nothing to train on" in note for note in made.facts["notes"])
    assert not any("assigned at random" in note for note in made.facts["notes"]), "other shares would change nothing"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("test",), "--keep-splits test keeps nothing: there are only the splits extra"),
        (("s=all",), "--keep-splits s=all keeps nothing"),
        (("crohme=none",), "no source is called 'crohme'; there are: s"),
        (("some",), "'some' is not [NAME=]none|test|all"),
        (("=none",), "'=none' is not [NAME=]none|test|all"),
        (("none", "all"), "says twice what all sources should keep"),
    ],
)
def test_keeping_what_is_not_there_is_an_error(tmp_path: Path, asked: tuple[str, ...], said: str) -> None:
    run = make_run(tmp_path / "run", [{**row, "split": "extra"} for row in labels_only(3)])
    with pytest.raises(UserError) as error:
        exported(run, tmp_path / "out", keep_splits=asked)
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()


def test_there_must_be_a_split_for_what_is_no_test(benchmark_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no split for samples of no test set: test, validation keep"):
        exported(benchmark_run, tmp_path / "out", splits={"test": 1.0})


def test_a_newcomer_joins_its_label_in_a_kept_training_set() -> None:
    (key,) = keys_in("test", 1)
    found = placed([{"key": key, "kept_split": "train"}, {"key": key}], keep_splits=("all",))
    assert found["split"].to_list() == ["train", "train"]
    assert found["reason"].null_count() == 2


# Counts ---------------------------------------------------------------------------------------------------------------


def test_drift_is_told_from_chance(tmp_path: Path) -> None:
    long = [
        {"sample_id": f"long/{n}", "label": " + ".join(map(str, range(n, n + 40))), "split": "test"} for n in range(200)
    ]
    run = make_run(tmp_path / "run", [*long, *labels_only(2000)])
    made = exported(run, tmp_path / "out", keep_splits=("test",), splits={"train": 1.0})
    rows = {row["split"]: row for row in made.facts["drift"]}
    assert rows["test"]["source"] == pytest.approx(1 - 200 / 2200, abs=0.001)
    assert rows["test"]["source"] > 5 * rows["test"]["source_by_chance"]
    even = exported(run, tmp_path / "even", keep_splits=("none",), splits={"train": 0.5, "test": 0.5})
    assert all(row["source"] < 5 * row["source_by_chance"] + 0.01 for row in even.facts["drift"])


def test_leaks_are_counted_between_every_two_splits() -> None:
    rows = frame([{"key": 1, "pixels": 1}, {"key": 1}, {"key": 2, "pixels": 1}, {"key": 3}])
    rows = rows.with_columns(split=pl.Series(["train", "test", "test", "validation"]))
    assert stats.leaks(rows, ["train", "validation", "test"]) == [
        {"splits": ["train", "validation"], "labels": 0, "pictures": 0},
        {"splits": ["train", "test"], "labels": 1, "pictures": 1},
        {"splits": ["validation", "test"], "labels": 0, "pictures": 0},
    ]


def test_splits_are_parsed() -> None:
    assert parse_splits("train=.9, test = 0.1") == {"train": 0.9, "test": 0.1}
