"""Every command, with an internal error planted in each component in turn: it continues and names it in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from curate.base.terminal import run
from curate.cli.main import main_group as curate
from finetune.cli.main import main_group as finetuning
from rules.findings import Finding
from rules.registry import all_rules
from rules.workers import spread

LABELS = ["x^2", r"\Xi^\Xi + \frac12 x", "y_1 + 2", r"\frac{a}{b}"]
Monkey = pytest.MonkeyPatch


def _raising(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        if "Xi" in repr(given) + repr(named):
            raise OverflowError("planted")
        return real(*given, **named)

    return call


def _function(place: str) -> Callable[[Monkey], None]:
    def plant(monkeypatch: Monkey) -> None:
        module, _, name = place.rpartition(".")
        holder = import_module(module)
        monkeypatch.setattr(holder, name, _raising(getattr(holder, name)))

    return plant


def _rule(monkeypatch: Monkey) -> None:
    def judge(label: Any, options: Any) -> Iterator[Finding]:
        if "Xi" in label.text:
            raise OverflowError("planted")
        return iter(())

    monkeypatch.setitem(all_rules(), "SEM004", replace(all_rules()["SEM004"], judge=judge, sieve=pl.lit(True)))


def _sieve(monkeypatch: Monkey) -> None:
    sieve = pl.col("label").map_elements(_raising(bool), pl.Boolean)
    monkeypatch.setitem(all_rules(), "SEM004", replace(all_rules()["SEM004"], sieve=sieve))


def _rule_over_samples(monkeypatch: Monkey) -> None:
    def judge(samples: Any, options: Any) -> Any:
        raise OverflowError("planted")

    for rule in [rule for rule in all_rules().values() if rule.scope == "samples"]:
        monkeypatch.setitem(all_rules(), rule.code, replace(rule, judge=judge))


PLANTS: dict[str, Callable[[Monkey], None]] = {
    "a rule": _rule,
    "a sieve": _sieve,
    "all rules over samples": _rule_over_samples,
    "the reader": _function("rules.latex.reader.read"),
    "the key": _function("rules.latex.visual_key.mathml"),
    "the canonical form": _function("rules.latex.canonical.normal_form"),
    "the proof of fixes": _function("rules.engine._keep_key"),
    "the choice of fixes": _function("rules.fixing.choose"),
    "drawing": _function("curate.render.drawing.laid_out"),
    "the writing of a drawing": _function("curate.render.drawing._svg"),
    "the layout of a pair": _function("curate.pairs.features.layout_of"),
    "the metrics of strings": _function("finetune.metrics.strings._measured"),
    "cdm": _function("finetune.metrics.cdm.score"),
    "the alignment": _function("finetune.metrics.pairs.compare"),
    "unwrapping": _function("curate.predictions.unwrap.unwrap"),
}

#: The ones that `make test` plants: one of each kind.
SHORT = ("a rule", "a sieve", "all rules over samples", "drawing", "cdm", "unwrapping")


def _data(folder: Path) -> Path:
    folder.mkdir()
    rows = []
    for place, label in enumerate(LABELS):
        pixels = Image.new("L", (60 + place, 40), 255)
        pixels.paste(0, (10, 10, 40 + place, 30))
        pixels.save(folder / f"{place}.png")
        rows.append({"id": f"r{place}", "latex": label, "image": f"{place}.png"})
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    answers = [{"sample_id": f"set/r{place}", "gt": label, "pred": label + " x"} for place, label in enumerate(LABELS)]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers), encoding="utf-8")
    return folder


def _commands(data: Path, out: Path) -> list[list[str]]:
    source, answers, made = f"{data}/set.jsonl", f"{data}/answers.jsonl", str(out / "run")
    return [
        ["curate", "check", source],
        ["curate", "fix", source, "--out", f"{out}/fixed.jsonl", "--unsafe-fixes", "--style", "canonical"],
        ["curate", "render", source, "--out", f"{out}/drawn"],
        ["curate", "audit", source, "--out", made, "--no-cache"],
        ["curate", "audit", source, "--out", made, "--no-cache", "--update"],
        ["curate", "audit", source, "--out", f"{out}/b", "--no-cache", "--predictions", answers],
        ["curate", "audit", source, "--out", f"{out}/c", "--no-cache", "--against", made],
        ["curate", "findings", made],
        ["curate", "compare", made],
        ["curate", "diff", made, f"{out}/b"],
        ["curate", "hashes", made, "--out", f"{out}/hashes.parquet"],
        ["curate", "export", made, "--out", f"{out}/set", "--fix", "unsafe", "--style", "canonical"],
        ["finetune", "evaluate", answers, "--out", f"{out}/scores", "--run", made],
        ["finetune", "compare", answers, answers, "--out", f"{out}/page.html"],
    ]


@pytest.mark.parametrize(
    "plant", [plant if plant in SHORT else pytest.param(plant, marks=pytest.mark.long) for plant in PLANTS]
)
def test_every_command_goes_on_and_names_it(
    tmp_path: Path, monkeypatch: Monkey, capsys: pytest.CaptureFixture[str], faults_go_on: None, plant: str
) -> None:
    monkeypatch.setattr(spread, "POSSIBLE", False)  # a helper process would not have the planted error
    PLANTS[plant](monkeypatch)
    told: list[str] = []
    for program, *arguments in _commands(_data(tmp_path / "data"), tmp_path):
        code = run(program, curate if program == "curate" else finetuning, arguments)
        said = capsys.readouterr().err
        lines = [line for line in said.splitlines() if "a fault in texsieve" in line]
        told += lines
        assert code == 0, f"{plant}: {arguments}: {said}"
        assert len(lines) == len(set(lines)), said
        for line in lines:
            assert line.startswith(f"{program}: a fault in texsieve: ") or "can't be drawn" in line, line
        assert "Traceback" not in said
    assert told, f"{plant}: no command said anything"
