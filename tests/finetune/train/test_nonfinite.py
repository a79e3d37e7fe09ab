"""What is said when a loss isn't finite; it never blames the card. test_families covers leaving the batches out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.base.errors import UserError
from finetune.train.nonfinite import LeftOut, advice


@pytest.mark.parametrize(
    ("dtype", "has_bfloat16", "said", "unsaid"),
    [
        ("float16", False, "model.dtype=float32", "model.dtype=bfloat16"),
        ("float16", True, "model.dtype=bfloat16", "model.dtype=float32"),
        ("bfloat16", True, "max_grad_norm", "model.dtype"),
        ("float32", False, "max_grad_norm", "model.dtype"),
    ],
)
def test_the_advice_is_what_the_card_can_follow(dtype: str, has_bfloat16: bool, said: str, unsaid: str) -> None:
    told = advice(dtype, has_bfloat16, 1e-4)
    assert said in told
    assert unsaid not in told
    assert "(it is 0.0001; try 3e-05)" in told


def test_batches_are_listed_noted_and_counted(tmp_path: Path) -> None:
    notes: list[str] = []
    left = LeftOut(tmp_path / "left-out.jsonl", 1, "Do this", notes.append)
    left.add(3, ["a", "b"], "loss")
    left.note(4, [f"v{place}" for place in range(6)])
    assert notes == [
        "step 3: the loss of a, b is not finite; left out",
        "step 4: the validation loss of v0, v1, v2, v3 and 2 more is not finite; left out of the mean",
    ]
    with pytest.raises(UserError, match=r"the gradient of a batch was not finite 2 times, last at step 5 \(c\).*Do t"):
        left.add(5, ["c"], "gradient")
    lines = [json.loads(line) for line in (tmp_path / "left-out.jsonl").read_text().splitlines()]
    assert [(line["step"], line["what"]) for line in lines] == [(3, "loss"), (4, "validation loss"), (5, "gradient")]
