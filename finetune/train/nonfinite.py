"""Names and leaves out samples whose loss isn't finite, up to a limit. Computes no loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from curate.base.errors import UserError
from rules.toolkit.wording import listed

#: The file in the run folder with one line per batch that was left out.
LEFT_OUT = "left-out.jsonl"
_SHOWN = 4


class LeftOut:
    """The batches of a training that were left out.

    file: gets a line for each. limit: how many may be left out before the training ends. advice: what to do then. note:
    called with a line for each.
    """

    def __init__(self, file: Path, limit: int, advice: str, note: Callable[[str], None]) -> None:
        self._file, self._limit, self._advice, self._note = file, limit, advice, note
        self._batches = 0

    def add(self, step: int, names: Sequence[str], what: str) -> None:
        """Record a batch with these samples whose loss or gradient (`what`) wasn't finite.

        Raises UserError if there are more than the limit.
        """
        self._batches += 1
        self._write(step, names, what)
        if self._batches > self._limit:
            raise UserError(
                f"the {what} of a batch was not finite {self._batches} times, last at step {step} "
                f"({listed(names, _SHOWN)}); {self._file} lists them. {self._advice}. Earlier checkpoints are in the "
                "run folder"
            )
        self._note(f"step {step}: the {what} of {listed(names, _SHOWN)} is not finite; left out")

    def note(self, step: int, names: Sequence[str]) -> None:
        """Record a batch of the validation set without a finite loss, whose tokens don't count."""
        self._write(step, names, "validation loss")
        self._note(f"step {step}: the validation loss of {listed(names, _SHOWN)} is not finite; left out of the mean")

    def _write(self, step: int, names: Sequence[str], what: str) -> None:
        line = {"step": step, "what": what, "sample_ids": list(names)}
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def advice(dtype: str, has_bfloat16: bool, learning_rate: float) -> str:
    """Advice for a training in this precision on this GPU. dtype: torch's name, without `torch.`."""
    slower = f"a lower train.learning_rate (it is {learning_rate:g}; try {learning_rate / 3:.1g})"
    if dtype != "float16":
        return f"Look at these samples, and try {slower} or a lower train.max_grad_norm"
    if has_bfloat16:
        return f"Numbers over 65,504 are infinite in float16: use model.dtype=bfloat16, which this GPU has, or {slower}"
    return (
        f"Numbers over 65,504 are infinite in float16, and this GPU has no bfloat16: try {slower}, or "
        "model.dtype=float32, which takes twice the memory"
    )
