"""Reads the measurements of `gpu_check.py --lease`: constants for estimates of time and memory. Measures nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.base.errors import UserError
from curate.base.given_files import read_text


@dataclass(frozen=True)
class Measured:
    """The measurements of one GPU with the shapes of the real model.

    rate: floating-point operations per second in the largest steps. launch: seconds per kernel launch in the smallest.
    memory: the largest ratio of measured to estimated bytes of a step; None if memory wasn't measured.
    """

    gpu: str
    rate: float
    launch: float
    memory: float | None


def read_measured(path: Path) -> Measured:
    """The constants in a file of `gpu_check.py --lease`.

    Raises UserError for a file that can't be read, holds no steps, or was written on a CPU.
    """
    try:
        lines = [json.loads(line) for line in read_text(path).splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read as the lines of gpu_check.py --lease: {error}") from error
    steps = [step for line in lines if isinstance(line, dict) for step in _steps(line)]
    if not steps:
        raise UserError(f"{path}: has no measured steps; gpu_check.py --lease writes them")
    gpu = str(steps[0]["device"])
    if any(step["device"] == "cpu" for step in steps):
        raise UserError(f"{path}: was measured on a CPU, so it says nothing about a GPU")
    memory = [step["peak_bytes"] / step["estimated_bytes"] for step in steps if step.get("peak_bytes")]
    return Measured(
        gpu,
        max(step["flop"] / step["seconds"] for step in steps),
        min(step["seconds"] / step["launches"] for step in steps),
        max(memory, default=None),
    )


def _steps(line: dict[str, Any]) -> list[dict[str, Any]]:
    """The timed steps, with the device on which they ran."""
    found = line.get("steps")
    if not isinstance(found, list):
        return []
    needed = ("seconds", "flop", "launches", "estimated_bytes")
    return [
        {**step, "device": line.get("device")}
        for step in found
        if isinstance(step, dict) and all(isinstance(step.get(name), int | float) and step[name] > 0 for name in needed)
    ]
