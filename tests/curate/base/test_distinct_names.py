"""Inputs with one name are told apart, and stay so when names are cut to a column."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.base.distinct_names import distinct_names, shortened


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.jsonl", "b.jsonl"], ["a.jsonl", "b.jsonl"]),
        (["x/a.jsonl", "b.jsonl"], ["a.jsonl", "b.jsonl"]),
        (["base/a.jsonl", "tuned/a.jsonl"], ["base/a.jsonl", "tuned/a.jsonl"]),
        (["/d/1/base/a.jsonl", "/d/1/tuned/a.jsonl", "/d/1/b.jsonl"], ["base/a.jsonl", "tuned/a.jsonl", "b.jsonl"]),
        (["/d/1/run/a.jsonl", "/d/2/run/a.jsonl"], ["1/run/a.jsonl", "2/run/a.jsonl"]),
        (["run", "old/run", "../run"], ["run", "old/run", "../run"]),
        (["a.jsonl", "a.jsonl"], ["a.jsonl (1)", "a.jsonl (2)"]),
        (["a.jsonl", "x/../a.jsonl", "b.jsonl"], ["a.jsonl (1)", "a.jsonl (2)", "b.jsonl"]),
        (["/d/x/a", "/d/y/a", "/d/x/a"], ["x/a (1)", "y/a", "x/a (2)"]),
        (["/d/x/y/a", "/d/y/a"], ["x/y/a", "d/y/a"]),
        (["/a", "/x/a"], ["/a", "x/a"]),
    ],
)
def test_inputs_of_one_name(paths: list[str], names: list[str]) -> None:
    assert distinct_names([Path(path) for path in paths]) == names


def test_the_working_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert distinct_names([Path(), Path("run")]) == [tmp_path.name, "run"]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["a.jsonl", "b.jsonl"], ["a.jsonl", "b.jsonl"]),
        (["a" * 20, "b.jsonl"], ["a" * 9 + "…", "b.jsonl"]),
        (["qwen2.5-vl-7b-seed1.jsonl", "qwen2.5-vl-7b-seed2.jsonl"], ["…ed1.jsonl", "…ed2.jsonl"]),
        (["a" * 12 + "1" + "b" * 12, "a" * 12 + "2" + "b" * 12], ["1 aaaaaaa…", "2 aaaaaaa…"]),
        ([], []),
    ],
)
def test_names_stay_different_in_a_column(names: list[str], short: list[str]) -> None:
    assert shortened(names, 10) == short
    assert all(len(name) <= 10 for name in short)
