"""A metric that fails on one pair: the pair counts as wrong, the rest goes on, the fault is counted and named."""

from __future__ import annotations

import json
from pathlib import Path

import hostile
import numpy as np
import pytest

import finetune
from curate.base.terminal import run
from finetune.cli.main import main_group
from finetune.metrics import cdm, evaluation, layout_tree, scoring, strings
from rules import faults

ROWS = [("a + b", "a - b"), ("c", "c"), ("x", "y")]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "pred.jsonl"
    rows = [{"sample_id": f"s/t/{place}", "gt": gt, "pred": pred} for place, (gt, pred) in enumerate(ROWS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_no_metric_fails_on_a_hostile_label():
    labels = [label for label in hostile.labels() if len(label) < 2_000]
    scores = finetune.score([*((label, "x") for label in labels), *(("x", label) for label in labels)])
    assert scores["n"] == 2 * len(labels)


@pytest.mark.parametrize("opener", [r"\sqrt[", r"\sqrt[ ", r"\xrightarrow[", "{", r"\hat", "x_", r"\begin{matrix}"])
def test_a_layout_of_any_depth_is_read(opener):
    for number in (59, 60, 61, 330, 20_000):
        assert isinstance(layout_tree.read(opener * number + "x"), tuple)


def test_an_index_that_closes_ends_there():
    deep = r"\sqrt[" * 100 + "2" + "]{x}" * 100 + "y"
    assert layout_tree.read(deep)[-1].mark == "y"
    assert layout_tree.read(deep)[-1].path == ""


@pytest.mark.parametrize(
    ("place", "name", "part", "figure"),
    [
        (strings, "_measured", "the raw string metrics", "edit_score"),
        (evaluation, "compare", "the metrics structure and symbols", "structure"),
        (cdm, "score", "the metric cdm", "cdm"),
        (scoring, "_parses", "the metric parse_rate", "parse_rate"),
    ],
)
def test_a_metric_that_raises_is_caught_for_its_pair(
    predictions, tmp_path, monkeypatch, faults_go_on, capsys, place, name, part, figure
):
    real = getattr(place, name)

    def raising(*given):
        if "'y'" in str(given) or given[0] == r"y \frac":
            raise RecursionError("too deep")
        return real(*given)

    if name == "_parses":
        predictions.write_text(json.dumps({"sample_id": "s/t/2", "gt": "x", "pred": r"y \frac"}) + "\n")
    monkeypatch.setattr(place, name, raising)
    assert run("finetune", main_group, ["evaluate", str(predictions), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith(f"finetune: a fault in texsieve: {part} failed on 1 ")
    assert told[-1].endswith("(s/t/2): RecursionError: too deep; please report it")
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    parts = [part] if name != "_measured" else ["the canonical string metrics", part]
    assert [(f["part"], f["count"], f["first"]) for f in written["faults"]] == [(p, 1, "s/t/2") for p in parts]
    assert len(told) == len(parts)
    assert np.isfinite(written[figure])


def test_what_can_t_be_measured_is_wrong_from_end_to_end(monkeypatch, faults_go_on):
    pairs = [(["a", "b"], ["a", "c"]), (["a"], ["a"])]
    right = strings.measure(pairs)
    real = strings._measured

    def raising(some, truths, predictions):
        if pairs[0] in some:
            raise ValueError
        return real(some, truths, predictions)

    monkeypatch.setattr(strings, "_measured", raising)
    with faults.collected() as found:
        rows = strings.measure(pairs)
    assert (rows[1] == right[1]).all()
    assert dict(zip(strings.COLUMNS, rows[0], strict=True)) == {
        **dict.fromkeys(strings.COLUMNS, 0.0),
        "there1": 2.0,
        "there2": 1.0,
        "there3": 1.0,
        "there4": 1.0,
        "truth_tokens": 2.0,
        "pred_tokens": 2.0,
        "wrong": 3.0,
        "characters": 3.0,
    }
    assert [fault.first for fault in found.all()] == [("a b", "a c")]


def test_without_faults_the_file_says_so(predictions, tmp_path, capsys):
    assert run("finetune", main_group, ["evaluate", str(predictions), "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
    assert json.loads((tmp_path / "metrics.json").read_text())["faults"] == []
