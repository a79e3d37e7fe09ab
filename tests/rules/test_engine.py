"""The engine: order, repeats, empty input, missing labels, processes, and the frames that it promises."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

import rules
from rules import batches, engine
from rules.findings import SCHEMA
from rules.latex import lexer
from rules.selection import select


def test_findings_have_the_promised_columns():
    found = rules.check(["{"])
    assert dict(found.schema) == SCHEMA


def test_no_labels():
    assert rules.check([]).height == 0
    assert dict(rules.check([]).schema) == SCHEMA
    judged = engine.judge([])
    assert judged.labels.columns == ["label", "n_tokens", "canonical", "visual_key", "score"]
    assert judged.labels.height == judged.findings.height == 0
    assert rules.visual_key([]).len() == 0


def test_no_rules():
    judged = engine.judge(["x", "{"], select(["IMG005"]))
    assert judged.findings.height == 0
    assert judged.labels["score"].to_list() == [1.0, 1.0]


def test_a_repeated_label_is_found_at_each_of_its_rows():
    found = rules.check(["{", "x", "{"], include=["SYN001"])
    assert found["row"].to_list() == [0, 2]


def test_a_missing_label_is_judged_as_empty():
    found = rules.check(pl.Series([None, "x"], dtype=pl.String), include=["NRM003"])
    assert found["row"].to_list() == [0]
    assert rules.visual_key(pl.Series([None, "x"], dtype=pl.String)).to_list()[0] is None


def test_a_frame_keeps_its_sample_ids():
    frame = pl.DataFrame({"sample_id": ["a", "b"], "label": ["x", "{"], "other": [1, 2]})
    found = rules.check(frame, include=["SYN001"])
    assert found["sample_id"].to_list() == ["b"]
    assert found.columns[0] == "sample_id"


def test_a_frame_without_labels_is_refused():
    with pytest.raises(ValueError, match="label"):
        rules.check(pl.DataFrame({"text": ["x"]}))


def test_findings_stand_in_the_order_of_rows_and_places():
    found = rules.check(["a } b }", r"{ \foobar"])
    places = found.filter(pl.col("start").is_not_null()).select("row", "start").rows()
    assert places == sorted(places)


def test_workers_and_batches_do_not_change_the_result(monkeypatch):
    labels = [f"x ^ {{ {number} }} {'}' * (number % 3 == 0)} \\foo{'abc'[number % 3]}" for number in range(300)]
    once = engine.judge(labels)
    monkeypatch.setattr(batches, "LARGE", 1500)
    batched = engine.judge(labels)
    monkeypatch.setattr(batches, "MIN_PARALLEL", 100)
    spread = engine.judge(labels, workers=2)
    for other in (batched, spread):
        assert other.labels.equals(once.labels)
        assert other.findings.equals(once.findings)


def test_progress_counts_every_label(monkeypatch):
    monkeypatch.setattr(batches, "LARGE", 200)
    seen: list[int] = []
    engine.judge([f"x_{number}" for number in range(20)], progress=seen.append)
    assert sum(seen) == 20
    assert len(seen) == 3


def test_a_canonical_form_is_never_too_long_to_be_read():
    label = "/d_\\gamma" * 2_000  # with its spaces and braces it would be twice as long
    row = engine.judge([label], rules.select()).labels.row(0, named=True)
    assert row["canonical"] == label
    assert row["visual_key"] is not None
    assert rules.visual_key([row["canonical"]])[0] == row["visual_key"]


def test_a_label_that_is_too_long_is_not_read():
    label = "x" * (lexer.MAX_LENGTH + 1)
    judged = engine.judge([label])
    assert "SYN028" in judged.findings["rule"].to_list()
    assert judged.labels.row(0, named=True)["visual_key"] is None


def test_every_null_key_and_canonical_form_has_a_finding_that_says_why():
    judged = engine.judge(["x", "{", r"\def\a{b}", "", "x^^2", "&", "50\\"])
    for row, (canonical, key) in enumerate(judged.labels.select("canonical", "visual_key").iter_rows()):
        codes = judged.findings.filter(pl.col("row") == row)["rule"].to_list()
        assert (key is None) == (canonical is None) == ("CAN100" in codes)


def test_the_first_labels_that_a_process_judges_are_judged_like_all_others():
    # As in a worker process, which receives a ruleset and labels and has not imported any rule.
    code = (
        "from rules.engine import judge; from rules.selection import Ruleset; ruleset = Ruleset(('CAN001',));"
        r"print([judge([r'\vert x \vert'], ruleset).findings.height for _ in range(2)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2, 2]"
