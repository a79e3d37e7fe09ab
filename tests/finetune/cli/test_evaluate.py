"""The command `finetune evaluate`: what it prints and writes, and that it writes everything or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import finetune
from curate.base.terminal import run
from finetune.cli.main import main_group

ROWS = [("a", "a"), (r"x ^ { 2 }", "x^2"), ("b", r"\frac {")]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "pred.jsonl"
    path.write_text(
        "".join(json.dumps({"sample_id": str(i), "gt": a, "pred": b}) + "\n" for i, (a, b) in enumerate(ROWS))
    )
    return path


def call(*arguments: object) -> int:
    return run("finetune", main_group, [str(argument) for argument in arguments])


def test_json_is_what_is_written(predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("evaluate", predictions, "--format", "json", "--out", tmp_path / "deep" / "out") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out == (tmp_path / "deep" / "out" / "metrics.json").read_text()
    metrics = json.loads(printed.out)
    assert metrics["file"] == "pred.jsonl"
    scores = finetune.score(ROWS)
    canonical = scores.pop("canonical")
    assert metrics.items() >= scores.items()
    assert metrics["canonical"].items() >= canonical.items()


def test_text_shows_raw_and_canonical(predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("evaluate", predictions) == 0
    printed = capsys.readouterr().out
    lines = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line}
    assert lines["3"] == ["predictions"]
    assert lines["exprate"][:8] == ["33.3333", "%", "[0.0,", "100.0]", "66.6667", "%", "[0.0,", "100.0]"]
    assert lines["exprate_render_equal"][:2] == ["66.6667", "%"]
    assert lines["parse_rate"][:2] == ["66.6667", "%"]
    assert "%" not in lines["cer"]
    assert "symbols: b lost ×1" in printed


def test_missing_answers_are_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty answer is at most three tokens away from a short label, so le3 alone would look like a good result."""
    monkeypatch.setenv("COLUMNS", "120")  # a narrow terminal has no column of words
    path = tmp_path / "pred.jsonl"
    rows = [("x^2", None), ("x^2+1", None), (r"\frac{a}{b}", " "), ("a", "a")]
    path.write_text("".join(json.dumps({"gt": gt, "pred": pred}) + "\n" for gt, pred in rows))
    assert call("evaluate", path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 of 4 answers (75 %) are missing (null or empty) and count as wrong, except in le1, le2 and le3" in said
    assert "le3 accepts 3 of them in raw tokens and 1 in canonical tokens" in said
    assert "at most 3 tokens wrong" in said
    path.write_text(json.dumps({"gt": "a + b + c", "pred": ""}) + "\n" + json.dumps({"gt": "a", "pred": "a"}))
    assert call("evaluate", path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of 2 answers (50 %) is missing (null or empty) and counts as wrong " in said


def test_a_narrow_terminal_says_where_the_metrics_are_explained(
    predictions: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns, told in (("80", True), ("120", False)):
        monkeypatch.setenv("COLUMNS", columns)
        assert call("evaluate", predictions) == 0
        assert ("what it measures: see finetune evaluate --help" in capsys.readouterr().out) == told


def test_help_promises_nothing_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("evaluate", "--help") == 0
    text = capsys.readouterr().out.lower()
    assert not any(word in text for word in ("p-value",))
    assert all(name in text for name in finetune.score([("a", "a")]) if name not in ("n", "canonical"))


def test_an_old_file_is_replaced_and_kept_when_the_input_is_bad(
    predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call("evaluate", predictions, "--out", out) == 0
    before = (out / "metrics.json").read_bytes()
    predictions.write_text("{")
    assert call("evaluate", predictions, "--out", out) == 2
    assert (out / "metrics.json").read_bytes() == before
    assert sorted(path.name for path in out.iterdir()) == ["confusions.svg", "metrics.json"]
    assert call("evaluate", predictions, "--out", tmp_path / "never") == 2
    assert not (tmp_path / "never").exists()


def test_a_write_that_fails_leaves_nothing(
    predictions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert call("evaluate", predictions, "--out", tmp_path / "out") == 2
    assert "metrics.json: can't be written: no space left on device; make room" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("arguments", [["evaluate"], ["evaluate", "none.jsonl"], ["train"], ["evaluate", ".", "--ci"]])
def test_bad_usage_is_one_line_and_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("finetune: error: ")
    assert printed.err.count("\n") == 1


def test_where_out_can_t_be_written(predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("evaluate", predictions, "--out", predictions) == 2
    assert "is a file" in capsys.readouterr().err
    (tmp_path / "metrics.json").write_text(predictions.read_text())
    assert call("evaluate", tmp_path / "metrics.json", "--out", tmp_path) == 2
    assert "written over the predictions" in capsys.readouterr().err
    (tmp_path / "a" / "metrics.json").mkdir(parents=True)
    assert call("evaluate", predictions, "--out", tmp_path / "a") == 2
    assert "is a folder" in capsys.readouterr().err
