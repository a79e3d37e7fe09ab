"""Labels and images that crash or hang native code, in each kind of work: found and named, and the rest continues."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

import rules
from curate.export.write.pictures import PictureSettings, Studio, make, not_made
from curate.images.opening import probe
from curate.pairs.features import describe
from curate.render import RenderError, render_many, render_to_folder
from finetune.metrics import cdm
from rules import engine, fixing
from rules.registry import lost
from rules.workers.pool import the_pool
from rules.workers.spread import isolated

pytestmark = pytest.mark.skipif(os.name != "posix", reason="starts no helpers there")

ROOT = Path(__file__).resolve().parents[3]
SABOTAGE = ROOT / "tests" / "helpers" / "sabotage"
WHY = {"hang": "its process took over 4 s", "crash": "its process ended (SIGSEGV)"}


@pytest.fixture
def sabotaged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Helpers crash or hang on items that say so; this process isolates its work."""
    monkeypatch.setenv("PYTHONPATH", str(SABOTAGE))
    for place in ("rules.workers.spread.LIMIT", "curate.images.opening._LIMIT", "curate.export.write.pictures._LIMIT"):
        monkeypatch.setattr(place, 4.0)
    the_pool().close()
    with isolated():
        yield
    the_pool().close()


def labels(word: str) -> list[str]:
    return [*(f"x^{{{n}}}" for n in range(30)), rf"\{word}", *(f"y_{n}" for n in range(30))]


@pytest.mark.parametrize("word", ["hang", "crash"])
def test_a_label_that_ends_what_judges_it_has_one_finding(sabotaged: None, word: str) -> None:
    given = labels(word)
    judged = engine.judge(given, check_fixes=True)
    good = [label for label in given if label != rf"\{word}"]
    assert judged.labels["label"].to_list() == given
    assert judged.labels.filter(pl.col("label") != rf"\{word}").equals(engine.judge(good).labels)
    row = judged.labels.row(30, named=True)
    assert (row["canonical"], row["visual_key"], row["n_tokens"], row["score"]) == (None, None, 0, None)
    (finding,) = judged.findings.filter(pl.col("row") == 30).to_dicts()
    assert (finding["rule"], finding["severity"]) == (lost().code, "warning")
    assert finding["message"] == f"texsieve could not judge this label: {WHY[word]}"
    assert engine.judge([rf"\{word}"], rules.select(["SYN"])).findings["rule"].to_list() == [lost().code]


def test_a_label_that_ends_what_fixes_it_stays_as_it_is(sabotaged: None) -> None:
    given = ["x^2", r"\crash", "y_3"]
    fixed = fixing.fix(given, rules.select(profile="canonical"), style="canonical")
    assert fixed["fixed"].to_list() == ["x ^ { 2 }", r"\crash", "y _ { 3 }"]
    assert fixed.row(1, named=True)["reasons"] == ["ended-process"]


@pytest.mark.parametrize("word", ["hang", "crash"])
def test_a_label_that_ends_what_draws_it_is_not_drawn(sabotaged: None, word: str, tmp_path: Path) -> None:
    given = labels(word)
    drawn = dict(render_many(given, scale=0.5))
    assert [n for n, picture in drawn.items() if isinstance(picture, RenderError)] == [30]
    assert str(drawn[30]) == f"not drawn: {WHY[word]}"
    report = render_to_folder(["x", rf"\{word}", "y"], tmp_path, "svg")
    assert report.failed == [("0002", f"not drawn: {WHY[word]}")]
    assert len(report.written) == 2


@pytest.mark.parametrize("word", ["hang", "crash"])
def test_an_image_that_ends_what_opens_it_is_measured_as_none(sabotaged: None, word: str, tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(90)]
    names[70] = f"{word}.png"
    for name in names:
        Image.new("L", (40, 30)).save(tmp_path / name)
    for workers in (1, 2):
        found = probe(tmp_path, names, measures=True, workers=workers)
        assert found["image"].to_list() == names
        assert found["width"].null_count() == 1
        assert found["error"].to_list()[70] == f"not measured: {WHY[word]}"
    made = partial(make, shape=PictureSettings("none", "none", 28, 10**6))
    done = list(Studio(images=90, workers=1).work(made, names, lambda name: (tmp_path, name), not_made))
    assert {name: made.error for name, made in done if made and made.error} == {names[70]: f"not made: {WHY[word]}"}


@pytest.mark.parametrize("word", ["hang", "crash"])
def test_a_pair_that_ends_what_compares_it_scores_nothing(sabotaged: None, word: str) -> None:
    pairs = [(label, label) for label in labels(word)]
    assert cdm.score_all(pairs) == [0.0 if label == rf"\{word}" else 1.0 for label, _ in pairs]


def test_a_label_that_ends_what_lays_it_out_counts_as_empty(sabotaged: None) -> None:
    found = describe(labels("crash"))
    assert found.base.shape == (61, 8)
    assert found.base[30].tolist() == describe([""]).base[0].tolist()


def test_a_command_says_what_it_lost_and_counts_it(tmp_path: Path) -> None:
    source = tmp_path / "s.txt"
    source.write_text("\n".join(labels("crash")) + "\n", encoding="utf-8")

    def curate(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "curate.cli.main", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(SABOTAGE)},
            capture_output=True,
            text=True,
            check=False,
        )

    # A few short labels are judged in the command's own process, which the sabotage spares; long ones are not.
    assert curate("check", "--latex", r"\crash").stderr == ""
    assert "SIGSEGV" in curate("check", "--latex", r"\crash" + " x" * 300).stdout
    audited = curate("audit", str(source), "--out", str(tmp_path / "run"))
    assert audited.returncode == 0, audited.stderr
    assert audited.stderr.splitlines()[-2:] == [  # the second line comes from the report
        rf"curate: could not {to} 1 item; of the first, \crash, its process ended (SIGSEGV)" for to in ("judge", "show")
    ]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    (counted,) = [rule for rule in summary["rules"] if rule["rule"] == lost().code]
    assert counted["findings"] == 1
    samples = pl.read_parquet(tmp_path / "run" / "samples.parquet")
    assert samples.filter(pl.col("visual_key").is_null())["label"].to_list() == [r"\crash"]


def test_an_evaluation_counts_the_answer_that_ends_what_draws_it_as_wrong(tmp_path: Path) -> None:
    rows = [{"sample_id": str(n), "gt": f"x^{{{n}}}", "pred": f"x_{{{n}}}"} for n in range(30)]
    rows[7]["pred"] = r"\crash"
    file = tmp_path / "pred.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from finetune.cli.main import main; main()", "evaluate", str(file), "--out", "scores"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{SABOTAGE}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.partition(";")[0] for line in done.stderr.splitlines()] == [
        f"finetune: could not {to} 1 item" for to in ("judge", "draw and compare")
    ]
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["n"] == 30
