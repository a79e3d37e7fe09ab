"""Scores follow from findings: each rule counts once, by its worst severity, and the weights can be chosen."""

from __future__ import annotations

import polars as pl
import pytest

from rules import engine
from rules.score import Weights, scores


def frame(*rows: tuple[int, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={"row": pl.UInt32, "rule": pl.String, "severity": pl.String}, orient="row")


def score_of(found: pl.DataFrame, weights: Weights | None = None) -> dict[int, float]:
    return dict(scores(found, "row", weights).iter_rows())


def test_one_finding_of_each_severity():
    found = frame((0, "A", "error"), (1, "B", "warning"), (2, "C", "info"))
    assert score_of(found) == {0: 0.25, 1: 0.75, 2: 0.995}


def test_a_rule_counts_once_and_by_its_worst_severity():
    found = frame((0, "A", "info"), (0, "A", "error"), (0, "A", "error"))
    assert score_of(found) == {0: 0.25}


def test_rules_multiply():
    assert score_of(frame((0, "A", "warning"), (0, "B", "warning"))) == {0: 0.5625}


def test_the_order_of_findings_does_not_matter():
    found = frame((0, "A", "warning"), (0, "B", "error"), (0, "C", "info"), (1, "A", "info"))
    assert score_of(found) == score_of(found.reverse())


def test_an_error_is_worse_than_any_fact_of_style():
    style = frame(*((0, f"R{number}", "info") for number in range(40)))
    assert score_of(style)[0] > score_of(frame((0, "A", "error")))[0]


def test_a_rule_can_have_a_weight_of_its_own():
    assert score_of(frame((0, "A", "error")), Weights(rules={"A": 0.1})) == {0: 0.9}
    assert score_of(frame((0, "CAN100", "info"))) == {0: 1.0}


@pytest.mark.parametrize("bad", [{"error": 1.5}, {"info": -0.1}, {"rules": {"A": 2.0}}])
def test_weights_lie_between_0_and_1(bad):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Weights(**bad)


def test_the_engine_scores_every_label():
    judged = engine.judge(["x", r"\frac { a } {", "y"])
    clean, broken, _ = judged.labels["score"].to_list()
    assert clean == 1.0
    assert 0 <= broken < 0.3


def test_findings_of_a_whole_source_count_for_no_sample():
    found = pl.DataFrame({"sample_id": [None, "a"], "rule": ["A", "A"], "severity": ["error", "warning"]})
    assert scores(found, "sample_id").rows() == [("a", 0.75)]


def test_remarks_have_weights_of_their_own():
    assert score_of(frame((0, "DLM006", "info"))) == {0: 1.0}
    assert score_of(frame((0, "DLM001", "info"))) == {0: 0.98}
    # ... unless the rule was given another severity, or a weight.
    assert score_of(frame((0, "DLM001", "error"))) == {0: 0.25}
    assert score_of(frame((0, "DLM001", "info")), Weights(rules={"DLM001": 0.5})) == {0: 0.5}
