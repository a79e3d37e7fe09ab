"""Internal errors in commands: the rest continues, one line names each error, summary.json counts it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate.audit import AuditOptions, audit
from curate.base.terminal import run
from curate.cli.main import main_group
from curate.render import render_many, render_png, render_svg
from curate.runs.folder import Run
from curate.sources import parse_source
from rules import faults
from rules.registry import all_rules, not_judged
from rules.selection import select
from rules.workers import spread

LINE = "curate: a fault in texsieve: rule SEM004 failed on 1 label ({}): OverflowError: too large; please report it\n"


def _judge(label, options):
    if "7" in label.text:
        raise OverflowError("too large")
    return iter(())


@pytest.fixture
def broken(monkeypatch, faults_go_on):
    """SEM004 raises on every label with a 7."""
    rule = all_rules()["SEM004"]
    monkeypatch.setitem(all_rules(), "SEM004", replace(rule, judge=_judge, sieve=pl.lit(True)))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "set.txt"
    path.write_text("x ^ { 2 }\n7 + 1\n$y$\n")
    return path


def _audit(source: Path, out: Path, **options) -> Run:
    return audit([parse_source(f"set={source}")], out, AuditOptions(ruleset=select(), **options))


def test_an_audit_counts_the_fault_and_names_the_sample(broken, source, tmp_path, capsys):
    with faults.collected() as found:
        done = _audit(source, tmp_path / "run")
    (sample,) = done.samples.filter(pl.col("label") == "7 + 1").collect().to_dicts()
    assert sample["score"] is None
    assert done.summary["faults"] == [
        {
            "part": "rule SEM004",
            "error": "OverflowError",
            "message": "too large",
            "count": 1,
            "of": "label",
            "first": sample["sample_id"],
        }
    ]
    assert [fault.where for fault in found.all()] == [sample["sample_id"]]
    others = done.samples.filter(pl.col("label") != "7 + 1").collect()
    assert others["score"].null_count() == 0
    of_sample = done.findings.filter(pl.col("sample_id") == sample["sample_id"]).collect()
    assert not_judged().code in of_sample["rule"].to_list()


def test_the_command_says_it_in_one_line(broken, source, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(spread, "POSSIBLE", False)  # a helper process would have the unchanged rule
    assert run("curate", main_group, ["audit", str(source), "--out", str(tmp_path / "run"), "--workers", "1"]) == 0
    assert capsys.readouterr().err == LINE.format("set/2")


def test_a_label_that_failed_is_judged_anew(broken, source, tmp_path, monkeypatch):
    with faults.collected():
        _audit(source, tmp_path / "run")
    monkeypatch.setitem(all_rules(), "SEM004", replace(all_rules()["SEM004"], judge=lambda label, options: iter(())))
    with faults.collected() as found:
        done = _audit(source, tmp_path / "run", update=True)
    assert found.all() == []
    assert done.summary["faults"] == []
    assert done.samples.collect()["score"].null_count() == 0


def test_a_rule_over_samples_that_raises_is_one_finding_of_the_set(source, tmp_path, monkeypatch, faults_go_on):
    def judge(samples, options):
        raise ZeroDivisionError("division by zero")

    rule = next(rule for rule in all_rules().values() if rule.scope == "samples" and not rule.profiles)
    monkeypatch.setitem(all_rules(), rule.code, replace(rule, judge=judge))
    with faults.collected() as found:
        done = _audit(source, tmp_path / "run")
    assert [fault.part for fault in found.all()] == [f"rule {rule.code}"]
    whole = done.findings.filter(pl.col("sample_id").is_null() & (pl.col("rule") == not_judged().code)).collect()
    assert whole["message"].to_list() == [
        f"not judged by rule {rule.code} (ZeroDivisionError: division by zero): a fault in texsieve"
    ]
    assert done.samples.collect()["score"].null_count() == 0


def test_check_and_fix_go_on(broken, source, tmp_path, capsys):
    assert run("curate", main_group, ["check", str(source), "--format", "jsonl"]) == 0
    told = capsys.readouterr()
    assert [json.loads(line)["score"] is None for line in told.out.splitlines()] == [False, True, False]
    assert told.err == LINE.format("'7 + 1'")
    # SEM004 has no fix, so fixing labels doesn't fail.
    assert run("curate", main_group, ["fix", str(source), "--out", str(tmp_path / "fixed.txt")]) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "fixed.txt").read_text() == "x ^ { 2 }\n7 + 1\ny\n"


def test_debug_ends_the_command_with_the_traceback(broken, source, capsys):
    assert run("curate", main_group, ["check", str(source), "--debug"]) == 2
    told = capsys.readouterr().err
    assert 'raise OverflowError("too large")' in told
    assert told.endswith("curate: error: " + LINE.format("'7 + 1'").removeprefix("curate: "))


def test_a_label_without_a_score_is_not_exported_as_a_good_one(broken, source, tmp_path, capsys):
    with faults.collected():
        _audit(source, tmp_path / "run")
    out = tmp_path / "set"
    arguments = ["export", tmp_path / "run", "--out", out, "--min-score", "0.1", "--allow-no-image"]
    assert run("curate", main_group, list(map(str, arguments))) == 0
    (dropped,) = pl.read_parquet(out / "dropped.parquet").to_dicts()
    assert dropped["label"] == "7 + 1"
    assert "score not known, under 0.1" in dropped.values()


# Drawing --------------------------------------------------------------------------------------------------------------

LINE_ENDS = ["a\x85b", "a\u2028b", "a\u2029b", "\u2029", r"\text{a" + "\u2029b}"]


@pytest.mark.parametrize("label", LINE_ENDS)
def test_a_character_that_ends_a_line_ends_no_drawing(label):
    drawn = dict(render_many([label], workers=1))[0]
    if label == "\u2029":
        assert str(drawn) == "there is nothing to draw"
    else:
        assert drawn.startswith(b"\x89PNG")


@pytest.mark.parametrize("digits", [309, 4301])
def test_a_cell_over_very_many_columns_ends_no_drawing(digits):
    label = rf"\begin{{tabular}}{{c}} \multicolumn{{{'9' * digits}}}{{c}}{{x}} \end{{tabular}}"
    assert render_svg(label).startswith("<svg")


def test_a_drawing_that_raises_is_not_drawn_and_says_why(monkeypatch, faults_go_on):
    import curate.render.drawing

    real = curate.render.drawing.laid_out

    def laid_out(label):
        if label == "b":
            raise TypeError("not a tree")
        return real(label)

    monkeypatch.setattr(curate.render.drawing, "laid_out", laid_out)
    with faults.collected() as found:
        drawn = [one for _, one in render_many(["a", "b", "c"], workers=1)]
    assert [isinstance(one, bytes) for one in drawn] == [True, False, True]
    assert str(drawn[1]) == "a fault in texsieve: TypeError: not a tree"
    assert [(fault.part, fault.first) for fault in found.all()] == [("drawing", "b")]


def test_a_drawing_that_raises_is_tried_and_told_again(monkeypatch, faults_go_on, tmp_path):
    import curate.render.drawing
    from curate.pairs.rendered import drawings

    def laid_out(label):
        raise TypeError("not a tree")

    monkeypatch.setattr(curate.render.drawing, "laid_out", laid_out)
    for _ in range(2):
        with faults.collected() as found:
            drawings(np.arange(2), ["a", "b"], np.zeros(2), np.zeros((2, 24, 64), np.uint8), cache=tmp_path)
        assert [(fault.part, fault.count) for fault in found.all()] == [("drawing", 2)]


def test_a_colour_that_is_none_is_no_fault():
    with pytest.raises(ValueError, match="unknown color"):
        render_png("x", colour="blurple")


@pytest.mark.parametrize(
    "label", [r"\sqrt{" * 330 + "x" + "}" * 330, "{" * 330 + "x" + "}" * 330, "x^{" * 330 + "}" * 330]
)
def test_a_drawing_of_any_depth_ends_no_process(label):
    code = (
        "from curate.render import RenderError, render_png\n"
        f"try: render_png({label!r})\n"
        "except RenderError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
