"""Predictions next to labels: how they are matched, what counts as a difference, and what `curate audit` reports."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import rules
from curate.base.terminal import run as run_command
from curate.cli.main import main_group
from curate.predictions.contradicted import PREDICTED, ranked, read, with_predictions
from curate.predictions.rows import Prediction
from curate.runs.folder import load_run
from rules import engine

LABELS = [r"x ^ { 2 }", r"\sqrt { a } b", "y", "z"]


@pytest.fixture
def samples() -> pl.DataFrame:
    read = engine.judge(LABELS, rules.Ruleset(())).labels
    return read.select("label", "canonical", "visual_key").with_columns(
        pl.Series("sample_id", ["set/train/a", "set/train/b", "set/test/a", "set/c.png"]),
        pl.Series("image", ["img/one.png", "img/two.png", "img/three.png", "img/four.png"]),
        pl.lit(None, pl.Float64).alias("pair_score"),
    )


def held(samples: pl.DataFrame, *files: list[Prediction]) -> tuple[pl.DataFrame, list]:
    return with_predictions(samples, [(Path(f"p{number}.jsonl"), rows) for number, rows in enumerate(files)])


@pytest.mark.parametrize(
    ("identity", "image", "row"),
    [
        ("set/train/a", None, 0),
        ("train/b", None, 1),
        ("b", None, 1),
        ("two", None, 1),
        ("two.png", None, 1),
        ("img/two.png", None, 1),
        ("./data/x/two.png", None, 1),
        ("?", "some/folder/three.jpg", 2),
        ("c", None, 3),
    ],
)
def test_who_a_prediction_belongs_to(samples: pl.DataFrame, identity: str, image: str | None, row: int) -> None:
    found, [facts] = held(samples, [Prediction(identity, "", "no such label", image)])
    assert found["pred_count"].is_not_null().arg_true().to_list() == [row]
    assert (facts.rows, facts.matched) == (1, 1)


def test_unknown_and_ambiguous_predictions_are_counted(samples: pl.DataFrame) -> None:
    found, [facts] = held(samples, [Prediction("a", "", "x"), Prediction("nobody", "", "x")])
    assert (facts.matched, facts.unknown, facts.ambiguous) == (0, 1, 1)
    assert found["pred_count"].null_count() == 4


def test_predictions_of_another_truth_are_counted(samples: pl.DataFrame) -> None:
    rows = [Prediction("two", r"\sqrt a b", "x"), Prediction("three", "another", "x"), Prediction("four", "", "x")]
    _, [facts] = held(samples, rows)
    assert (facts.matched, facts.other_label) == (3, 1)


def test_what_is_drawn_the_same_does_not_differ(samples: pl.DataFrame) -> None:
    found, _ = held(samples, [Prediction("set/train/a", "", "x^2"), Prediction("b", "", r"\sqrt a b")])
    assert found["pred_differ"].to_list() == [0, 0, None, None]
    assert found["pred_label"].null_count() == 4


@pytest.mark.parametrize(
    ("identity", "reading", "where"),
    [
        ("train/a", "x^3", "`3` for `2`"),
        ("train/a", "x^2+1", "`2 + 1` for `2`"),
        ("train/a", "x", "`x` for `x ^ 2`"),
        ("b", r"\sqrt{ab}", "`a b }` for `a }`; `}` for `} b`"),
        ("two", "", "nothing"),
    ],
)
def test_where_they_differ(samples: pl.DataFrame, identity: str, reading: str, where: str) -> None:
    found, _ = held(samples, [Prediction(identity, "", reading)])
    assert found["pred_where"].drop_nulls().to_list() == [where]


def test_the_reading_that_most_agree_on_is_told_and_the_surest_ranks_first(samples: pl.DataFrame) -> None:
    def file(score: float, **readings: str) -> list[Prediction]:
        return [Prediction(name, "", text, score=score) for name, text in readings.items()]

    found, _ = held(
        samples, file(-0.5, two="q", three="v", four="w"), file(-0.1, two="p", three=" v"), file(-0.2, two="{q}")
    )
    assert found["pred_label"].to_list() == [None, "q", "v", "w"]
    assert found["pred_agree"].to_list() == [None, 2, 2, 1]
    assert found["pred_score"].to_list() == [None, -0.2, -0.1, -0.5]
    assert found["label_error_rank"].to_list() == [None, 2, 1, 3]
    assert [row["sample_id"] for row in ranked(found)] == ["set/test/a", "set/train/b", "set/c.png"]
    assert [row["sample_id"] for row in ranked(found, 1)] == ["set/test/a"]
    assert set(PREDICTED) < set(ranked(found)[0])


@pytest.mark.parametrize("reading", ["", r"\frac{", "x + " * 60])
def test_a_model_is_not_sure_of_what_no_label_can_be(samples: pl.DataFrame, reading: str) -> None:
    """A model that got stuck is certain of every token."""
    found, _ = held(samples, [Prediction("two", "", reading, score=-0.001)])
    assert found.row(1, named=True)["pred_differ"] == 1
    assert found.row(1, named=True)["pred_score"] is None


def test_what_a_base_model_puts_around_a_formula_is_no_difference(samples: pl.DataFrame, tmp_path: Path) -> None:
    wrapped = tmp_path / "base.jsonl"
    wrapped.write_text(json.dumps({"sample_id": "c", "gt": "z", "pred": "```latex\nz\n```", "score": -0.001}))
    found, _ = with_predictions(samples, read([wrapped]))
    assert found["pred_differ"].to_list() == [None, None, None, 0]


def test_audit_with_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": name, "label": label} for name, label in zip("abcd", LABELS, strict=True)]
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "one.jsonl").write_text(
        "".join(
            json.dumps({"sample_id": f"set/{n}", "gt": "", "pred": p}) + "\n" for n, p in (("a", "x^3"), ("c", "Y"))
        )
    )
    (tmp_path / "two.json").write_text(json.dumps([{"img_id": n, "gt": "q", "pred": "x ^ 3"} for n in ("a", "nobody")]))
    options = ["--predictions", str(tmp_path / "one.jsonl"), "--predictions", str(tmp_path / "two.json")]
    code = run_command(
        "curate", main_group, ["audit", str(tmp_path / "set.jsonl"), *options, "--out", str(tmp_path / "r")]
    )
    assert code == 0
    told = capsys.readouterr().out
    assert "one.jsonl: 2 predictions\n" in told
    assert "two.json: 2 predictions (1 unknown, 1 with another truth than the label)\n" in told
    run = load_run(tmp_path / "r")
    found = run.findings.filter(pl.col("rule").str.starts_with("PAR")).select("sample_id", "rule", "message").collect()
    assert found.rows() == [
        ("set/a", "PAR010", "2 of 2 predictions read `3` for `2`"),
        ("set/c", "PAR011", "the prediction reads `Y` for `y`"),
    ]
    assert [row["sample_id"] for row in run.summary["predictions"]["likely_label_errors"]] == ["set/a", "set/c"]
    assert run.samples.select("label_error_rank").collect().to_series().to_list() == [1, None, 2, None]
    assert "pred_label" not in run.samples.collect_schema()


def test_a_bad_prediction_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set.jsonl").write_text('{"label": "x"}\n')
    (tmp_path / "bad.jsonl").write_text("{\n")
    arguments = ["audit", str(tmp_path / "set.jsonl"), "--predictions", str(tmp_path / "bad.jsonl"), "--out"]
    assert run_command("curate", main_group, [*arguments, str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err.startswith(f"curate: error: {tmp_path / 'bad.jsonl'}: line 1 is not JSON")
    assert not (tmp_path / "r").exists()
