"""What metrics.json holds besides the figures: intervals, groups, confusions, runaway predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curate.predictions.rows import Prediction, read_predictions
from finetune.metrics import evaluation, pair_numbers
from finetune.metrics.catalogue import all_metrics
from finetune.metrics.evaluation import as_metrics, evaluate, evaluate_all, looks_alike, style_note
from finetune.metrics.pairs import read_pairs
from finetune.metrics.plots import confusions_svg
from rules import faults
from rules.workers.pool import Lost


def rows(*pairs: tuple[str, str, str]) -> list[Prediction]:
    return [Prediction(*pair) for pair in pairs]


SOME = rows(
    ("print/test/1", "a", "a"),
    ("print/test/2", r"\beta x", "B x"),
    ("hand/test/1", "x _ { 1 } " * 12, "x _ { 1 } " * 12),
    ("hand/test/2", "a", "3 " * 200),
)


def test_every_figure_has_an_interval_that_holds_it() -> None:
    metrics = as_metrics(evaluate(SOME))
    json.dumps(metrics, allow_nan=False)
    for figures in (metrics, metrics["canonical"], *metrics["groups"]["source"]):
        for name, span in figures["ci"].items():
            if figures[name] is None:  # nothing was drawn, or no truth has four tokens
                assert span is None
                assert name[-3:] == "cdm" or (name == "bleu4" and figures["n"] < 4)
                continue
            if name == "bleu4" and span is None:  # three truths are short: a draw may lack the long one
                continue
            assert span[0] - 1e-9 <= figures[name] <= span[1] + 1e-9, name
    assert set(metrics["canonical"]) == {"exprate", "le1", "le2", "le3", "bleu4", "edit_score", "cer", "ci"}
    assert 0 <= metrics["structure"] <= 1
    assert metrics["cdm"] is None


def test_groups_by_source_and_length() -> None:
    groups = as_metrics(evaluate(SOME))["groups"]
    assert [(group["name"], group["n"], group["exprate"]) for group in groups["source"]] == [
        ("hand", 2, 50),
        ("print", 2, 50),
    ]
    assert [(group["name"], group["n"]) for group in groups["length"]] == [("0–5", 3), ("41–80", 1)]
    assert as_metrics(evaluate(rows(("1", "a", "a"))))["groups"]["source"] == []


def test_groups_by_rule_are_of_what_is_found_in_the_truth() -> None:
    bad = [(str(n), r"a b \t c" if n < 6 else "a b", "a b") for n in range(8)]
    groups = {group["name"]: group for group in as_metrics(evaluate(rows(*bad)))["groups"]["rule"]}
    assert groups
    assert {group["n"] for group in groups.values()} == {6}
    assert all(group["exprate"] == 0 for group in groups.values())


def test_a_runaway_prediction_is_flagged_and_does_not_swamp_the_confusions() -> None:
    metrics = as_metrics(evaluate(SOME))
    assert metrics["runaway"] == {"n": 1, "ids": ["hand/test/2"]}
    assert metrics["confusions"] == {
        "symbols": [{"truth": r"\beta", "prediction": "B", "n": 1}],
        "structure": [],
    }
    svg = confusions_svg(metrics["confusions"])
    assert r"\beta → B" in svg
    assert confusions_svg({"symbols": [], "structure": []}).endswith("</svg>")


@pytest.mark.shared_data
def test_real_predictions(shared_data: Path) -> None:
    found = evaluate(read_predictions(shared_data / "predictions" / "unimumer_crohme_2014_pred.json"))
    metrics = as_metrics(found)
    assert metrics["runaway"]["n"] == 1
    assert f"{metrics['exprate']:.4f} {metrics['edit_score']:.4f}" == "82.6572 96.5522"
    assert metrics["ci"]["exprate"] == pytest.approx([80.3, 85.0], abs=0.5)  # ± 1.96 √(p (1 − p) / n)
    assert metrics["confusions"]["symbols"][0] == {"truth": "C", "prediction": "c", "n": 13}


@pytest.mark.parametrize("mark", ["</s>", "< / s >", "<|im_end|>", "[PAD]"])
def test_predictions_full_of_special_tokens_are_told_as_such(mark: str) -> None:
    read = rows(*((f"s/{n}", f"x ^ {{ {n} }}", f"x ^ {{ {n} }} {mark if n < 3 else ''}") for n in range(20)))
    metrics = as_metrics(evaluate(read))
    assert metrics["exprate_render_equal"] == 85
    assert metrics["note"].startswith("3 of 20 predictions (15 %) have text from a tokeniser or a program, such as ")
    assert repr(mark) in metrics["note"]
    assert metrics["note"].endswith("Without it, 3 of them look like their truth")
    assert as_metrics(evaluate([*read[3:], *read[3:], read[0]]))["note"] is None


def test_tokenisers_marks_in_predictions_are_told_as_such() -> None:
    note = as_metrics(evaluate(rows(*((f"s/{n}", f"x + {n}", f"xĠ+Ġ{n}") for n in range(5)))))["note"]
    assert "'Ġ'" in note
    assert "Without it, 5 of them look like their truth" in note


MIXED = [
    Prediction(f"s{n % 3}/test/{n}", truth, answer)
    for n, (truth, answer) in enumerate(
        [(r"a b \\t c", "a b"), ("x ^ 2", "x^2"), ("a", "a </s>"), ("b", "3 " * 200), (r"\frac", r"\frac {"), ("y", "")]
        * 4
        + [("x _ { 1 } + y", "x _ { 1 } - y")] * 3
    )
]


def test_how_many_pairs_are_read_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = as_metrics(evaluate(MIXED, characters=True))
    two = evaluate_all([MIXED, MIXED[:5]], rules=False)
    monkeypatch.setattr(evaluation, "_AT_A_TIME", 4)
    assert as_metrics(evaluate(MIXED, characters=True)) == whole
    again = evaluate_all([MIXED, MIXED[:5]], rules=False)
    assert [as_metrics(found) for found in again] == [as_metrics(found) for found in two]
    assert looks_alike([(row.gt, row.pred) for row in MIXED]).tolist() == again[0].alike.tolist()


def test_several_processes_measure_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    here = evaluate(MIXED)
    monkeypatch.setattr(pair_numbers, "_BATCH", 5)
    monkeypatch.setattr(pair_numbers, "_WORTH_PROCESSES", 1)
    apart = evaluate(MIXED, workers=2)
    assert as_metrics(apart) == as_metrics(here)
    assert list(apart.numbers.columns) == list(here.numbers.columns)
    for source, column in apart.numbers.columns.items():
        np.testing.assert_array_equal(column, here.numbers.columns[source])


def test_a_pair_that_no_process_comes_back_from_is_wrong(faults_go_on: None) -> None:
    read = read_pairs([("x ^ 2", "x ^ 2")])
    with faults.collected() as found:
        columns, compared = pair_numbers._lost_part(Lost(read.read()[0], "it was killed"), ("text", "layout"))
    assert {fault.message for fault in found.all()} == {"it was killed"}
    lost = pair_numbers.PairNumbers(list(all_metrics().values()), columns)
    assert [lost.column(name).tolist() for name in ("exprate", "structure", "parse_rate")] == [[0.0]] * 3
    assert [one.symbols for one in compared] == [0.0]


@pytest.mark.parametrize(("style", "said"), [("canonical", True), (None, False)])
def test_truths_in_canonical_spelling_are_told_of(style: str | None, said: bool) -> None:
    note = style_note({"model": {}, "data": {"split": "test", **({"style": style} if style else {})}})
    assert (note is not None) == said
    assert style_note(None) is None
