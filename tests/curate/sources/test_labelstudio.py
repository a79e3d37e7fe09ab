"""Label Studio's exports: which text is the label, which tasks aren't samples, where images are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from source_makers import ids, image, images, labels, read, write

from curate.fix.files import rewrite
from curate.sources import label_studio


def _area(*texts: Any, name: str = "latex", **value: Any) -> dict[str, Any]:
    text = {"text": list(texts), **value}
    return {"id": "r", "from_name": name, "to_name": "image", "type": "textarea", "value": text}


def _made(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": 3, "result": list(results), "was_cancelled": False, "ground_truth": False, **more}


def _task(*annotations: Any, data: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"id": 7, "data": data or {"image": "a.png"}, "annotations": list(annotations), "predictions": [], **more}


def _read(folder: Path, *tasks: Any, **options: Any) -> Any:
    image(folder / "a.png")
    return read(write(folder / "export.json", json.dumps(tasks)), **options)


CHOICE = {"from_name": "kind", "to_name": "image", "type": "choices", "value": {"choices": ["printed"]}}
GOOD = {
    "one": _task(_made(_area("x"))),
    "with a choice": _task(_made(CHOICE, _area("x"))),
    "one cancelled": _task(_made(_area("no"), was_cancelled=True), _made(_area("x"))),
    "two that agree": _task(_made(_area("x")), _made(_area("x"))),
    "ground truth": _task(_made(_area("no")), _made(_area("x"), ground_truth=True)),
    "predictions beside": _task(_made(_area("x")), predictions=[_made(_area("no"))]),
    "two areas, one is named as labels are": _task(_made(_area("?", name="comment"), _area("x"))),
    "a text, no list": _task(_made(_area("x") | {"value": {"text": "x"}})),
    "a region that is the whole image": _task(_made(_area("x", x=0, y=0, width=100, height=99.5, rotation=0))),
    "old completions": {"id": 7, "data": {"ocr": "a.png"}, "completions": [_made(_area("x"))]},
    "another key": _task(_made(_area("x")), data={"formula_picture": "a.png", "page": "12"}),
    "min": {"id": 7, "image": "a.png", "latex": "x", "annotator": 1, "annotation_id": 2, "lead_time": 1.5},
    "min, list": {"id": 7, "image": "a.png", "answer_area": ["x"], "annotator": 1, "annotation_id": 2, "lead_time": 1},
    "min, object": {
        "id": 7,
        "image": "a.png",
        "t": {"text": ["x"]},
        "annotator": 1,
        "annotation_id": 2,
        "lead_time": 1,
    },
}
BAD: list[tuple[str, Any]] = [
    (label_studio.SKIPPED, _task(_made(was_cancelled=True))),
    (label_studio.UNLABELLED, _task()),
    (label_studio.PREDICTED, _task(predictions=[_made(_area("x"))])),
    (label_studio.NO_TEXT, _task(_made(CHOICE))),
    (label_studio.NO_TEXT, _task(_made())),
    (label_studio.NO_TEXT, _task(_made(_area()))),
    (label_studio.NO_TEXT, _task(_made(_area(None)))),
    (label_studio.SEVERAL_TEXTS, _task(_made(_area("x", "y")))),
    (label_studio.SEVERAL_TEXTS, _task(_made(_area("x"), _area("y")))),
    (label_studio.SEVERAL_AREAS, _task(_made(_area("x", name="a"), _area("y", name="b")))),
    (label_studio.DISAGREEING, _task(_made(_area("x")), _made(_area("y")))),
    (label_studio.REGION, _task(_made(_area("x", x=5, y=5, width=30, height=10, rotation=0)))),
    (label_studio.REGION, _task(_made(_area("x", points=[[1, 2]])))),
    ("the task has several images", _task(_made(_area("x")), data={"images": ["a.png", "b.png"]})),
    (label_studio.NOT_TASK, {"data": {"image": "a.png"}}),
    (label_studio.NO_TEXT, {"id": 1, "image": "a.png", "annotator": 1, "annotation_id": 2, "lead_time": 1}),
]


@pytest.mark.parametrize("task", GOOD.values(), ids=GOOD)
def test_a_task_is_a_sample(task: dict[str, Any], tmp_path: Path) -> None:
    source = _read(tmp_path, task)
    assert (source.format, labels(source), images(source), ids(source)) == (
        "labelstudio",
        ["x"],
        ["a.png"],
        ["export/7"],
    )
    changed = source.places.with_columns(label=source.frame["label"], fixed=pl.Series(["y"]))
    before = (tmp_path / "export.json").read_text()
    after = rewrite(source, changed, {})[0]["export.json"].result()  # type: ignore[attr-defined]
    assert len(after) == len(before)
    # Annotations that agree still agree afterwards.
    assert {(old, new) for old, new in zip(before, after, strict=True) if old != new} == {("x", "y")}
    assert labels(_read(tmp_path, *json.loads(after))) == ["y"]


def test_other_tasks_are_counted_with_their_reason(tmp_path: Path) -> None:
    good = GOOD["one"]
    source = _read(tmp_path, *[good] * 3, *[task for _, task in BAD])
    assert source.format == "labelstudio"
    assert [(row.line, row.reason) for row in source.unreadable.rows] == [
        (at, reason) for at, (reason, _) in enumerate(BAD, 4)
    ]


def test_a_text_area_and_an_image_can_be_named(tmp_path: Path) -> None:
    task = _task(_made(_area("x", name="a"), _area("y", name="b")), data={"p": "a.png", "image": "b.png"})
    source = _read(tmp_path, task, columns={"label": "b", "image": "p"})
    assert (labels(source), images(source)) == (["y"], ["a.png"])


def test_what_else_a_task_holds_stays(tmp_path: Path) -> None:
    source = _read(tmp_path, _task(_made(_area("x")), data={"image": "a.png", "writer": "w", "label": "old"}))
    assert source.frame.select("writer", "source_label", "completed_by").row(0) == ("w", "old", 3)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("/data/upload/12/0a1b2c3d-a.png", "media/upload/12/0a1b2c3d-a.png"),
        ("/data/upload/12/0a1b2c3d-a.png", "0a1b2c3d-a.png"),
        ("/data/upload/12/0a1b2c3d-a.png", "pictures/a.png"),
        ("/data/local-files/?d=set/one/a%20b.png", "set/one/a b.png"),
        ("/data/local-files/?d=set/one/a.png", "images/a.png"),
        ("s3://bucket/set/one/a.png", "one/a.png"),
        ("gs://bucket/a.png", "a.png"),
        ("https://example.org/set/a.png?X-Amz-Signature=0", "set/a.png"),
        ("/data/upload/12/%E5%85%AC-a.png", "公-a.png"),
        ("a.png", "images/a.png"),
    ],
)
def test_images_are_found_by_their_address(address: str, here: str, tmp_path: Path) -> None:
    image(tmp_path / here)
    other = "b.png" if address == "a.png" else address.replace("a.png", "b.png").replace("a%20b.png", "b.png")
    tasks = [_task(_made(_area("x")), data={"image": name}) for name in (address, other)]
    path = write(tmp_path / "export.json", json.dumps(tasks))
    root = tmp_path / "media" if here.startswith("media/") else tmp_path
    found = images(read(path, images=root))
    assert (root / str(found[0])).is_file()
    assert found[1] is not None
    assert not (root / found[1]).exists()


def test_an_address_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    tasks = [_task(_made(_area("x")), data={"image": "/data/local-files/?d=../../a.png"})]
    path = write(tmp_path / "in" / "export.json", json.dumps(tasks))
    assert images(read(path)) == ["a.png"]  # looked for in `in`, where it doesn't exist
