"""The real label files: recognised, with every row accounted for, and the counts that their authors give."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from source_makers import images, labels, read

pytestmark = pytest.mark.shared_data


@pytest.mark.parametrize(
    ("path", "format_name", "rows"),
    [
        ("im2latex/im2markup_sample", "im2latex", 1200),
        ("im2latex/im2markup_sample/train.lst", "im2latex", 1000),
        ("im2latex/val.formulas.norm.txt", "text", 8475),
        ("im2latex/im2latex_validate.csv", "im2latex", 8308),
        ("hme100k/train_labels.txt", "hme100k", 59452),
        ("crohme/train", "crohme", 8834),
        ("crohme/2014/caption.txt", "crohme", 986),
        ("crohme", "crohme", 9820),
        ("crohme/crohme2023_train_captions.json", "crohme", 12204),
        ("crohme/crohme2023_val_captions.json", "crohme", 555),
        ("mathwriting/mathwriting_valid_captions.json", "mathwriting", 15670),
        ("latex_verdicts.jsonl", "jsonl", 30005),
    ],
)
def test_rows(path: str, format_name: str, rows: int, shared_data: Path) -> None:
    source = read(shared_data / path)
    assert (source.format, source.rows, source.frame.height) == (format_name, rows, rows)


def test_im2latex_images_are_found(shared_data: Path) -> None:
    source = read(shared_data / "im2latex" / "im2markup_sample")
    assert all((source.root / str(name)).is_file() for name in images(source))
    assert source.frame["split"].value_counts(sort=True).rows()[0] == ("train", 1000)


def test_hme100k_labels_are_what_stands_after_the_tab(shared_data: Path) -> None:
    data = (shared_data / "hme100k" / "train_labels.txt").read_bytes().decode()
    assert labels(read(shared_data / "hme100k" / "train_labels.txt")) == [
        line.split("\t", 1)[1] for line in data.removesuffix("\n").split("\n")
    ]


def test_crohme_images_without_ending_are_found(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "crohme" / "2014" / "caption.txt", tmp_path)
    with tarfile.open(shared_data / "crohme" / "2014" / "img.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    source = read(tmp_path)
    assert source.notes == {}
    assert all((source.root / str(name)).is_file() for name in images(source))


def test_predictions_want_a_column_and_take_it(shared_data: Path) -> None:
    path = shared_data / "predictions" / "unimumer_crohme_2014_pred.json"
    source = read(path, columns={"label": "gt", "id": "img_id"})
    assert source.rows == 986
