"""What happens to samples whose loss is no finite number: named, left out, and not for ever. Computes no loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from curate.base.errors import UserError

#: The file in the run folder with a line a batch that was left out.
LEFT_OUT = "left-out.jsonl"
_SHOWN = 4


class LeftOut:
    """The batches of a training that were left out.

    file: where each gets a line. limit: so many are left out before the training ends. advice: what to do then. note:
    told a line at each.
    """

    def __init__(self, file: Path, limit: int, advice: str, note: Callable[[str], None]) -> None:
        self._file, self._limit, self._advice, self._note = file, limit, advice, note
        self._batches = 0

    def add(self, step: int, names: Sequence[str], what: str) -> None:
        """A batch of these samples had a loss or gradient (`what`) that is no finite number.

        Raises UserError once there are more than the limit.
        """
        self._batches += 1
        self._write(step, names, what)
        if self._batches > self._limit:
            raise UserError(
                f"{self._batches} times the {what} of a batch was no finite number, the last at step {step} "
                f"({_told(names)}); {self._file} lists them. {self._advice}. The checkpoints before are in the run "
                "folder"
            )
        self._note(f"step {step}: the {what} of {_told(names)} is no finite number; left out")

    def note(self, step: int, names: Sequence[str]) -> None:
        """A batch of the validation set had no finite loss: its tokens don't count."""
        self._write(step, names, "validation loss")
        self._note(f"step {step}: the validation loss of {_told(names)} is no finite number; left out of the mean")

    def _write(self, step: int, names: Sequence[str], what: str) -> None:
        line = {"step": step, "what": what, "sample_ids": list(names)}
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def advice(dtype: str, has_bfloat16: bool, learning_rate: float) -> str:
    """What may help a training in this precision on this GPU. dtype: as torch names it, without `torch.`."""
    slower = f"a lower train.learning_rate (it is {learning_rate:g}; try {learning_rate / 3:.1g})"
    if dtype != "float16":
        return f"Look at these samples, and try {slower} or a lower train.max_grad_norm"
    if has_bfloat16:
        return (
            f"Numbers over 65,504 are infinite in float16: take model.dtype=bfloat16, which this GPU has, or {slower}"
        )
    return (
        f"float16 ends at 65,504, and this GPU has no bfloat16: try {slower}, or "
        "model.dtype=float32, which takes twice the memory"
    )


def _told(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
