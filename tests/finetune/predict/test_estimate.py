"""`finetune predict --dry-run`: what it says of a model that isn't loaded, and how labels limit answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from curate.base.terminal import run
from finetune.cli.main import main_group
from finetune.models.facts import layers, model_facts
from finetune.predict.estimate import least_hours
from finetune.predict.job import answer_limit


def test_twice_the_layers_or_half_the_batch_take_twice_as_long() -> None:
    lengths = [20] * 95 + [100] * 5
    once = least_hours(25_000, lengths, 36, 64)
    assert least_hours(25_000, lengths, 72, 64) == pytest.approx(2 * once)
    assert once < least_hours(25_000, lengths, 36, 32) < 2 * once  # the long ones are asked once a window
    assert least_hours(50_000, lengths, 36, 64) == pytest.approx(2 * once)


@pytest.mark.parametrize(("longest", "limit"), [(None, 512), (1, 64), (100, 160), (1000, 1504)])
def test_the_limit_is_half_as_much_again_as_the_longest_label(longest: int | None, limit: int) -> None:
    assert answer_limit(longest) == limit


def test_a_dry_run_asks_nothing_and_needs_no_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data = tmp_path / "model", tmp_path / "data"
    for folder in (model, data):
        folder.mkdir()
    (model / "config.json").write_text(json.dumps({"text_config": {"num_hidden_layers": 36}}))
    (model / "training.json").write_text(json.dumps({"answer_tokens": 100}))
    Image.new("RGB", (64, 64), "white").save(data / "a.png")
    rows = [{"image": "a.png", "label": "x ^ 2", "id": str(number)} for number in range(5)]
    (data / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert (layers(str(model)), model_facts(str(model)).answer_tokens) == (36, 100)
    command = ["predict", str(model), str(data / "d.jsonl"), "--out", str(tmp_path / "p.jsonl"), "--dry-run"]
    assert run("finetune", main_group, command) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == [
        "images    5, 0 rows without one left out",
        "answers   at most 160 tokens (--max-new-tokens)",
        "batches   32 images at first, at most 256 if memory allows (--batch-size)",
    ]
    assert told[3].startswith(
        "time      25,000 images take at least 0.00 to 0.01 h, for launching the kernels of 36 layers"
    )
    assert not (tmp_path / "p.jsonl").exists()
    assert run("finetune", main_group, [*command, "--server", "http://localhost:1"]) == 0
    assert "requests  8 at a time (--batch-size)" in capsys.readouterr().out
