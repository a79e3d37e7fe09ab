"""Finds the images of predictions in a folder whose layout differs from their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune.compare.find_images import Images


@pytest.fixture
def images(tmp_path: Path) -> Images:
    for name in ("a/test/1.png", "a/train/1.png", "b/test/1.png", "2.png", "deep/er/3.bmp", "3.txt", "4.jpg", "4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return Images(tmp_path)


@pytest.mark.parametrize(
    ("image", "sample_id", "found"),
    [
        ("2.png", "x", "2.png"),
        ("a/test/1.png", "x", "a/test/1.png"),
        ("../../data/set/a/test/1.png", "x", "a/test/1.png"),
        ("/home/someone/data/a/train/1.png", "x", "a/train/1.png"),
        ("C:\\data\\b\\test\\1.png", "x", "b/test/1.png"),
        ("elsewhere/test/1.png", "x", None),  # a/test or b/test?
        ("train/1.png", "x", "a/train/1.png"),
        ("1.png", "x", None),
        ("some/long/path/2.png", "x", "2.png"),
        ("some/long/path/3", "x", "deep/er/3.bmp"),
        ("some/path/3.png", "x", "deep/er/3.bmp"),  # converted to another format
        ("4.gif", "x", None),
        ("none.png", "x", None),
        ("none.png", "set/test/3", "deep/er/3.bmp"),
        (None, "set/test/3", "deep/er/3.bmp"),
        (None, "3.1", None),
        (None, "", None),
        ("t.parquet#image:3", "2.png", "t.parquet#image:3"),
    ],
)
def test_which_image_is_meant(images: Images, image: str | None, sample_id: str, found: str | None) -> None:
    assert images.find(image, sample_id) == found


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "1.png").mkdir()
    assert Images(tmp_path).find("1.png", "x") is None
