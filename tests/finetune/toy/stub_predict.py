"""Predicts with the stub into a file, in the tests' own process or in one that is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stub_model import StubModel, StubProcessor, questions

from finetune.models.facts import ModelFacts
from finetune.predict.engines import Asking, Question
from finetune.predict.job import Asker, Predicted, predict_file
from finetune.settings.config import ModelConfig

ROWS, BATCH = 120, 4
PROMPT = "Read this."


class Rows:
    """Questions without a data set."""

    def __init__(self, number: int = ROWS) -> None:
        self._questions = questions(number)
        self.rows = [(row.sample_id, row.gt) for row in self._questions]

    def __len__(self) -> int:
        return len(self._questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self._questions)


def predict(
    path: Path,
    model: StubModel | None = None,
    *,
    rows: Rows | None = None,
    prompt: str = PROMPT,
    weights: str = "abc",
    data: dict[str, Any] | None = None,
    **asking: Any,
) -> Predicted:
    facts = ModelFacts("m", "folder", "m", None, False, {"name": "m", "sha256": weights})
    asker = Asker(facts, ModelConfig(), min_pixels=1, max_pixels=10**6, loaded=(model or StubModel(), StubProcessor()))
    asked = Asking(**{"batch_size": BATCH, "window": 40, **asking})
    return predict_file(asker, rows or Rows(), data or {"path": "d", "sha256": "1"}, prompt, path, asked)
