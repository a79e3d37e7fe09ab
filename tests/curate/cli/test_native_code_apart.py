"""Labels that crash native code, in every command: only a helper dies, one line names the label, the rest is done."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

import finetune
import rules
from curate.base.terminal import run
from curate.browse.dataset import fields
from curate.browse.deciding import state
from curate.browse.pictures import finding
from curate.browse.pictures.drawings import path_of
from curate.cli.main import main_group as curate
from curate.render import drawing, engine
from curate.runs.folder import load_run
from finetune.cli.main import main_group as finetuning
from rules.latex import visual_key
from rules.workers.pool import the_pool

pytestmark = pytest.mark.skipif(os.name != "posix", reason="starts no helpers there")

SABOTAGE = Path(__file__).resolve().parents[2] / "helpers" / "sabotage"
#: Too long to be judged in the command's own process, as `curate check` does with a few short labels.
LONG = " + x" * 150
LABELS = ["x^2", r"\frac{a}{b}", "y_1 + 2", r"\sqrt{z}"]
ENDS = {"crash": "its process ended (SIGSEGV)", "hang": "its process took over 2 s"}


def _not_here(*given: Any, **named: Any) -> Any:
    pytest.fail("a command gave a label to native code in its own process")


class _NoConverter:
    convert_with_local_state = _not_here


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Helpers crash or hang on labels that say so, and native code may only be used in helpers."""
    monkeypatch.setenv("PYTHONPATH", str(SABOTAGE))
    for place in ("rules.workers.spread.LIMIT", "curate.images.opening._LIMIT", "curate.export.write.pictures._LIMIT"):
        monkeypatch.setattr(place, 2.0)
    the_pool().close()
    monkeypatch.setattr(visual_key, "_converter", _NoConverter)
    monkeypatch.setattr(engine.mathra, "tex_to_svg", _not_here)
    monkeypatch.setattr(drawing.resvg_py, "svg_to_bytes", _not_here)
    yield
    the_pool().close()


def _rows(folder: Path, word: str, *, images: bool = False) -> Path:
    """A source with one label that kills the process that works on it."""
    folder.mkdir(exist_ok=True)
    path = folder / "set.jsonl"
    rows = []
    for place, label in enumerate([*LABELS, rf"\{word}{LONG}"]):
        row = {"id": f"r{place}", "latex": label}
        if images:
            row["image"] = f"{place}.png"
            pixels = Image.new("L", (60 + place, 40), 255)
            pixels.paste(0, (10, 10, 40 + place, 30))
            pixels.save(folder / row["image"])
        rows.append(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _predictions(folder: Path, word: str) -> Path:
    path = folder / "predictions.jsonl"
    rows = [
        {"sample_id": f"set/r{n}", "gt": label, "pred": label.replace("+ x", "+ 1", 1)}
        for n, label in enumerate([*LABELS, rf"\{word}{LONG}"])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _check(source: Path, out: Path) -> list[str]:
    return ["check", str(source), "--fail-on", "never"]


def _fix(source: Path, out: Path) -> list[str]:
    return ["fix", str(source), "--out", str(out), "--style", "canonical"]


def _audit(source: Path, out: Path) -> list[str]:
    return ["audit", str(source), "--out", str(out), "--no-cache"]


def _render(source: Path, out: Path) -> list[str]:
    return ["render", str(source), "--out", str(out), "--format", "svg"]


@pytest.mark.parametrize("word", ["crash", pytest.param("hang", marks=pytest.mark.long)])
@pytest.mark.parametrize("command", [_check, _fix, _audit, _render])
def test_a_command_over_labels_names_the_one_and_does_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Callable[[Path, Path], list[str]], word: str
) -> None:
    source = _rows(tmp_path / "data", word, images=command is _audit)
    code = run("curate", curate, command(source, tmp_path / "out"))
    told = capsys.readouterr()
    assert code == 0, told.err
    lines = [line for line in told.err.splitlines() if "could not" in line]
    assert lines, told.err
    assert all(ENDS[word] in line and rf"\{word}" in line for line in lines), told.err
    if command is _fix:
        assert (tmp_path / "out").read_text(encoding="utf-8").splitlines()[0] == '{"id": "r0", "latex": "x ^ { 2 }"}'
    elif command is _audit:
        samples = load_run(tmp_path / "out").samples.collect()
        assert samples.filter(pl.col("visual_key").is_null())["label"].to_list() == [rf"\{word}{LONG}"]
    elif command is _render:
        assert len(list((tmp_path / "out").iterdir())) == len(LABELS)


@pytest.mark.parametrize("word", ["crash", pytest.param("hang", marks=pytest.mark.long)])
def test_an_evaluation_counts_the_pair_as_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str) -> None:
    predictions = _predictions(tmp_path, word)
    assert run("finetune", finetuning, ["evaluate", str(predictions), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err
    assert rf"\{word}" in told
    assert ENDS[word] in told
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert written["n"] == len(LABELS) + 1
    assert written["cdm"] == 80.0


def test_what_reads_a_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run was made without sabotage; the label kills the process that reads it again."""
    run_folder = tmp_path / "run"
    source = _rows(tmp_path / "data", "crash", images=True)
    assert run("curate", curate, _audit(source, run_folder)) == 0
    predictions = str(_predictions(tmp_path, "crash"))
    for program, group, arguments in (
        ("curate", curate, ["export", str(run_folder), "--out", str(tmp_path / "set"), "--style", "canonical"]),
        ("curate", curate, ["findings", str(run_folder)]),
        ("curate", curate, ["diff", str(run_folder), str(run_folder)]),
        ("curate", curate, ["hashes", str(run_folder), "--out", str(tmp_path / "h.parquet")]),
        ("curate", curate, ["audit", str(source), "--out", str(tmp_path / "b"), "--predictions", predictions]),
        ("finetune", finetuning, ["evaluate", predictions, "--out", str(tmp_path / "e"), "--run", str(run_folder)]),
        ("finetune", finetuning, ["compare", predictions, predictions, "--out", str(tmp_path / "c.html")]),
    ):
        assert run(program, group, arguments) == 0, capsys.readouterr().err
        assert "error" not in capsys.readouterr().err, arguments


def test_the_library_isolates_where_it_is_asked_to() -> None:
    labels = [*LABELS, r"\crash"]
    with rules.isolated() as lost:
        found = rules.check(labels, samples=False)
        fixed = rules.fix(labels, style="canonical")["fixed"].to_list()
        keys = rules.visual_key(labels).to_list()
        scores = finetune.score([(label, label) for label in labels])
    assert found.filter(pl.col("row") == 4)["message"].to_list() == [
        f"texsieve could not judge this label: {ENDS['crash']}"
    ]
    assert fixed[0] == "x ^ { 2 }"
    assert fixed[4] == r"\crash"
    assert [key is None for key in keys] == [False] * 4 + [True]
    assert scores["n"] == 5
    assert {item.item if isinstance(item.item, str) else item.item[0] for _, item in lost} == {r"\crash"}


def test_an_edit_in_the_app_that_crashes_is_a_finding(tmp_path: Path) -> None:
    run_folder = tmp_path / "run"
    assert run("curate", curate, _audit(_rows(tmp_path / "data", "x"), run_folder)) == 0
    (ruleset, weights), opened = state.rules_of(load_run(run_folder)), load_run(run_folder)
    judged = state.judge(opened, {"set/r0": r"\crash"}, ruleset, weights)["set/r0"]
    assert ENDS["crash"] in judged.findings[0].message
    assert state.proposals([r"\crash"], ruleset) == {}


@pytest.mark.parametrize("word", ["crash", "hang"])
def test_a_picture_in_the_app_that_ends_its_painter_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(finding, "LIMIT", 8.0)  # it includes the start of a painter
    (tmp_path / "background.jsonl").write_text("", encoding="utf-8")
    labels = ["x", rf"\{word}", "y"]

    async def paint() -> None:
        painter = finding.Painter(tmp_path / "background.jsonl")
        await asyncio.gather(*(painter.paint(_drawing(tmp_path, label)) for label in labels))
        process = await painter.start()
        process.kill()
        await process.wait()

    asyncio.run(paint())
    widths = [Image.open(path_of(label, None, tmp_path)).width for label in labels]
    assert widths[1] == 840 > max(widths[0], widths[2])  # an image with an error message has this width


def _drawing(folder: Path, label: str) -> dict[str, Any]:
    path = str(path_of(label, None, folder))
    sample = {fields.RENDERED: path, fields.LABEL: label, fields.SOURCE: "s"}
    return finding.job("drawing", path, sample, {"drawings": str(folder), "roots": {}})
