"""Label Studio's exports JSON and JSON-MIN: an image and the text typed for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.sources.chat_rows import Unfit
from curate.sources.columns import add_others, rows_frame
from curate.sources.format import FileFormat
from curate.sources.image_paths import resolve_images
from curate.sources.json_rows import read_records
from curate.sources.label_studio import image_names, is_flat_task, is_task, task_of
from curate.sources.look import Look
from curate.sources.model import PART_SCHEMA, Job, Part, Unreadable, with_split
from curate.sources.places.file_text import Change
from curate.sources.places.json_labels import Steps, in_json
from curate.sources.places.output import Files

#: A task longer than a look is recognised by its beginning.
_BEGINS = re.compile(rb'\s*\[\s*\{\s*"id"\s*:\s*\d+\s*,\s*"(annotations|completions)"\s*:\s*\[')
_SHOWN = 200
#: How many images are looked up to learn which form of their names is used here.
_TRIED_IMAGES = 50


class LabelStudio(FileFormat):
    name = "labelstudio"
    shape = "Label Studio's exports JSON and JSON-MIN, with the label in a text area (TextArea)"
    page = """
A task is a sample: its image and the text of its annotation. If there are several annotations, those marked as ground
truth count, and they must agree. Cancelled ones don't count. If a task has several text areas, `--columns label:NAME`
says which one (its `from_name`) is the label; `image:KEY` says which key of `data` is the image.

An image is looked up by its address in Label Studio: `/data/upload/1/0a1b2c3d-NAME` as `upload/1/0a1b2c3d-NAME`,
`0a1b2c3d-NAME` or `NAME`; `/data/local-files/?d=PATH`, `s3://BUCKET/PATH` and web addresses as `PATH` or an end of it.
`--images DIR` names the folder: the project's `media`, or wherever the files are. Nothing is downloaded.

These tasks are unreadable rows, counted with their reason: tasks that were skipped or not annotated, or that have only
predictions, annotations that disagree, several texts, or the text of a region of a page.
"""
    example = (
        (
            "export.json",
            """[
  {"id": 1, "data": {"image": "/data/upload/1/0a1b2c3d-a.png"}, "annotations": [
    {"id": 7, "was_cancelled": false, "result": [
      {"from_name": "latex", "to_name": "image", "type": "textarea", "value": {"text": ["x ^ { 2 }"]}}]}]},
  {"id": 2, "data": {"image": "/data/local-files/?d=images/b.png"}, "annotations": [
    {"id": 8, "was_cancelled": false, "result": [
      {"from_name": "latex", "to_name": "image", "type": "textarea", "value": {"text": ["\\\\frac { 1 } { 2 }"]}}]}]}
]
""",
        ),
        ("images/0a1b2c3d-a.png", ""),
        ("images/b.png", ""),
    )
    general = True
    endings = (".json",)
    columns = TRIED
    file_kind = "JSON file of Label Studio"

    def recognise_file(self, look: Look) -> float | None:
        records = look.records
        if not records:
            return 0.9 if _BEGINS.match(look.head) else None
        if sum(map(is_task, records)) * 2 > len(records):
            return 0.97
        return 0.95 if sum(map(is_flat_task, records)) * 2 > len(records) else None

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        given = job.columns.given
        lines, records = read_records(part.path, job)
        places: list[int] = []
        names: list[str | None] = []
        columns: dict[str, list[Any]] = {"label": [], "task": []}
        extras: list[dict[str, Any]] = []
        for line, record in zip(lines, records, strict=True):
            try:
                task = task_of(record, given.get("label"), given.get("image"))
            except Unfit as unfit:
                job.bad(part.path, line, str(unfit), repr(record)[:_SHOWN])
                continue
            places.append(line)
            names.append(task.image)
            columns["label"].append(task.label)
            columns["task"].append(record.get("id"))
            extras.append(task.others)
        columns["image"] = _local(names, job, part)
        add_others(columns, (name for extra in extras for name in extra), extras, job)
        own = Columns({"label": "label", "image": "image", "id": given.get("id", "task")}, TRIED)
        frame = rows_frame(columns, places, replace(job, columns=own), part.path)
        return resolve_images(with_split(frame, part), job, part.path, part.split)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        place = partial(_places, named=columns.given.get("label"), image=columns.given.get("image"))
        return in_json(files.text(path), changes, columns, place)


def _places(record: Any, named: str | None, image: str | None) -> Sequence[Steps]:
    try:
        return task_of(record, named, image).places
    except Unfit:
        return []


def _local(names: Sequence[str | None], job: Job, part: Part) -> list[str | None]:
    """The names under which the images exist here: of the tails of their addresses, those that find the most files."""
    tried = {name: image_names(name) for name in names if name}
    sample = [ends for ends in list(tried.values())[:: max(1, len(tried) // _TRIED_IMAGES)] if ends]
    best, most = 0, 0
    for end in range(max(map(len, sample), default=0), 0, -1):
        hits = _found([ends[-end] for ends in sample if len(ends) >= end], job, part)
        if hits > most:
            best, most = end, hits
    chosen = {name: ends[-min(best or 2, len(ends))] if ends else name for name, ends in tried.items()}
    return [None if name is None else chosen[name] for name in names]


def _found(names: Sequence[str], job: Job, part: Part) -> int:
    """How many images with these names exist, looked up as for all formats."""
    lines = pl.int_range(1, len(names) + 1, eager=True, dtype=pl.Int64)
    text = pl.lit(None, pl.String)
    frame = pl.DataFrame({"line": lines, "image": list(names)}).with_columns(split=text, name=text, label=pl.lit(""))
    apart = replace(job, unreadable=Unreadable(), notes=Counter())
    found = resolve_images(frame.select(list(PART_SCHEMA)), apart, part.path, part.split)
    return sum(1 for name in found["image"].to_list() if name is not None and (job.root / name).is_file())


FORMAT = LabelStudio()
