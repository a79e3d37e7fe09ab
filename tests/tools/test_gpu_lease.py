"""`gpu_check.py --lease`: every block runs, here on a CPU with toy shapes, and its lines name the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from extra import require_finetune

from curate.base.errors import UserError
from finetune.train.measured import read_measured

pytestmark = pytest.mark.finetune
ROOT = Path(__file__).resolve().parents[2]


def _leased(file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    settings = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TMPDIR": str(file.parent)}
    command = [sys.executable, str(ROOT / "tools" / "gpu_check.py"), "--lease", str(file), *more]
    environment = {name: value for name, value in os.environ.items() if name != "UNSLOTH_ALLOW_CPU"}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=file.parent, env={**environment, **settings}, check=False
    )


def _lines(file: Path) -> dict[str, dict[str, Any]]:
    return {line["block"]: line for line in map(json.loads, file.read_text(encoding="utf-8").splitlines())}


def test_every_block_runs_with_toy_shapes(tmp_path: Path) -> None:
    require_finetune()
    made = _leased(tmp_path / "lease.jsonl", "--tiny", "--minutes", "30")
    lines = _lines(tmp_path / "lease.jsonl")
    failed = {name: line for name, line in lines.items() if not line["ok"]}
    assert not failed, f"{failed}\n{made.stderr[-3000:]}"
    assert made.returncode == 0
    assert list(lines) == [
        "machine", "load", "finite bfloat16", "finite float16", "steps unsloth", "steps torch", "steps none",
        "attention", "generate", "batches", "turns", "resume", "merge",
    ]  # fmt: skip
    assert {line["device"] for line in lines.values()} == {"cpu"}
    assert lines["machine"]["shapes"] == "toy"
    assert lines["machine"]["gpus"] == []
    assert len(lines["steps torch"]["steps"]) == 2
    assert all(step["seconds"] > 0 and step["estimated_bytes"] > 0 for step in lines["steps torch"]["steps"])
    assert lines["resume"]["largest_difference"] == 0
    assert lines["merge"]["of"] == 4
    assert not any(path.name.startswith("gpu-lease-") for path in tmp_path.iterdir())  # nothing large is left
    with pytest.raises(UserError, match="was measured on a CPU"):  # no estimate of a GPU may use it
        read_measured(tmp_path / "lease.jsonl")


def test_what_there_is_no_time_for_is_written_as_left_out(tmp_path: Path) -> None:
    made = _leased(tmp_path / "lease.jsonl", "--tiny", "--minutes", "0")
    assert made.returncode == 1
    lines = _lines(tmp_path / "lease.jsonl")
    assert {line["ok"] for line in lines.values()} == {None}
    assert len(lines) == 13
    assert "0 blocks passed; left out: machine, load" in made.stdout


def test_without_a_gpu_the_real_shapes_are_not_made(tmp_path: Path) -> None:
    require_finetune()
    made = _leased(tmp_path / "lease.jsonl", "--minutes", "0.001")
    assert made.returncode == 1
    assert "no GPU to train on" in _lines(tmp_path / "lease.jsonl")["machine"]["error"]


def test_the_list_says_what_each_block_settles() -> None:
    command = [sys.executable, str(ROOT / "tools" / "gpu_check.py"), "--list"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(made.stdout.splitlines()) == 13
    assert "finite float16   the same in float16, as on a T4, with the vision encoder in 32 bits" in made.stdout
