"""Drawn samples (`curate audit --sample`) represent the whole set and depend only on ids and seed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rules
from curate.audit import AuditOptions, audit
from curate.audit.options import GROUPS, Sampling
from curate.audit.sampling import shares
from curate.runs.folder import Run
from curate.sources import parse_source


def drawn(folder: Path, rows: list[dict], size: int, **how: object) -> Run:
    folder.mkdir()
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    options = AuditOptions(ruleset=rules.select(["SYN001"]), sample=Sampling(size, **how))  # type: ignore[arg-type]
    return audit([parse_source(str(folder / "set.jsonl"))], folder / "run", options)


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    """Nine in ten are training samples; one in four is long."""
    return [
        {
            "id": f"r{n}",
            "label": f"x_{n}" + " + y" * (20 if n % 4 == 0 else 0),
            "split": "test" if n % 10 == 0 else "train",
        }
        for n in range(2000)
    ]


def ids(run: Run) -> list[str]:
    return run.samples.select("sample_id").collect()["sample_id"].to_list()


def test_a_draw_has_the_shares_of_all(tmp_path, rows):
    run = drawn(tmp_path / "one", rows, 200)
    samples = run.samples.collect()
    assert samples.height == 200
    assert samples.filter(pl.col("split") == "test").height == 20
    assert samples.filter(pl.col("label").str.len_chars() > 60).height == 50
    assert run.summary["sample"] == {"samples": 200, "of": 2000, "seed": 0, "by": list(GROUPS)}
    assert run.summary["sources"][0]["drawn_from"] == 2000
    assert "of 2,000" in (run.path / "report.html").read_text(encoding="utf-8")
    places = run.places.collect()
    assert places["line"].to_list() == [
        int(name.removeprefix("set/train/r").removeprefix("set/test/r")) + 1 for name in ids(run)
    ]


def test_the_order_of_rows_does_not_matter_and_the_seed_does(tmp_path, rows):
    one = ids(drawn(tmp_path / "one", rows, 100, seed=5))
    mixed = rows.copy()
    random.Random(1).shuffle(mixed)
    assert sorted(ids(drawn(tmp_path / "mixed", mixed, 100, seed=5))) == sorted(one)
    assert set(ids(drawn(tmp_path / "other", rows, 100, seed=6))) != set(one)


def test_without_groups_and_beyond_the_number_there_is(tmp_path, rows):
    assert len(ids(drawn(tmp_path / "some", rows, 37, by=()))) == 37
    whole = drawn(tmp_path / "all", rows, 5000)
    assert len(ids(whole)) == whole.summary["sample"]["of"] == 2000


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=12), st.integers(1, 5000))
def test_shares_add_up_and_are_within_one_of_what_is_due(sizes: list[int], wanted: int) -> None:
    given_each = shares(sizes, wanted)
    total = sum(sizes)
    assert sum(given_each) == min(wanted, total)
    for size, share in zip(sizes, given_each, strict=True):
        assert 0 <= share <= size
        assert abs(share - min(wanted, total) * size / total) < 1
