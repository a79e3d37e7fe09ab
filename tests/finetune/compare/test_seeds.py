"""`finetune compare --seeds`: mean and spread over several trainings."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.predictions.rows import Prediction
from finetune.cli.main import main_group
from finetune.compare.comparison import compare
from finetune.compare.seeds import spread_of


def predictions(right: int, number: int = 20) -> list[Prediction]:
    return [Prediction(f"s/{n}", f"x ^ {{ {n} }}", f"x^{{{n}}}" if n < right else "y") for n in range(number)]


def test_mean_and_spread_are_those_of_the_standard_library() -> None:
    found = compare(("before", predictions(2)), ("one", predictions(10)))
    seeds = spread_of(found, [("two", predictions(14)), ("three", predictions(18)[::-1])])
    first = seeds.spreads[0]
    assert (first.words, first.before) == ("exprate_render_equal", 10)
    assert first.after == (50, 70, 90)
    assert first.mean == statistics.mean(first.after)
    assert first.deviation == statistics.stdev(first.after)
    assert first.cells == ["10.00", "70.00", "20.00", "50.00", "90.00"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (predictions(3, 19), "two: lacks 1 of the 20 samples of one"),
        ([Prediction(row.sample_id, "z", "z") for row in predictions(3)], r"two: has another truth \(gt\) for s/0"),
    ],
)
def test_seeds_of_other_data_are_refused(rows: list[Prediction], said: str) -> None:
    found = compare(("before", predictions(2)), ("one", predictions(10)))
    with pytest.raises(UserError, match=said):
        spread_of(found, [("two", rows)])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, right in (("base", 2), ("one", 10), ("two", 14)):
        rows = ({"sample_id": row.sample_id, "gt": row.gt, "pred": row.pred} for row in predictions(right))
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    files = [str(tmp_path / f"{name}.jsonl") for name in ("base", "one")]
    options = ["--seeds", str(tmp_path / "two.jsonl"), "--no-cdm", "--out", str(tmp_path / "page.html")]
    assert run("finetune", main_group, ["compare", *files, *options]) == 0
    told = capsys.readouterr().out
    assert "2 seeds of one.jsonl (spread: standard deviation)" in told
    assert ["exprate_render_equal", "10.00", "60.00", "14.14", "50.00", "70.00"] in [
        line.split() for line in told.splitlines()
    ]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "2 seeds of the same training" in page
    assert '<td class="n">14.14</td>' in page
