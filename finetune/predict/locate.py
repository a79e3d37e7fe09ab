"""Reads pages: asks a model where the formulas are, cuts them out, and asks it to read each. Loads no model.

PRED.boxes.jsonl has the answers to the first question, PRED.crops.jsonl the readings of the crops. Both are prediction
files that can be continued. PRED.jsonl has one row per page: its formulas, joined by `\\\\`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from curate.base.atomic_files import new_text
from curate.base.errors import UserError
from curate.images.model_ready import Resize
from curate.predictions.rows import read_predictions
from curate.predictions.unwrap import unwrap
from finetune.data.pairs import picture
from finetune.models.families import Coordinates
from finetune.predict.boxes import boxes_in, in_pixels, seen_sizes
from finetune.predict.engines import Answerer, Asking, Question, Rows
from finetune.predict.file import check_facts_place, facts_file, read_facts
from finetune.predict.job import Predicted, Progress, predict_file

PROMPT = (
    'Locate every formula in this image. Answer in JSON: a list of objects with "bbox_2d", which is [x1, y1, x2, y2].'
)
#: The margin around a box, relative to its shorter side: boxes cut off the tips of letters.
_MARGIN = 0.1


@dataclass(frozen=True)
class Located:
    """The results for some pages. read: the prediction of the crops. left_out: boxes by reason. whole: pages without a
    usable box, which were read as a whole.
    """

    path: Path
    pages: int
    boxes: int
    whole: int
    read: Predicted
    left_out: Mapping[str, int] = field(default_factory=dict)


class Crops:
    """Parts of pages as questions. pages: the whole images. boxes: of each page, in its pixels; none: all of it. Pages
    that `boxes` doesn't name have no parts."""

    def __init__(self, pages: Rows, boxes: Mapping[str, Sequence[tuple[int, int, int, int]]], resize: Resize) -> None:
        self._pages, self._resize = pages, resize
        self._boxes = boxes
        self.rows = [(name, "") for page, _ in pages.rows if page in boxes for name, _ in self.of(page)]

    def of(self, page: str) -> list[tuple[str, tuple[int, int, int, int] | None]]:
        """The ids of the parts of a page, and their places."""
        return [(f"{page}#{n}", box) for n, box in enumerate(self._boxes[page], 1)] or [(f"{page}#0", None)]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Question]:
        for page in self._pages:
            if page.sample_id not in self._boxes:
                continue
            for name, box in self.of(page.sample_id):
                box = None if box is None else _with_margin(box, page.size)
                size = page.size if box is None else (box[2] - box[0], box[3] - box[1])
                yield Question(name, "", partial(self._open, page, box), size)

    def _open(self, page: Question, box: tuple[int, int, int, int] | None) -> Image.Image:
        image = page.load()
        return picture(image if box is None else image.crop(box), self._resize)


def _with_margin(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    margin = max(round(_MARGIN * min(right - left, bottom - top)), 2)
    return max(left - margin, 0), max(top - margin, 0), min(right + margin, size[0]), min(bottom + margin, size[1])


def predict_pages(
    asker: Answerer,
    pages: Rows,
    originals: Rows,
    data: dict[str, Any],
    prompt: str,
    path: Path,
    asking: Asking,
    *,
    coordinates: Coordinates,
    resize: Resize,
    max_pixels: int,
    progress: Progress = lambda stage, done, of: None,
) -> Located:
    """Write the formulas of the pages to `path`, and PRED.boxes.jsonl and PRED.crops.jsonl next to it.

    pages: as the model sees them. originals: the same in full size, from which formulas are cut. max_pixels: the
    largest size to which the processor of the model scales images. For the others, see `predict_file`.

    Raises UserError as `predict_file` does.
    """
    check_facts_place(path)
    if path.exists() and path.stat().st_size and "located_by" not in (read_facts(path) or {}):
        raise UserError(f"{path}: already exists, and is not a prediction of pages; name a different --out")
    asked, crops = (path.parent / f"{path.stem}.{kind}.jsonl" for kind in ("boxes", "crops"))
    located = predict_file(asker, pages, data, PROMPT, asked, asking, progress=_stage(progress, "find"))
    sizes = {page.sample_id: page.size for page in originals if page.sample_id not in located.unopened}
    seen = dict(zip(sizes, seen_sizes(list(sizes.values()), resize, max_pixels), strict=True))
    left_out: Counter[str] = Counter()
    boxes = {}
    for row in read_predictions(asked):
        found, bad = boxes_in(row.pred)
        boxes[row.sample_id], outside = in_pixels(found, coordinates, sizes[row.sample_id], seen[row.sample_id])
        left_out += bad + outside
    parts = Crops(originals, boxes, resize)
    facts = {**data, "boxes": {"sha256": _sha256(boxes), "coordinates": coordinates}}
    _check_crops(crops, asked, facts["boxes"])
    read = predict_file(asker, parts, facts, prompt, crops, asking, progress=_stage(progress, "read"))
    said = {"model": asker.identity(), "data": facts, "prompt": prompt, "located_by": PROMPT}
    # First: without it, the file would be another program's.
    new_text(facts_file(path), json.dumps(said, ensure_ascii=False, indent=1) + "\n")
    _join(path, [(page, gt) for page, gt in pages.rows if page in boxes], pages, parts, crops)
    whole = sum(not some for some in boxes.values())
    read = replace(read, unopened={**located.unopened, **read.unopened})
    return Located(path, len(boxes), sum(map(len, boxes.values())), whole, read, dict(left_out))


def _check_crops(crops: Path, asked: Path, boxes: Mapping[str, Any]) -> None:
    """Raises UserError if earlier readings are those of other boxes, such as before a page was mended."""
    earlier = ((read_facts(crops) or {}).get("data") or {}).get("boxes") or boxes
    if earlier != boxes and crops.exists() and crops.stat().st_size:
        raise UserError(
            f"{crops}: has readings of other boxes than {asked.name} has now. Remove {crops.name} to read the "
            f"formulas again ({asked.name} is kept, so no page is asked again), or name a different --out"
        )


def _join(path: Path, rows: Sequence[tuple[str, str]], pages: Rows, parts: Crops, crops: Path) -> None:
    """Write a row for each of `rows`, the pages: the readings of their parts, without wrappers."""
    readings = {row.sample_id: row for row in read_predictions(crops)}
    images = {page.sample_id: page.image for page in pages}
    lines = []
    for page, gt in rows:
        of = [(readings[name], box) for name, box in parts.of(page)]
        seconds, scores = [row.seconds for row, _ in of], [row.score for row, _ in of]
        line: dict[str, Any] = {
            "sample_id": page,
            "gt": gt,
            "pred": of[0][0].pred if len(of) == 1 else r" \\ ".join(unwrap(row.pred)[0] for row, _ in of),
            "image": images[page],
            "seconds": round(sum(seconds), 4) if None not in seconds else None,  # type: ignore[arg-type]
            "score": min(scores) if None not in scores else None,  # type: ignore[type-var]
        }
        line = {name: value for name, value in line.items() if value is not None}
        lines.append(json.dumps({**line, "boxes": [box for _, box in of if box is not None]}, ensure_ascii=False))
    new_text(path, "".join(line + "\n" for line in lines))


def _stage(progress: Progress, name: str) -> Progress:
    return lambda stage, done, of: progress(stage if stage == "load" else name, done, of)


def _sha256(boxes: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(boxes).encode()).hexdigest()
