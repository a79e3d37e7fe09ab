"""The leak rules find what is in both training and a test set, whatever the test set is called."""

from __future__ import annotations

import polars as pl
import pytest

import rules

NAMES = ("test", "validate", "valid", "val", "dev", "validation", "test_2014", "crohme2014", "cpe")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("said_by", ["split", "source"])
def test_twenty_planted_rows_are_found(name: str, said_by: str) -> None:
    """20 of a test set's 200 labels are in training, too, among other labels on both sides."""

    def label(number: int) -> str:
        return rf"\frac {{ {number} }} {{ x + 1 }} + y ^ {{ {number} }} - \sqrt {{ {number} }}"

    tested = [label(number) for number in range(200)]
    trained = [*tested[:20], *(label(number) for number in range(1000, 1200))]
    split, source = (name, "set") if said_by == "split" else (None, name)
    frame = pl.DataFrame(
        {
            "sample_id": [f"{source}/{n}" for n in range(200)] + [f"set/train/{n}" for n in range(220)],
            "source": [source] * 200 + ["set"] * 220,
            "split": [split] * 200 + ["train"] * 220,
            "label": tested + trained,
        }
    )
    found = rules.check(frame, include=["DUP005", "DUP006"])
    by_rule = {code: set(found.filter(pl.col("rule") == code)["sample_id"]) for code in ("DUP005", "DUP006")}
    assert by_rule == {
        "DUP005": {f"set/train/{n}" for n in range(20)},
        "DUP006": {f"{source}/{n}" for n in range(20)},
    }
