"""A result of scores, pages or pictures replaces only an earlier one of the same command, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.base.earlier_results import has_earlier_result
from curate.base.errors import UserError
from curate.base.terminal import run
from curate.cli.main import main_group as curate
from curate.predictions.rows import Prediction
from finetune.cli.main import main_group as finetune
from finetune.cli.prompts import PROMPTS_FILE, write
from finetune.compare.prompt_table import Asked, score_prompts
from finetune.settings.prompt_file import Prompt

REPLACED = "(replaced an earlier one)"


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"sample_id": "1", "gt": "x", "pred": "x"}) + "\n")
    return path


@pytest.fixture
def audited(tmp_path: Path) -> Path:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(json.dumps({"label": "x"}) + "\n")
    assert run("curate", curate, ["audit", str(labels), "--out", str(tmp_path / "run"), "--no-images"]) == 0
    return tmp_path / "run"


def test_scores(answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scores"
    command = ["evaluate", str(answers), "--out", str(out)]
    assert run("finetune", finetune, command) == 0
    assert REPLACED not in capsys.readouterr().out
    assert run("finetune", finetune, command) == 0
    assert capsys.readouterr().out.count(REPLACED) == 2
    assert run("finetune", finetune, [*command, "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["n"] == 1
    assert printed.err == f"finetune: {out} {REPLACED}\n"
    (out / "metrics.json").write_text('{"mine": 1}')
    assert run("finetune", finetune, command) == 2
    assert "metrics.json: already exists and doesn't look like a result of finetune evaluate" in capsys.readouterr().err
    assert (out / "metrics.json").read_text() == '{"mine": 1}'
    (out / "metrics.json").unlink()
    assert run("finetune", finetune, command) == 2
    assert "confusions.svg: already exists" in capsys.readouterr().err


def test_a_page_of_two_models(answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    command = ["compare", str(answers), str(answers), "--names", "a,b", "--no-cdm", "--out", str(page)]
    assert run("finetune", finetune, command) == 0
    assert REPLACED not in capsys.readouterr().out
    assert run("finetune", finetune, command) == 0
    assert f"report    {page} {REPLACED}" in capsys.readouterr().out
    page.write_text("<p>mine</p>")
    assert run("finetune", finetune, command) == 2
    assert "page.html: already exists and doesn't look like a result of finetune compare" in capsys.readouterr().err
    assert page.read_text() == "<p>mine</p>"
    page.write_text("")
    assert run("finetune", finetune, command) == 0


def test_a_page_of_two_runs(audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "diff.html"
    command = ["diff", str(audited), str(audited), "--page", str(page)]
    assert run("curate", curate, command) == 0
    assert REPLACED not in capsys.readouterr().out
    assert run("curate", curate, command) == 0
    assert f"page      {page} {REPLACED}" in capsys.readouterr().out
    assert run("curate", curate, [*command, "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert printed.err == f"curate: {page} {REPLACED}\n"
    page.write_bytes((audited / "report.html").read_bytes())
    assert run("curate", curate, command) == 2
    said = capsys.readouterr().err
    assert "doesn't look like a result of curate diff" in said
    assert "with --page" in said


def test_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, out = tmp_path / "labels.txt", tmp_path / "pictures"
    labels.write_text("x\ny\n")
    command = ["render", str(labels), "--out", str(out)]
    assert run("curate", curate, command) == 0
    assert run("curate", curate, command) == 0  # the same pictures, so nothing is lost
    first, *_ = sorted(out.iterdir())
    first.write_bytes(b"a photo")
    assert run("curate", curate, command) == 2
    said = capsys.readouterr().err
    assert f"{first}: already exists with other content" in said
    assert first.read_bytes() == b"a photo"


def test_scores_of_prompts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Prediction("1", "x", "x")]
    scores = score_prompts([Asked(Prompt("plain", "Read it"), rows, 0)])
    write(tmp_path, scores, {"texsieve": "0", "key_version": 1, "model": {}})
    before = (tmp_path / PROMPTS_FILE).read_bytes()
    (tmp_path / PROMPTS_FILE).write_text("[]")
    command = ["prompts", "model", "data", "--out", str(tmp_path), "--prompts", "none.yaml"]
    assert run("finetune", finetune, command) == 2
    assert f"{PROMPTS_FILE}: already exists" in capsys.readouterr().err
    (tmp_path / PROMPTS_FILE).write_bytes(before)
    assert (
        run("finetune", finetune, ["prompts", "model", "data", "--out", str(tmp_path), "--prompts", "none.yaml"]) == 2
    )
    assert "already exists" not in capsys.readouterr().err


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a regular file"):
        has_earlier_result("curate x", lambda _: True, Path("/dev/null"))
    with pytest.raises(UserError, match="is a folder"):
        has_earlier_result("curate x", lambda _: True, tmp_path)
