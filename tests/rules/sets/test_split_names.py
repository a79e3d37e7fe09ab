"""One table of split names: the readers, the leak rules and the export read a word in the same way."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from curate.sources.splits import split_name
from rules.sets import split_names
from rules.sets.leaks import RANKS, rank


@pytest.mark.parametrize(
    ("name", "standard"),
    [
        ("train", "train"),
        ("training_2", "train"),
        ("val", "validation"),
        ("Validate", "validation"),
        ("dev", "validation"),
        ("set-dev", "validation"),
        ("test", "test"),
        ("test_2014", "test"),
        ("2014test", "test"),
        ("testing", "test"),
        ("testA", "test"),
        ("eval", "test"),
        ("valid_test", "validation"),
        ("contest", None),
        ("trainer", None),
        ("values", None),
        ("2014", None),
        (None, None),
    ],
)
def test_names_of_splits(name: str | None, standard: str | None) -> None:
    assert split_names.standard(name) == standard
    frame = pl.DataFrame({"name": [name]}, schema={"name": pl.String})
    assert frame.select(split_names.standard_of(pl.col("name"))).item() == standard


@pytest.mark.parametrize("word", [word for words in split_names.WORDS.values() for word in words])
def test_every_word_means_one_split_everywhere(word: str, tmp_path: Path) -> None:
    standard = split_names.standard(word)
    assert word in split_names.WORDS[standard]
    sample = pl.DataFrame({"split": [word], "source": ["train"]})
    assert sample.select(rank()).item() == RANKS["training" if standard == "train" else standard]
    file = tmp_path / f"set_{word}.jsonl"
    file.touch()
    assert split_name(file, tmp_path) == word
