"""Estimates from measurements of a GPU, and the least time that kernel launches take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curate.base.errors import UserError
from finetune.models.shapes import ModelShape
from finetune.settings.config import load_config
from finetune.train.estimate import Estimate, estimate
from finetune.train.measured import read_measured

SHAPE = ModelShape((("mlp", 4, 100, 100),), (("mlp", 2, 50, 50),), 100, 4, 50, 2, 1000, 0, 4)


def _file(folder: Path, *lines: Any) -> Path:
    file = folder / "lease.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def _step(**more: Any) -> dict[str, Any]:
    return {"seconds": 2.0, "flop": 4e12, "launches": 1e5, "estimated_bytes": 100, "peak_bytes": 120, **more}


def test_constants_are_the_best_that_was_seen_and_the_worst_memory(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        {"block": "machine", "device": "NVIDIA H100"},
        {"block": "steps torch", "device": "NVIDIA H100", "steps": [
            _step(), _step(seconds=0.5, flop=1e11, peak_bytes=50), {"batch": 8, "error": "out of memory"}]},
        {"block": "steps none", "device": "NVIDIA H100", "ok": False, "error": "x"},
    )  # fmt: skip
    found = read_measured(file)
    assert (found.gpu, found.rate, found.launch, found.memory) == ("NVIDIA H100", 2e12, 5e-6, 1.2)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"block": "steps", "device": "cpu", "steps": [_step()]}], "was measured on a CPU"),
        ([{"block": "machine", "device": "NVIDIA H100"}], "has no measured steps"),
        ([{"block": "steps", "device": "X", "steps": [_step(seconds=0)]}], "has no measured steps"),
        ([[1], "text", 3], "has no measured steps"),
    ],
)
def test_other_files_are_refused_in_a_line(tmp_path: Path, lines: list[Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_measured(_file(tmp_path, *lines))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no JSON")
    for path, said in (
        (tmp_path / "x", "can't be read"),
        (tmp_path / "absent", "can't be read"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(UserError, match=said):
            read_measured(path)


def test_time_is_at_least_that_of_the_launches() -> None:
    small, large = Estimate({}, flop=1.0, launches=7.2e8), Estimate({}, flop=1e20, launches=1.0)
    assert small.hours("T4") == small.hours("H100") == pytest.approx(1.0)  # 5 µs each, on any GPU
    assert large.hours("T4") > large.hours("H100") > 1
    assert small.least(1.0, 1e-5) == pytest.approx(2.0)
    assert small.least(1.0, 1e-5, world=2) == pytest.approx(1.0)


def test_launches_are_of_batches_and_layers_and_not_of_samples() -> None:
    def launches(*settings: str, steps: int = 10) -> float:
        return estimate(SHAPE, load_config(None, settings), [(300, 200)] * 4, steps).launches

    once = launches("train.batch_size=2")
    assert launches("train.batch_size=1") == once
    assert launches("train.batch_size=2", steps=20) == 2 * once
    assert launches("train.batch_size=2", "train.accumulation=16") == 2 * once
    assert launches("model.checkpointing=none") < once
    assert launches("model.load_in_4bit=false") < once


def test_grouping_by_length_saves_padding_in_the_estimate() -> None:
    lengths = [(100 + 30 * (place % 50), 50) for place in range(400)]

    def flop(group: bool) -> float:
        config = load_config(None, ["train.batch_size=8", f"train.group_by_length={group}"])
        return estimate(SHAPE, config, lengths, 10).flop

    assert flop(True) < 0.9 * flop(False)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_vision_encoder_kept_in_32_bits_is_reckoned_so(dtype: str) -> None:
    def weights(*settings: str) -> float:
        return estimate(SHAPE, load_config(None, settings), [(300, 200)], 1).memory["weights"]

    assert weights(f"model.dtype={dtype}") - weights() >= 2 * 5000
