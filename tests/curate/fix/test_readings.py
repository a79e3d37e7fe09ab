"""`curate fix --from PRED --confident`: a model's reading is used only if the model is confident and the user asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import curate

LABELS = {"a": "x ^ { 2 }", "b": "y + 1", "c": "z", "d": "w"}


def _write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return _write(tmp_path / "set.jsonl", [{"id": name, "label": label, "kept": 1} for name, label in LABELS.items()])


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """The models agree on a new reading of `a`, disagree on `b`, and spell `c` differently."""
    read = [{"a": "x _ { 2 }", "b": "y + 7", "c": "{ z }"}, {"a": "x_2", "b": "y - 1", "c": "z", "d": "w"}]
    return [
        _write(
            tmp_path / f"model{number}.jsonl", [{"sample_id": k, "gt": LABELS[k], "pred": v} for k, v in one.items()]
        )
        for number, one in enumerate(read)
    ]


def _fix(*arguments: object) -> int:
    return curate("fix", *arguments)


def test_sure_readings_are_taken_and_all_else_stays(source, models, tmp_path, capsys):
    out = tmp_path / "fixed.jsonl"
    assert _fix(source, "--from", models[0], "--from", models[1], "--confident", "--out", out) == 0
    rows = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert {name: row["label"] for name, row in rows.items()} == {**LABELS, "a": "x _ { 2 }"}
    assert all(row["kept"] == 1 for row in rows.values())
    (journal,) = map(json.loads, (tmp_path / "fixed.jsonl.journal.jsonl").read_text().splitlines())
    assert (journal["sample_id"], journal["before"], journal["after"]) == ("set/a", LABELS["a"], "x _ { 2 }")
    assert journal["rules"] == ["PAR010"]
    assert "PAR010" in capsys.readouterr().out


def test_one_reading_is_not_sure_unless_its_score_is(source, models, tmp_path):
    assert _fix(source, "--from", models[0], "--confident", "--out", tmp_path / "one.jsonl") == 0
    assert (tmp_path / "one.jsonl").read_text() == source.read_text()
    sure = _write(tmp_path / "sure.jsonl", [{"sample_id": "b", "gt": "y + 1", "pred": "y + 7", "score": -0.001}])
    assert _fix(source, "--from", sure, "--confident", "--out", tmp_path / "two.jsonl") == 0
    assert "y + 7" in (tmp_path / "two.jsonl").read_text()


def test_nothing_is_taken_unasked(source, models, tmp_path, capsys):
    assert _fix(source, "--out", tmp_path / "plain.jsonl") == 0
    assert (tmp_path / "plain.jsonl").read_text() == source.read_text()
    capsys.readouterr()
    for half in (["--from", models[0]], ["--confident"]):
        assert _fix(source, *half, "--out", tmp_path / "half.jsonl") == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "give both" in error
    assert not (tmp_path / "half.jsonl").exists()
    other = _write(tmp_path / "other.jsonl", [{"sample_id": "elsewhere", "gt": "q", "pred": "r"}])
    assert _fix(source, "--from", other, "--confident", "--out", tmp_path / "none.jsonl") == 2
    assert "none of the 1 predictions belongs to a sample" in capsys.readouterr().err
