"""The page of samples at an evaluation, with image, drawn truth and drawn prediction. Asks no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from curate.report.markup import code
from curate.report.pictures import PagePicture, Pictures, of_image
from curate.report.template import open_template
from finetune.predict.engines import Answer
from rules import visual_key

_HERE = Path(__file__).parent


def build(step: int, loss: float | None, answers: Sequence[Answer], images: Mapping[str, Image.Image]) -> bytes:
    """The page as bytes. loss: on the validation set. images: by sample id, as the model saw them.

    It is a single file that loads nothing, and every string from the data is escaped.
    """
    drawn = Pictures(label for answer in answers for label in (answer.gt, answer.pred))
    right = look_alike(answers)
    cards = [
        {
            "sample_id": answer.sample_id,
            "right": same,
            "runaway": answer.runaway,
            "image": _image(answer.sample_id, images.get(answer.sample_id)),
            "truth": drawn.of_label(answer.gt),
            "prediction": drawn.of_label(answer.pred),
            "truth_code": code(answer.gt),
            "prediction_code": code(answer.pred),
        }
        for answer, same in zip(answers, right, strict=True)
    ]
    template, fixed = _template()
    found = {
        "step": step,
        "loss": loss,
        "cards": cards,
        "right": sum(right),
        "outlines": drawn.outlines,
    }
    page = template.render({**fixed, **found})
    return page.encode("utf-8", "replace")


def look_alike(answers: Sequence[Answer]) -> list[bool]:
    """Whether each prediction looks like its truth: equal visual keys, or equal text."""
    truths, predictions = visual_key([row.gt for row in answers]), visual_key([row.pred for row in answers])
    return [
        row.gt.strip() == row.pred.strip() or (truth is not None and truth == prediction)
        for row, truth, prediction in zip(answers, truths, predictions, strict=True)
    ]


def _image(sample_id: str, image: Image.Image | None) -> PagePicture:
    if image is None:
        return PagePicture(problem="Not shown.")
    return of_image(Path(), sample_id, lambda root, ref: image)


@lru_cache(maxsize=1)
def _template() -> tuple[jinja2.Template, dict[str, Any]]:
    return open_template(_HERE / "samples.html")
