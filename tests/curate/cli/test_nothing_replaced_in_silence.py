"""A result of scores, pages or pictures replaces only an earlier one of the same command, and says so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from curate.base.earlier_results import has_earlier_result
from curate.base.errors import UserError
from curate.base.terminal import run
from curate.cli.main import main_group as curate
from curate.predictions.rows import Prediction
from finetune.cli.main import main_group as finetune
from finetune.cli.prompts import PROMPTS_FILE, check_unwrapped, unwrapped_file, write
from finetune.compare.prompt_table import Asked, as_json, score_prompts
from finetune.predict.engines import Answer
from finetune.predict.file import PredictionFile
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
    labels, out = tmp_path / "mine" / "labels.txt", tmp_path / "pictures"
    labels.parent.mkdir()
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


def test_unwrapped_answers_are_replaced_if_they_are_of_this_command(tmp_path: Path) -> None:
    asked = ["plain", "page"]
    file, other = (unwrapped_file(tmp_path, name) for name in asked)
    check_unwrapped(tmp_path, asked)  # nothing is there
    file.write_text('{"sample_id": "1", "gt": "x", "pred": "mine"}\n')
    with pytest.raises(UserError, match=r"plain\.unwrapped\.jsonl: already exists and doesn't look like a result"):
        check_unwrapped(tmp_path, asked)
    file.write_text("")
    check_unwrapped(tmp_path, asked)
    scores = score_prompts([Asked(Prompt("plain", "Read it"), [Prediction("1", "x", "$$x$$")], 0)])
    write(tmp_path, scores, {"texsieve": "0", "key_version": 1, "model": {}, **as_json(scores)})
    check_unwrapped(tmp_path, asked)
    other.write_text("mine")
    with pytest.raises(UserError, match=r"page\.unwrapped\.jsonl: already exists"):
        check_unwrapped(tmp_path, asked)
    # Of a prompt that the last call left out: they can be made again from the answers.
    other.write_text('{"sample_id": "1", "gt": "x", "pred": "x"}\n')
    (tmp_path / "page.jsonl").write_text('{"sample_id": "1", "gt": "x", "pred": "$$x$$"}\n')
    check_unwrapped(tmp_path, asked)
    (tmp_path / "page.jsonl").write_text('{"sample_id": "1", "gt": "x", "pred": "$$y$$"}\n')
    with pytest.raises(UserError, match=r"page\.unwrapped\.jsonl: already exists"):
        check_unwrapped(tmp_path, asked)


def test_the_scores_of_prompts_are_there_before_the_files_they_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a command that was stopped between them would take its own files for the user's."""
    scores = score_prompts([Asked(Prompt("plain", "Read it"), [Prediction("1", "x", "x")], 0)])

    def stopped(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("finetune.cli.prompts.unwrapped_text", stopped)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, scores, {"texsieve": "0", "key_version": 1, "model": {}, **as_json(scores)})
    unwrapped_file(tmp_path, "plain").write_text("half of it")
    check_unwrapped(tmp_path, ["plain"])


def test_the_facts_of_predictions(tmp_path: Path) -> None:
    path, facts = tmp_path / "pred.jsonl", tmp_path / "pred.jsonl.run.json"
    facts.write_text('{"mine": 1}')
    for text in (None, ""):
        if text is not None:
            path.write_text(text)
        with pytest.raises(UserError, match=r"pred\.jsonl\.run\.json: already exists and doesn't look like a result"):
            PredictionFile(path, [("1", "x")], {"model": {}, "prompt": "?"}).__enter__()
        assert facts.read_text() == '{"mine": 1}'
    facts.unlink()
    with PredictionFile(path, [("1", "x")], {"model": {}, "prompt": "?"}) as file:
        file.add([Answer("1", "x", "x")])
    path.unlink()  # as the messages advise
    with PredictionFile(path, [("1", "x")], {"model": {}, "prompt": "!"}) as file:
        file.add([Answer("1", "x", "y")])
    assert json.loads(facts.read_text())["prompt"] == "!"


def test_a_cut_line_of_other_predictions_stays(tmp_path: Path) -> None:
    path = tmp_path / "pred.jsonl"
    with PredictionFile(path, [("1", "x")], {"model": {}, "prompt": "?"}) as file:
        file.add([Answer("1", "x", "x")])
    edited = path.read_bytes().rstrip(b"\n")
    path.write_bytes(edited)
    with pytest.raises(UserError, match="is from a different prediction"):
        PredictionFile(path, [("1", "x")], {"model": {}, "prompt": "!"}).__enter__()
    assert path.read_bytes() == edited


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}))
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(tmp_path / "base"), "peft_type": "LORA", "r": 8, "lora_alpha": 8})
    )
    (folder / "adapter_model.safetensors").write_bytes(b"x" * 100)
    return folder


def test_the_card_of_a_model(adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name for path in adapter.iterdir()}
    for said in ("", f" {REPLACED}"):
        assert run("finetune", finetune, ["card", str(adapter)]) == 0
        assert capsys.readouterr().out == f"card      {adapter / 'README.md'}{said}\n"
    assert {path.name for path in adapter.iterdir()} == before | {"README.md"}
    # Another program trained it, nobody knows how: the defaults of texsieve are not told as its settings.
    card = (adapter / "README.md").read_text()
    assert "Not known: the model came without training.json." in card
    assert not any(
        word in card for word in ("Trained with", "802,816", "## Settings", "in 4 bits", "It was not trained")
    )
    (adapter / "README.md").write_text("---\nlibrary_name: peft\n---\n# Mine\n")
    assert run("finetune", finetune, ["card", str(adapter)]) == 2
    assert "README.md: already exists and doesn't look like a result of finetune card" in capsys.readouterr().err
    assert (adapter / "README.md").read_text().endswith("# Mine\n")


def test_the_scores_in_a_models_folder(
    answers: Path, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("finetune", finetune, ["evaluate", str(answers), "--out", str(tmp_path / "scores"), "--no-cdm"]) == 0
    command = ["card", str(adapter), "--metrics", str(tmp_path / "scores" / "metrics.json")]
    for _ in range(2):
        assert run("finetune", finetune, command) == 0
    (adapter / "metrics.json").write_text('{"mine": 1}')
    (adapter / "README.md").unlink()
    assert run("finetune", finetune, command) == 2
    assert "metrics.json: already exists and doesn't look like a result" in capsys.readouterr().err
    assert (adapter / "metrics.json").read_text() == '{"mine": 1}'
    assert not (adapter / "README.md").exists()


def test_an_update_keeps_what_somebody_put_into_the_run(audited: Path, tmp_path: Path) -> None:
    (audited / "notes.txt").write_text("mine")
    (audited / "dataset" / "images").mkdir(parents=True)
    (audited / "dataset" / "images" / "1.png").write_bytes(b"\x89PNG")
    (audited / "dataset" / "latest").symlink_to("images")
    (audited / "nothing").symlink_to("nowhere")
    before = (audited / "summary.json").stat().st_ino
    command = ["audit", str(tmp_path / "labels.jsonl"), "--out", str(audited), "--no-images", "--update"]
    assert run("curate", curate, command) == 0
    assert (audited / "summary.json").stat().st_ino != before
    assert (audited / "notes.txt").read_text() == "mine"
    assert (audited / "dataset" / "latest" / "1.png").read_bytes() == b"\x89PNG"
    assert (audited / "dataset" / "latest").is_symlink()
    assert (audited / "nothing").is_symlink()


def test_a_folder_with_the_name_of_an_exports_working_folder(audited: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.part" / "data").mkdir(parents=True)
    (tmp_path / ".out.part" / "data" / "mine.txt").write_text("mine")
    out = str(tmp_path / "out")
    assert run("curate", curate, ["export", str(audited), "--out", out, "--allow-no-image"]) == 2
    assert (tmp_path / ".out.part" / "data" / "mine.txt").read_text() == "mine"
    (tmp_path / ".out.part" / "mine.txt").write_text("mine")
    assert run("curate", curate, ["export", str(audited), "--out", out, "--allow-no-image"]) == 2
    assert (tmp_path / ".out.part" / "mine.txt").read_text() == "mine"


ENTRY = '{"texsieve": "0", "when": "", "before": "", "after": "", "samples": [], "edits": []}\n'


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("my notes", "line 1 is not JSON"),
        ('{"texsieve": 1}\n', "line 1 is not an entry of `curate fix`"),
        ('{"id": 1, "label": "x"}\n{"id"', "line 1 is not an entry"),
        (ENTRY + "[1]\n", "line 2 is not an entry"),
        (ENTRY + '{"id": 1}', "line 2 is not an entry"),  # without a line break, yet no part of an entry
        (ENTRY.rstrip() + "\n" + "[" * 9999 + "\n", "line 2 is not JSON"),
        (None, "is a pipe, not a file"),
    ],
)
def test_a_journal_of_something_else(
    tmp_path: Path, held: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, journal = tmp_path / "labels.txt", tmp_path / ".texsieve" / "labels.txt.fixes.jsonl"
    journal.parent.mkdir()
    if held is None:
        os.mkfifo(journal)
    else:
        journal.write_text(held)
    labels.write_text("\\frac {a}{b} x \\n\n\\sqrt{x\u00b2}\n")
    assert run("curate", curate, ["fix", str(labels), "--in-place", "--unsafe-fixes"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{journal}: {said}" in line
    assert labels.read_text() == "\\frac {a}{b} x \\n\n\\sqrt{x\u00b2}\n"
    if held is not None:
        assert journal.read_text() == held
        assert run("curate", curate, ["fix", str(labels), "--undo"]) == 2
        assert journal.read_text() == held


def test_a_killed_writers_line_is_cut_off(tmp_path: Path) -> None:
    labels, journal = tmp_path / "labels.txt", tmp_path / ".texsieve" / "labels.txt.fixes.jsonl"
    journal.parent.mkdir()
    for part in (ENTRY[:5], ENTRY[:40]):
        journal.write_text(part)
        labels.write_text("\\sqrt{x\u00b2}\n")
        assert run("curate", curate, ["fix", str(labels), "--in-place", "--unsafe-fixes"]) == 0
        assert len(journal.read_text().splitlines()) == 1
        assert json.loads(journal.read_text())["edits"]


@pytest.mark.parametrize("kind", ["file", "pipe", "device"])
def test_a_path_is_called_what_it_is(tmp_path: Path, answers: Path, kind: str) -> None:
    path = tmp_path / "given"
    if kind == "file":
        path.write_text("x")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    given, out, predictions = str(path), str(tmp_path / "out"), str(answers)
    commands = [
        *(["findings", given], ["compare", given], ["export", given, "--out", out], ["export", "--check", given]),
        *(["hashes", given, "--out", out], ["diff", given, given], ["browse", given]),
    ]
    commands_of_finetune = [
        *(["card", given], ["merge", given, "--out", out], ["evaluate", predictions, "--run", given]),
        *(["evaluate", predictions, "--out", given], ["predict", given, "data", "--out", out]),
        ["compare", predictions, predictions, "--images", given, "--out", out],
    ]
    for group, name, some in ((curate, "curate", commands), (finetune, "finetune", commands_of_finetune)):
        for command in some:
            found = CliRunner().invoke(group, command)
            said = str(found.exception) if isinstance(found.exception, UserError) else found.output
            assert f"{path}: is a {kind}, not a folder" in said, (name, command, said)


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="/dev/null: is a device, not a file"):
        has_earlier_result("curate x", lambda _: True, Path("/dev/null"))
    with pytest.raises(UserError, match="is a folder"):
        has_earlier_result("curate x", lambda _: True, tmp_path)
