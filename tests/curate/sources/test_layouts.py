"""Data sets in published layouts are read correctly as folders; other files next to labels are not read as labels."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from layout_judge import judge
from layout_makers import (
    LAYOUTS,
    Layout,
    hme100k,
    hmer,
    im2latex_kaggle,
    imagefolder,
    latex_ocr,
    latex_ocr_pro,
    saved_dataset,
    saved_dict,
)
from source_makers import image, images, labels, read, write

from curate.base.errors import UserError
from curate.sources.look import Look
from curate.sources.sidecars import kind


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_read_as_its_maker_wrote_it(layout: Layout, tmp_path: Path) -> None:
    samples = layout.make(tmp_path / "set", 30)
    source = read(tmp_path / "set")
    assert source.format == layout.format
    assert judge(source, samples).all_right
    assert source.unreadable.total == 0


@pytest.mark.parametrize("make", [hmer, hme100k, imagefolder, latex_ocr, latex_ocr_pro])
def test_a_split_of_a_layout_has_its_own_pictures(make: object, tmp_path: Path) -> None:
    samples = make(tmp_path / "set", 30)  # type: ignore[operator]
    split = samples[-1].split
    source = read(f"{tmp_path / 'set'}#{split}")
    assert judge(source, [sample for sample in samples if sample.split == split]).all_right


def test_upper_case_endings_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    for number in range(6):
        image(tmp_path / "images" / f"{number}.png").rename(tmp_path / "images" / f"{number}.PNG")
    write(tmp_path / "formulas" / "train.formulas.norm.txt", "".join(f"x_{n}\r\n" for n in range(6)))
    write(tmp_path / "matching" / "train.matching.txt", "".join(f"{n}.PNG\t{n}\r\n" for n in reversed(range(6))))
    source = read(tmp_path)
    assert source.format == "im2latex"
    assert [(path, label) for path, label in zip(images(source), labels(source), strict=True)] == [
        (f"images/{n}.PNG", f"x_{n}") for n in reversed(range(6))
    ]


def test_saved_data_sets_are_found_in_the_folders_they_were_saved_to(tmp_path: Path) -> None:
    first = saved_dict(tmp_path / "only" / "hme", 20)
    source = read(tmp_path / "only")
    assert source.format == "hf"
    assert judge(source, first).all_right
    saved_dataset(tmp_path / "both" / "train", 10)
    saved_dataset(tmp_path / "both" / "extra", 12)
    assert read(tmp_path / "both").frame["split"].value_counts().sort("split").rows() == [("extra", 12), ("train", 10)]


def test_shards_with_a_hash_in_their_names_are_one_split(tmp_path: Path) -> None:
    for at in range(2):
        frame = pl.DataFrame({"label": [f"x_{at}"]})
        frame.write_parquet(tmp_path / f"train-0000{at}-of-00002-0123456789abcdef.parquet")
    assert read(tmp_path).frame.select("split", "label").rows() == [("train", "x_0"), ("train", "x_1")]


# Sidecars -------------------------------------------------------------------------------------------------------------


def test_what_stands_beside_labels_is_noted_by_what_it_is(tmp_path: Path) -> None:
    latex_ocr_pro(tmp_path, 30)
    for name in ("config.json", "state.json", "dataset_infos.json"):
        write(tmp_path / name, "{}")
    write(tmp_path / "train.log", "epoch 1\n")
    write(tmp_path / "README.md", "# A data set\n")
    write(tmp_path / "images" / "subset.txt", "0.png\n1.png\n")
    assert {note: count for note, count in read(tmp_path).notes.items() if "no labels" in note} == {
        "files beside it that hold no labels and were not read: documentation": 1,
        "files beside it that hold no labels and were not read: list of image names": 1,
        "files beside it that hold no labels and were not read: log or report": 3,
        "files beside it that hold no labels and were not read: settings": 4,
        "files beside it that hold no labels and were not read: vocabulary": 1,
    }


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("words_dict.txt", "eos\n", "vocabulary"),
        ("dictionary.txt", "x\n", "vocabulary"),
        ("latex_vocab.txt", "x\n", "vocabulary"),
        ("tokens.json", '{"x": 1}', "vocabulary"),
        ("any.json", '{"\\\\frac": 4, "x": 5}', "settings"),
        ("README_zh.md", "x\n", "documentation"),
        ("error_train.txt", "3.png 3\n", "log or report"),
        ("broken-images.txt", "3.png\n", "log or report"),
        ("subset.txt", "a.png\nb.JPG\n", "list of image names"),
        ("train_labels.txt", "a.png\tx\n", None),
        ("labels.txt", "x\ny\n", None),
        ("errata.txt", "x\n", None),
        ("0.txt", "x\n", None),
        ("labels.json", '{"a.png": "x", "b.png": "y"}', None),
        ("one.json", '{"image": "a.png", "latex": "x"}', None),
        ("captions.json", '["x", "y"]', None),
        ("chat.json", '{"messages": [{"role": "user", "content": "a"}]}', None),
    ],
)
def test_what_a_file_is(name: str, text: str, what: str | None, tmp_path: Path) -> None:
    assert kind(Look(write(tmp_path / name, text))) == what


def test_a_folder_of_nothing_but_sidecars_says_what_was_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "dictionary.txt", "x\ny\n")
    with pytest.raises(UserError, match=r"no known format: .*passed over dictionary\.txt \(vocabulary\)"):
        read(tmp_path)
    assert labels(read(tmp_path / "dictionary.txt")) == ["x", "y"]


# Two readings ---------------------------------------------------------------------------------------------------------


def test_two_readings_of_a_folder_are_listed_as_they_are_typed(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    write(tmp_path / "train.csv", "image,label\na.png,x\n")
    write(tmp_path / "train.jsonl", '{"image": "a.png", "label": "x"}\n')
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert f"could be csv or jsonl; say which: csv:{tmp_path}, jsonl:{tmp_path}" in str(error.value)
    assert labels(read(f"csv:{tmp_path}")) == ["x"]
    assert labels(read(f"jsonl:{tmp_path}")) == ["x"]


def test_of_raw_and_normalised_formulas_one_must_be_named(tmp_path: Path) -> None:
    write(tmp_path / "formulas.lst", "x^2\ny\n")
    write(tmp_path / "formulas.norm.lst", "x ^ { 2 }\ny\n")
    write(tmp_path / "train.lst", "0 60ee748793 basic\n1 1015942522 basic\n")
    write(tmp_path / "train_filter.lst", "60ee748793.png 0\n")
    with pytest.raises(UserError) as error:
        read(tmp_path)
    told = str(error.value)
    assert f"im2latex:{tmp_path / 'formulas.lst'}, im2latex:{tmp_path / 'formulas.norm.lst'}" in told
    assert labels(read(f"im2latex:{tmp_path / 'formulas.lst'}")) == ["x^2", "y"]
    assert labels(read(f"im2latex:{tmp_path / 'formulas.norm.lst'}")) == ["x ^ { 2 }"]


def test_several_sets_in_one_folder_are_listed_by_their_own_folders(tmp_path: Path) -> None:
    hmer(tmp_path / "crohme", 30)
    hme100k(tmp_path / "hme", 30)
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert f"crohme:{tmp_path / 'crohme'}, hme100k:{tmp_path / 'hme'}" in str(error.value)


def test_an_index_and_a_table_in_one_folder_are_two_readings(tmp_path: Path) -> None:
    im2latex_kaggle(tmp_path, 30)
    write(tmp_path / "sample" / "formulas.lst", "x\ny\n")
    write(tmp_path / "sample" / "train.lst", "0 60ee748793 basic\n1 1015942522 basic\n")
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert f"im2latex:{tmp_path / 'sample'}, im2latex:{tmp_path / 'im2latex_test.csv'}" in str(error.value)
    assert labels(read(tmp_path / "sample")) == ["x", "y"]


def test_strokes_beside_captions_are_told_of(tmp_path: Path) -> None:
    hmer(tmp_path, 30)
    write(tmp_path / "ink" / "a.inkml", '<ink><annotation type="truth">x</annotation></ink>')
    assert read(tmp_path).notes["files beside it that could hold labels and were not read: ink/a.inkml"] == 1


def test_what_is_beside_a_table_of_formulas_is_not_another_reading(tmp_path: Path) -> None:
    im2latex_kaggle(tmp_path, 30)
    note = "files beside it that could hold labels and were not read: im2latex_formulas.norm.csv"
    assert read(tmp_path).notes[note] == 1


# Indexes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["{n}.png {n}", "{n}.png\t{n}", "{n} {n}.png", "{n}\t{n}.png", "{n}\t{n}.png\tbasic"])
@pytest.mark.parametrize("name", ["train.matching.txt", "train.lst", "train.txt"])
def test_an_index_is_never_read_as_labels(line: str, name: str, tmp_path: Path) -> None:
    index = write(tmp_path / "matching" / name, "".join(line.format(n=n) + "\n" for n in range(8)))
    with pytest.raises(
        UserError, match=r"no formulas file \(formulas\.lst\) beside this index; if its numbers are labels"
    ):
        read(index)
    write(tmp_path / "formulas" / "train.formulas.norm.txt", "".join(f"x_{n}\n" for n in range(8)))
    for number in range(8):
        image(tmp_path / "images" / f"{number}.png")
    for target in (index, tmp_path):
        source = read(target, images=tmp_path)
        assert source.format == "im2latex"
        assert labels(source) == [f"x_{n}" for n in range(8)]
        assert images(source) == [f"images/{n}.png" for n in range(8)]


def test_numbers_read_from_pictures_are_labels(tmp_path: Path) -> None:
    write(tmp_path / "train_labels.txt", "".join(f"{n}.png\t{n % 4}\n" for n in range(20)))
    for number in range(20):
        image(tmp_path / "train_images" / f"{number}.png")
    source = read(tmp_path)
    assert source.format in ("hme100k", "mlhme38k")
    assert labels(source)[:5] == ["0", "1", "2", "3", "0"]


def test_numbers_of_which_no_two_are_the_same_are_labels_where_a_format_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "train_labels.txt", "".join(f"{n}.png\t{n * 37}\n" for n in range(20)))
    assert labels(read(f"hme100k:{path}"))[:3] == ["0", "37", "74"]


def test_json_that_names_no_label_is_still_an_error_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", json.dumps({"x": "y"}))
    with pytest.raises(UserError, match="no label column"):
        read(path)
