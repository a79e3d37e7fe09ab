"""To Label Studio and back: tasks with predictions, annotations as decisions.

The tasks, predictions and annotations below were checked once with label-studio-sdk 2.1.2 (`LabelInterface` validates
them against the interface; `Converter` makes JSON-MIN from the JSON export).
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from browsing import make_run
from PIL import Image

from curate.base.errors import UserError
from curate.runs.decisions import append_decisions, decide, read_decisions
from curate.runs.folder import load_run
from curate.tasks.label_studio_answers import take_answers
from curate.tasks.label_studio_tasks import write_tasks

LABELS = [
    (r"$\alpha + 1$", ".png"),
    (r"\frac{a", ".png"),
    (r"\sqrt{x", "missing"),
    (r"x^{2", None),
    (r"a_{1", ".png"),
    ("good", ".png"),
]
FIXED = r"\alpha + 1"


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("tasks"), LABELS)


@pytest.fixture
def run(_made: Path, tmp_path: Path) -> Path:
    shutil.copytree(_made.parent, tmp_path / "made")
    return tmp_path / "made" / "run"


def tasks_of(run: Path, tmp_path: Path, queue: str = "doubtful", root: Path = Path("/")) -> list[dict[str, Any]]:
    write_tasks(load_run(run), tmp_path / "t.json", queue, root=root)
    found: list[dict[str, Any]] = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    return found


def texts(task: dict[str, Any]) -> list[tuple[str, str]]:
    return [(made["model_version"], made["result"][0]["value"]["text"][0]) for made in task["predictions"]]


def area(text: str) -> dict[str, Any]:
    return {"id": "r", "type": "textarea", "from_name": "label", "to_name": "image", "value": {"text": [text]}}


REJECT = {
    "id": "c",
    "type": "choices",
    "from_name": "decision",
    "to_name": "image",
    "value": {"choices": ["reject"]},
}


def answered(task: dict[str, Any], *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {"id": 1, "completed_by": 7, "result": list(results), "was_cancelled": False, "ground_truth": False, **more}
    return {"id": 1, **task, "annotations": [made]}


def taken(run: Path, folder: Path, *records: Any, who: str | None = None) -> tuple[dict[str, int], dict[str, int]]:
    (folder / "export.json").write_text(json.dumps(records), encoding="utf-8")
    found = take_answers(run, folder / "export.json", who)
    return {action: n for action, n in found.made.items() if n}, dict(found.refused)


def standing(run: Path) -> dict[str, tuple[str, str | None, str]]:
    found = read_decisions(run / "decisions.jsonl").standing
    return {name.removeprefix("formulas/"): (one.action, one.label, one.who) for name, one in found.items()}


def test_tasks_hold_image_findings_and_what_the_label_may_be(run: Path, tmp_path: Path) -> None:
    append_decisions(run, [decide("formulas/s4", "accept", LABELS[4][0], None, "ann")])
    written = write_tasks(load_run(run), tmp_path / "t.json", "doubtful", root=Path("/"))
    assert (written.tasks, written.decided, written.without) == (2, 1, 2)
    tasks = {task["data"]["sample_id"]: task for task in json.loads((tmp_path / "t.json").read_text())}
    assert set(tasks) == {"formulas/s0", "formulas/s1"}
    task = tasks["formulas/s0"]
    assert task["data"]["label_as_read"] == LABELS[0][0]
    assert "DLM001" in task["data"]["findings"]
    assert Path("/", task["data"]["image"].removeprefix("/data/local-files/?d=")).is_file()
    assert texts(task) == [("texsieve: proposed fix", FIXED), ("texsieve: label as read", LABELS[0][0])]


def test_what_is_in_a_task_is_named_in_the_interface(run: Path, tmp_path: Path) -> None:
    task = tasks_of(run, tmp_path)[0]
    tags = list(ET.parse(tmp_path / "t.xml").getroot().iter())
    values = {tag.get("value", "").removeprefix("$") for tag in tags if tag.get("value", "").startswith("$")}
    assert values <= set(task["data"])
    result = task["predictions"][0]["result"][0]
    control = next(tag for tag in tags if tag.get("name") == result["from_name"])
    assert (control.tag.lower(), control.get("toName")) == (result["type"], result["to_name"])


def test_an_image_that_cannot_be_served_is_in_the_task(run: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    address = tasks_of(run, tmp_path, "DLM001", tmp_path / "elsewhere")[0]["data"]["image"]
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).width == 160


def test_a_list_of_one_rule(run: Path, tmp_path: Path) -> None:
    assert [task["data"]["sample_id"] for task in tasks_of(run, tmp_path, "DLM001")] == ["formulas/s0"]
    with pytest.raises(UserError, match="--list nothing: no such list; this run has doubtful, errors"):
        tasks_of(run, tmp_path, "nothing")
    with pytest.raises(UserError, match="the tasks are JSON"):
        write_tasks(load_run(run), tmp_path / "t.xml", "all", root=Path("/"))


def test_a_limit(run: Path, tmp_path: Path) -> None:
    assert write_tasks(load_run(run), tmp_path / "t.json", "all", root=Path("/"), limit=2).tasks == 2
    assert len(json.loads((tmp_path / "t.json").read_text())) == 2


def test_annotations_become_decisions_once(run: Path, tmp_path: Path) -> None:
    tasks = {task["data"]["sample_id"][-2:]: task for task in tasks_of(run, tmp_path, "all")}
    export = [
        answered(tasks["s0"], area(FIXED)),
        answered(tasks["s1"], area(r"\frac{a}{b}"), completed_by={"id": 3, "email": "bea@example.org"}),
        answered(tasks["s4"], area("a_{1"), REJECT),
        answered(tasks["s5"], area("good")),
    ]
    assert taken(run, tmp_path, *export) == ({"fix": 1, "edit": 1, "reject": 1, "accept": 1}, {})
    assert standing(run) == {
        "s0": ("fix", FIXED, "7"),
        "s1": ("edit", r"\frac{a}{b}", "bea@example.org"),
        "s4": ("reject", None, "7"),
        "s5": ("accept", None, "7"),
    }
    assert taken(run, tmp_path, *export) == ({}, {"decided so already": 4})
    assert len((run / "decisions.jsonl").read_text().splitlines()) == 4


def test_the_export_json_min(run: Path, tmp_path: Path) -> None:
    flat = {"annotator": 7, "annotation_id": 1, "lead_time": 1.5, "image": "x.png"}
    rows = [
        {**flat, "sample_id": "formulas/s0", "label_as_read": LABELS[0][0], "label": FIXED},
        {**flat, "sample_id": "formulas/s1", "label_as_read": LABELS[1][0], "label": "x", "decision": "reject"},
    ]
    assert taken(run, tmp_path, *rows, who="cy") == ({"fix": 1, "reject": 1}, {})
    assert standing(run) == {"s0": ("fix", FIXED, "cy"), "s1": ("reject", None, "cy")}


def test_what_decides_nothing_is_counted(run: Path, tmp_path: Path) -> None:
    one, two = tasks_of(run, tmp_path, "doubtful")[:2]
    stale = {**one, "data": {**one["data"], "label_as_read": "another"}}
    gone = {**one, "data": {**one["data"], "sample_id": "formulas/gone"}}
    foreign = {**one, "data": {"image": "x.png"}}
    twice = answered(two, area("y"))
    export = [
        answered(one, was_cancelled=True),
        {"id": 2, **one, "annotations": []},
        answered(one, area("  ")),
        answered(stale, area("y")),
        answered(gone, area("y")),
        answered(foreign, area("y")),
        twice,
        twice,
    ]
    made, refused = taken(run, tmp_path, *export)
    assert made == {"edit": 1}
    assert sum(refused.values()) == 7
    assert refused["another label since the last audit of the run"] == 1
    assert refused["no longer in the run"] == 1
    assert refused["several tasks of one sample: the first counts"] == 1
    assert refused["the task was skipped"] == 1


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '[{"data": 3}]', "[" * 5000])
def test_another_file_is_one_clear_line(run: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=r"x\.json: not .*; export the project"):
        take_answers(run, tmp_path / "x.json")
    with pytest.raises(UserError, match="can't be read"):
        take_answers(run, tmp_path / "none.json")
    assert not (run / "decisions.jsonl").exists()


@pytest.mark.parametrize("name", ["t.json", "t.xml"])
def test_nothing_is_overwritten(run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=rf"{name}: already exists; remove it or name another file"):
        write_tasks(load_run(run), tmp_path / "t.json", "all", root=Path("/"))
    assert [path.name for path in tmp_path.glob("t.*")] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_what_someone_decided_meanwhile_stays(run: Path, tmp_path: Path) -> None:
    task = tasks_of(run, tmp_path, "all")[0]
    name, label = task["data"]["sample_id"], task["data"]["label_as_read"]
    append_decisions(run, [decide(name, "reject", label, None, "ann")])
    assert taken(run, tmp_path, answered(task, area("y"))) == ({}, {"decided on by someone else meanwhile": 1})
    assert standing(run) == {name[-2:]: ("reject", None, "ann")}
    append_decisions(run, [decide(name, "undo", label, None, "ann")])
    assert taken(run, tmp_path, answered(task, area("y")))[0] == {"edit": 1}
    assert taken(run, tmp_path, answered(task, area("z")))[0] == {"edit": 1}  # the annotator's own label, revised
    assert standing(run) == {name[-2:]: ("edit", "z", "7")}


def test_a_rejection_counts_as_any_annotation_does(run: Path, tmp_path: Path) -> None:
    task = tasks_of(run, tmp_path, "all")[0]
    rejected, read = answered(task, REJECT)["annotations"][0], answered(task, area("good"))["annotations"][0]
    for one, other in ((rejected, read), (read, rejected)):
        disagreeing = {**task, "annotations": [one, other]}
        assert taken(run, tmp_path, disagreeing) == (
            {},
            {"the task has annotations that disagree; keep one, or mark it as ground truth": 1},
        )
    assert standing(run) == {}
    sure = {**task, "annotations": [rejected, {**read, "ground_truth": True}]}
    assert taken(run, tmp_path, sure) == ({"edit": 1}, {})
    sure = {**task, "annotations": [{**rejected, "ground_truth": True}, read]}
    assert taken(run, tmp_path, sure) == ({"reject": 1}, {})


@pytest.mark.parametrize("annotations", [["x"], [{"result": "x"}], [{"result": ["x"]}], [{"result": [{"value": 3}]}]])
def test_annotations_of_another_shape_decide_nothing(run: Path, tmp_path: Path, annotations: list[Any]) -> None:
    task = tasks_of(run, tmp_path, "all")[0]
    made, refused = taken(run, tmp_path, {**task, "annotations": annotations})
    assert (made, sum(refused.values())) == ({}, 1)
