"""`finetune compare --seeds`: the mean and the spread over several trainings."""

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
    seeds = spread_of(found, [[], [("two", predictions(14)), ("three", predictions(18)[::-1])]])
    first = seeds.spreads[0]
    assert (first.words, *first.values) == ("exprate_render_equal", (10,), (50, 70, 90))
    assert first.cells(0) == ["1", "10.00", "–", "10.00", "10.00"]
    values = first.values[1]
    spread = f"{statistics.stdev(values):.2f}"
    assert first.cells(1) == ["3", f"{statistics.mean(values):.2f}", spread, "50.00", "90.00"]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ([2, 4], [10, 14], "all 2 seeds of b beat all 2 seeds of a; by chance that happens once in 6 times"),
        ([10, 14], [2], "b are below all 2 seeds of a; by chance that happens once in 3 times"),
        ([2, 14], [10, 16], "their ranges overlap"),
    ],
)
def test_groups_of_seeds_are_told_apart_in_words(first: list[int], last: list[int], said: str) -> None:
    found = compare(("a", predictions(first[0])), ("b", predictions(last[0])))
    others = [[(str(right), predictions(right)) for right in group[1:]] for group in (first, last)]
    assert said in spread_of(found, others).in_words()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (predictions(3, 19), "two: lacks 1 of the 20 samples of the other files"),
        ([Prediction(row.sample_id, "z", "z") for row in predictions(3)], r"two: has another truth \(gt\) for s/0"),
    ],
)
def test_seeds_of_other_data_are_refused(rows: list[Prediction], said: str) -> None:
    found = compare(("before", predictions(2)), ("one", predictions(10)))
    with pytest.raises(UserError, match=said):
        spread_of(found, [[], [("two", rows)]])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seeds are separated by commas, or named with --seeds."""
    for name, right in (("base", 2), ("one", 10), ("two", 14)):
        rows = ({"sample_id": row.sample_id, "gt": row.gt, "pred": row.pred} for row in predictions(right))
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    base, one, two = (str(tmp_path / f"{name}.jsonl") for name in ("base", "one", "two"))
    pages = []
    for files in ([base, f"{one},{two}"], [base, one, "--seeds", two]):
        out = tmp_path / "page.html"
        assert run("finetune", main_group, ["compare", *files, "--no-cdm", "--out", str(out)]) == 0
        told = capsys.readouterr().out
        assert ["exprate_render_equal", "one.jsonl", "2", "60.00", "14.14", "50.00", "70.00"] in [
            line.split() for line in told.splitlines()
        ]
        pages.append(out.read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    assert "From seed to seed" in pages[0]
    assert '<td class="n">14.14</td>' in pages[0]
