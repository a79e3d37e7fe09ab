"""Writes samples as tasks for Label Studio, with possible new labels as predictions. Reads no tasks back.

The formats: https://labelstud.io/guide/task_format, https://labelstud.io/guide/predictions (tasks) and
https://labelstud.io/tags (the labelling interface, which uses the names below).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from curate.base.atomic_files import new_file
from curate.base.errors import UserError
from curate.browse.dataset import fields
from curate.browse.dataset.rows import listed
from curate.browse.deciding.state import proposals, readings, standing
from curate.browse.page.queues import Queues
from curate.browse.pictures.cards import as_png
from curate.images.errors import ImageError
from curate.images.on_paper import on_white
from curate.images.opening import open_image
from curate.runs.folder import Run, rules_of

#: Keys of a task's data.
IMAGE, SAMPLE_ID, AS_READ, FINDINGS = "image", "sample_id", "label_as_read", "findings"
#: Names of the text area with the label and of the choice to leave the sample out.
LABEL, DECISION, REJECT = "label", "decision", "reject"
INTERFACE = f"""<View>
  <Header value="${SAMPLE_ID}"/>
  <Image name="{IMAGE}" value="${IMAGE}" zoom="true"/>
  <Text name="{FINDINGS}" value="${FINDINGS}"/>
  <TextArea name="{LABEL}" toName="{IMAGE}" rows="3" editable="true" maxSubmissions="1"/>
  <Choices name="{DECISION}" toName="{IMAGE}" choice="single"><Choice value="{REJECT}"/></Choices>
</View>
"""


@dataclass(frozen=True)
class Written:
    """How many tasks were written; without: samples that have no image, or one that can't be opened."""

    tasks: int
    decided: int
    without: int


def write_tasks(run: Run, out: Path, queue: str, *, root: Path, limit: int | None = None) -> Written:
    """Write the undecided samples of a list to the file `out`, and the labelling interface next to it (`.xml`).

    root: the folder that Label Studio serves local files from. Images that it can't serve are in the file itself.
    Raises UserError for a list that isn't there, and files that are.
    """
    if out.suffix == ".xml":
        raise UserError(f"{out}: the tasks are JSON; name a file that doesn't end in .xml, which is for the interface")
    frame = listed(run)
    queues = Queues(frame, out.parent)
    if queue not in queues.names():
        raise UserError(f"--list {queue}: no such list; this run has {', '.join(queues.names())}")
    _check_free(out)
    interface = out.with_suffix(".xml")
    _check_free(interface)
    found = queues.of(queue)
    assert found is not None
    decided = standing(run)
    ids = [sample_id for sample_id in found.ids if queues.is_open(sample_id, decided)]
    rows = {row["sample_id"]: row for row in frame.filter(pl.col("sample_id").is_in(ids)).iter_rows(named=True)}
    chosen: list[tuple[Mapping[str, Any], str]] = []
    without = 0
    for sample_id in ids:
        image = _image(run, rows[sample_id], root.resolve())
        if image is None:
            without += 1
            continue
        chosen.append((rows[sample_id], image))
        if len(chosen) == limit:
            break
    fixed = proposals([row["label"] for row, _ in chosen], rules_of(run)[0])
    read = readings(run)
    tasks = [
        _task(row, image, fixed.get(row["label"]), read.get(row["sample_id"], {}).get("pred_label"))
        for row, image in chosen
    ]
    with new_file(interface) as temporary:
        temporary.write_text(INTERFACE, encoding="utf-8")
        with new_file(out) as tasks_file:
            tasks_file.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return Written(len(tasks), len(found.ids) - len(ids), without)


def _task(row: Mapping[str, Any], image: str, fixed: str | None, reading: str | None) -> dict[str, Any]:
    said = [f"{found['severity']}: {found['message']} ({found['label']})" for found in row[fields.FINDINGS] or ()]
    return {
        "data": {
            IMAGE: image,
            SAMPLE_ID: row["sample_id"],
            AS_READ: row["label"],
            FINDINGS: "\n".join(said) or "nothing found",
        },
        "predictions": list(_predictions(row, fixed, reading)),
    }


def _predictions(row: Mapping[str, Any], fixed: str | None, reading: str | None) -> Iterator[dict[str, Any]]:
    """What the label may be, likeliest first: Label Studio opens a task with the first."""
    for name, text in (("proposed fix", fixed), ("model's reading", reading), ("label as read", row["label"])):
        if text is not None:
            result = {
                "id": "label",
                "type": "textarea",
                "from_name": LABEL,
                "to_name": IMAGE,
                "value": {"text": [text]},
            }
            yield {"model_version": f"texsieve: {name}", "result": [result]}


def _check_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise UserError(f"{path}: already exists; remove it or name another file")


def _image(run: Run, row: Mapping[str, Any], root: Path) -> str | None:
    """Where Label Studio finds the image: a local file's address, or the image itself."""
    ref = row["image"]
    if ref is None:
        return None
    folder = run.root(row["source"])
    path = folder / ref
    if path.is_file() and path.resolve().is_relative_to(root):
        return f"/data/local-files/?d={quote(path.resolve().relative_to(root).as_posix())}"
    try:
        picture = as_png(on_white(open_image(folder, ref)))
    except (ImageError, OSError, ValueError):
        return None
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
