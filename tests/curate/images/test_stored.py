"""Refs to images inside other files: how they are recognised, and what the images are called."""

from __future__ import annotations

import polars as pl
import pytest

from curate.images.stored import PATTERN, name_of, split_ref

REFS = [
    ("img/a.png", None, "a.png"),
    ("a#b.png", None, "a#b.png"),
    ("t.parquet#image:3", ("t.parquet", "image:3"), "t.parquet"),
    ("a/t.arrow#x#y:3", ("a/t.arrow", "x#y:3"), "t.arrow"),
    ("images.pkl#a_1", ("images.pkl", "a_1"), "a_1"),
    ("a/img.tar.xz#img/a.bmp", ("a/img.tar.xz", "img/a.bmp"), "a.bmp"),
    ("D.ZIP#a#b.png", ("D.ZIP", "a#b.png"), "a#b.png"),
    ("d.zip#train/images.pkl#a_1", ("d.zip", "train/images.pkl#a_1"), "a_1"),
    ("d.zip#t.parquet#image:3", ("d.zip", "t.parquet#image:3"), "t.parquet"),
    ("d.tgz#x/a.inkml", ("d.tgz", "x/a.inkml"), "a.inkml"),
    ("x/a.inkml", ("x/a.inkml", ""), "a.inkml"),
    ("d.zip/a.png", None, "a.png"),
    ("d.zip#", None, "d.zip#"),
]


@pytest.mark.parametrize(("ref", "split", "name"), REFS)
def test_refs(ref: str, split: tuple[str, str] | None, name: str) -> None:
    assert split_ref(ref) == split
    assert name_of(ref) == name
    assert pl.Series([ref]).str.contains(PATTERN).item() is (split is not None)
