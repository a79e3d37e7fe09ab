"""A metric fails on one pair: the pair counts as wrong, the rest goes on, and the fault is counted and named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import hostile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import finetune
from curate.base.terminal import run
from curate.predictions.rows import Prediction
from finetune.cli.main import main_group
from finetune.metrics import cdm, each, evaluation, layout_tree, strings
from finetune.metrics import pairs as pairs_module
from finetune.metrics.catalogue import all_metrics
from finetune.metrics.each import parse_rate
from finetune.metrics.pair_numbers import measure
from finetune.metrics.pairs import read_pairs
from rules import faults
from rules.workers import spread

OF_STRINGS = "the metrics exprate, le1, le2, le3, bleu4, edit_score and cer"
WORDS = st.lists(st.sampled_from(["a", "bc", r"\alpha"]), max_size=8)
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
        (strings, "_measured", f"{OF_STRINGS} of raw tokens", "edit_score"),
        (pairs_module, "compare", "the metrics structure and symbols", "structure"),
        (cdm, "score", "the metric cdm", "cdm"),
        (parse_rate, "_parses", "the metric parse_rate", "parse_rate"),
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
    monkeypatch.setattr(spread, "POSSIBLE", False)  # a helper process would have the real metric
    assert run("finetune", main_group, ["evaluate", str(predictions), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith(f"finetune: a fault in texsieve: {part} failed on 1 ")
    assert told[-1].endswith("(s/t/2): RecursionError: too deep; please report it")
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    parts = [part] if name != "_measured" else [f"{OF_STRINGS} of canonical tokens", part]
    assert [(f["part"], f["count"], f["first"]) for f in written["faults"]] == [(p, 1, "s/t/2") for p in parts]
    assert len(told) == len(parts)
    assert np.isfinite(written[figure])


def test_what_can_t_be_measured_is_wrong_from_end_to_end(monkeypatch, faults_go_on):
    rows = [("a b", "a c"), ("a", "a")]
    right = measure(read_pairs(rows), "text")
    real = strings._measured

    def raising(some, truths, predictions):
        if (["a", "b"], ["a", "c"]) in some:
            raise ValueError
        return real(some, truths, predictions)

    monkeypatch.setattr(strings, "_measured", raising)
    with faults.collected() as found:
        numbers = measure(read_pairs(rows), "text")
    sources = [source for source in numbers.columns if source[1] is strings.measure]
    assert [numbers.columns[source][1] for source in sources] == [right.columns[source][1] for source in sources]
    wrong = {source[2]: float(numbers.columns[source][0]) for source in sources}
    assert {name: value for name, value in wrong.items() if value} == {
        "possible1": 2.0,
        "possible2": 1.0,
        "possible3": 1.0,
        "possible4": 1.0,
        "truth_tokens": 2.0,
        "prediction_tokens": 2.0,
        "wrong_characters": 3.0,
        "characters": 3.0,
    }
    assert [fault.first for fault in found.all()] == [("a b", "a c")] * 2  # of raw and of canonical tokens


@given(st.lists(st.tuples(WORDS, WORDS), max_size=8))
def test_what_is_wrong_from_end_to_end_has_all_numbers_and_those_of_lengths_are_true(pairs):
    real, wrong = strings.measure(pairs), strings.all_wrong(pairs)
    assert list(real) == list(wrong)
    lengths = [name for name in real if name.startswith("possible") or name.endswith(("_tokens", "characters"))]
    for name in [name for name in lengths if name != "wrong_characters"]:
        assert wrong[name].tolist() == real[name].tolist(), name
    assert (wrong["wrong_characters"] >= real["wrong_characters"]).all()


NEW_METRIC = """
import numpy as np
from finetune.metrics.metric import PERCENT, Metric, mean

def shares(pairs):
    seen.append(len(pairs))
    return {"share": np.array([1 / len(prediction) for _, prediction in pairs])}

def odd(pairs):
    seen.append(len(pairs))
    return {"odd": np.array([1 / (pairs.compared[place].structure + len(p)) for place, (_, p) in enumerate(pairs.raw)])}

seen = []
METRICS = (
    Metric(
        name="share", title="t", meaning="m", unit=PERCENT, columns=("share",), value=mean("share"), of_tokens=shares,
    ),
    Metric(
        name="odd", title="t", meaning="m", unit=PERCENT, columns=("odd",), value=mean("odd"), of_pairs=odd,
        reads="layout", higher_is_better=False, failed=lambda pairs: {"odd": np.full(len(pairs), 100)},
    ),
)
"""


@pytest.fixture
def new_metric(tmp_path, monkeypatch):
    """A module with two metrics that divide by the number of tokens in the prediction."""
    (tmp_path / "divides.py").write_text(NEW_METRIC)
    monkeypatch.setattr(each, "__path__", [*each.__path__, str(tmp_path)])
    all_metrics.cache_clear()
    all_metrics()
    yield sys.modules[f"{each.__name__}.divides"]
    del sys.modules[f"{each.__name__}.divides"]
    all_metrics.cache_clear()


def test_a_new_metric_needs_no_except_of_its_own(new_metric, faults_go_on):
    rows = [Prediction(str(place), "a", "" if place in (3, 5) else "a a") for place in range(8)]
    with faults.collected() as collected:
        found = evaluation.evaluate(rows, rules=False)
    assert found.numbers.column("share").tolist() == [0 if place in (3, 5) else 1 / 2 for place in range(8)]
    assert found.numbers.column("canonical/share").tolist() == found.numbers.column("share").tolist()
    assert found.numbers.column("odd")[[3, 5]].tolist() == [100, 100]
    assert (found.numbers.column("odd")[[0, 1, 2, 4, 6, 7]] < 1).all()
    parts = ["the metric odd", "the metric share of canonical tokens", "the metric share of raw tokens"]
    assert [(fault.part, fault.count, fault.of, fault.where) for fault in found.faults] == [
        (part, 2, "pair", "3") for part in parts
    ]
    assert collected.all() == found.faults
    # Raw, canonical, pairs: all of them once, then halves of those that failed. Right pairs are not tried one by one.
    assert new_metric.seen == [8, 4, 2, 2, 1, 1, 4, 2, 1, 1, 2] * 3


def test_a_function_that_gives_numbers_of_other_pairs_fails(monkeypatch, faults_go_on):
    monkeypatch.setattr(strings, "_measured", lambda *batch: dict.fromkeys(strings.all_wrong([]), np.zeros(2)))
    with faults.collected() as collected:
        numbers = measure(read_pairs([("a", "a")]), "text")
    assert numbers.column("exprate").tolist() == [0]
    assert {fault.kind for fault in collected.all()} == {"ValueError"}
    assert "shape" in collected.all()[0].message


def test_a_pair_that_can_t_be_aligned_fails_once(new_metric, monkeypatch, faults_go_on):
    """`odd` asks for alignments while halves are tried."""
    real = pairs_module.compare
    asked = []

    def raising(*trees):
        asked.append(trees)
        if len(asked) == 2:
            raise RecursionError
        return real(*trees)

    monkeypatch.setattr(pairs_module, "compare", raising)
    rows = [Prediction(str(place), "a", "" if place == 2 else f"b {place}") for place in range(4)]
    with faults.collected():
        found = evaluation.evaluate(rows, rules=False)
    assert len(asked) == 4
    assert found.numbers.column("structure")[1] == 0
    (fault,) = [fault for fault in found.faults if "structure" in fault.part]
    assert (fault.part, fault.count, fault.where) == ("the metrics structure, symbols and odd", 1, "1")


def test_without_faults_the_file_says_so(predictions, tmp_path, capsys):
    assert run("finetune", main_group, ["evaluate", str(predictions), "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
    assert json.loads((tmp_path / "metrics.json").read_text())["faults"] == []
