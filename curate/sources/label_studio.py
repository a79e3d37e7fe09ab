"""One Label Studio task as one sample: which text is the label, which file the image. Opens no file.

Reads the exports JSON (tasks with `annotations`) and JSON-MIN (flat tasks), as described in
https://labelstud.io/guide/task_format and https://labelstud.io/guide/export.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from curate.base.column_names import IMAGE_COLUMNS, LABEL_COLUMNS, find_column
from curate.sources.chat_rows import Unfit
from curate.sources.look import IMAGE_ENDINGS

NOT_TASK = "not a Label Studio task"
SKIPPED = "the task was skipped"
UNLABELLED = "the task has no annotation"
PREDICTED = "the task has predictions only; submit them as annotations in Label Studio"
NO_TEXT = "the annotation holds no text; a label is a text area (TextArea)"
SEVERAL_AREAS = "the task has several text areas; name the label's with --columns label:NAME"
SEVERAL_TEXTS = "the text area holds several texts"
DISAGREEING = "the task has annotations that disagree; keep one, or mark it as ground truth"
REGION = "the text describes a region of the image; cut the regions out, each as an image of its own"
NO_NAMED = "the annotation has no text area of this name"

#: The keys of a flat task besides its data and texts.
FLAT_MARKS = ("annotation_id", "annotator", "lead_time")
#: The keys a flat task must or may have; none of them is a label.
_FLAT = frozenset((*FLAT_MARKS, "id", "created_at", "updated_at", "agreement", "comments", "allocatedTo"))
#: Names of a text area that mark it as the label, after the general label names.
_AREAS = (*LABEL_COLUMNS, "transcription", "caption")
#: Names of an image, tried before the general ones; the last are those of Label Studio's own templates.
_IMAGES = ("image", "images", "img", "photo", "ocr", "captioning")
#: A region of this percentage of an image's width and height counts as the whole image.
_WHOLE = 97.0
#: What Label Studio puts in front of an uploaded file's name.
_UPLOAD = re.compile(r"^[0-9a-f]{8}-(?=.)")


class Task(NamedTuple):
    """A task as a sample. `places`: keys and indexes that lead to the label, which several annotations may share.

    `others`: the task's other columns.
    """

    label: str
    places: list[tuple[str | int, ...]]
    image: str | None
    others: dict[str, Any]


def is_task(record: Any) -> bool:
    """Whether a JSON value is a task of the JSON export."""
    if not isinstance(record, Mapping) or not isinstance(record.get("data"), Mapping):
        return False
    return any(isinstance(record.get(name), list) for name in ("annotations", "completions", "predictions"))


def is_flat_task(record: Any) -> bool:
    """Whether a JSON value is a task of the JSON-MIN export."""
    return isinstance(record, Mapping) and all(name in record for name in FLAT_MARKS)


def task_of(record: Any, named: str | None = None, image: str | None = None) -> Task:
    """A task as a sample. named: the text area to take; image: the key of the image. Raises Unfit with the reason."""
    if is_task(record):
        label, places = _annotated(record, named)
        data = record["data"]
        others = {key: value for key, value in data.items() if key != image}
        more = {"completed_by": _by(record, places[0])}
    elif is_flat_task(record):
        label, place = _flat(record, named, image)
        data = record
        places = [place]
        others = {key: value for key, value in record.items() if key not in ("id", place[0])}
        more = {}
    else:
        raise Unfit(NOT_TASK)
    key = image or _image_key(data, places[0][0])
    name = data.get(key) if key is not None else None
    if isinstance(name, list):
        raise Unfit("the task has several images" if len(name) > 1 else "the image is not a path")
    others.pop(key or "", None)
    return Task(label, places, name if isinstance(name, str) and name else None, others | more)


def image_names(name: str) -> list[str]:
    """The names under which a task's image may exist here: the path in its address, its tails, the name as uploaded.

    Label Studio serves files from its own addresses: `/data/upload/PROJECT/HASH-NAME`, `/data/local-files/?d=PATH`,
    and those of the storages.
    """
    parts = urlsplit(name)
    if parts.path.rstrip("/").endswith("/data/local-files"):
        path = parse_qs(parts.query).get("d", [""])[0]
    elif parts.scheme or name.startswith("/data/"):
        path = unquote(parts.path)
    else:
        path = name
    path = path.replace("\\", "/").lstrip("/")
    steps = [step for step in path.removeprefix("data/").split("/") if step not in ("", ".", "..")]
    if not steps:
        return []
    tails = ["/".join(steps[at:]) for at in range(len(steps))]
    return [*tails, _UPLOAD.sub("", steps[-1])]


def counting(task: Mapping[str, Any]) -> tuple[str, list[tuple[int, Mapping[str, Any]]]]:
    """The key of a task's annotations, and those that count, with their places. Raises Unfit where none does."""
    key = "annotations" if isinstance(task.get("annotations"), list) else "completions"
    made = task.get(key) if isinstance(task.get(key), list) else []
    live = [(at, one) for at, one in enumerate(made or ()) if isinstance(one, Mapping) and not one.get("was_cancelled")]
    if not live:
        raise Unfit(SKIPPED if made else PREDICTED if task.get("predictions") else UNLABELLED)
    return key, [(at, one) for at, one in live if one.get("ground_truth")] or live


def _annotated(task: Mapping[str, Any], named: str | None) -> tuple[str, list[tuple[str | int, ...]]]:
    key, live = counting(task)
    found = []
    for at, one in live:
        results = one.get("result")
        texts = list(_texts(results if isinstance(results, list) else [], named))
        found.append(_only([(text, (key, at, "result", *place)) for text, place in texts]))
    if len({text for text, _ in found}) > 1:
        raise Unfit(DISAGREEING)
    return found[0][0], [place for _, place in found]


def _texts(results: Sequence[Any], named: str | None) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The texts of the text area that is the label, with their places in the results."""
    areas = []
    for at, result in enumerate(results):
        value = result.get("value") if isinstance(result, Mapping) else None
        if not isinstance(value, Mapping) or result.get("type") != "textarea":
            continue
        text = value.get("text")
        inside = (at, "value", "text")
        several = text if isinstance(text, list) else []
        texts = [(text, inside)] if isinstance(text, str) else [(one, (*inside, n)) for n, one in enumerate(several)]
        areas.append((str(result.get("from_name")), value, texts))
    wanted = _area([name for name, _, _ in areas], named)
    for name, value, texts in areas:
        if name != wanted:
            continue
        if not _is_whole(value):
            raise Unfit(REGION)
        yield from ((text, place) for text, place in texts if isinstance(text, str))


def _area(names: Sequence[str], named: str | None) -> str | None:
    distinct = list(dict.fromkeys(names))
    if named is not None:
        if distinct and named not in distinct:
            raise Unfit(NO_NAMED)
        return named
    if len(distinct) > 1:
        found = find_column(distinct, _AREAS)
        if found is None:
            raise Unfit(SEVERAL_AREAS)
        return found
    return distinct[0] if distinct else None


def _is_whole(value: Mapping[str, Any]) -> bool:
    """Whether a text describes the whole image: it has no region, or one that covers the image."""
    sides = [value.get(name) for name in ("width", "height")]
    if "points" in value:
        return False
    return all(side is None or (isinstance(side, int | float) and side >= _WHOLE) for side in sides)


def _only(texts: list[tuple[str, tuple[str | int, ...]]]) -> tuple[str, tuple[str | int, ...]]:
    if not texts:
        raise Unfit(NO_TEXT)
    if len(texts) > 1:
        raise Unfit(SEVERAL_TEXTS)
    return texts[0]


def _flat(record: Mapping[str, Any], named: str | None, image: str | None) -> tuple[str, tuple[str | int, ...]]:
    """The label of a flat task: a text, a list with one text, or `{"text": …}` with one."""
    own = [key for key in record if key not in _FLAT and key != image and key.lower() not in _IMAGES]
    if named is None:
        named = find_column(own, _AREAS)
    if named is None:
        rest = [key for key in own if key != _image_key(record, "") and _flat_text(record[key], ())]
        if len(rest) > 1:
            raise Unfit(SEVERAL_AREAS)
        named = rest[0] if rest else None
    if named is None or record.get(named) is None:
        raise Unfit(NO_TEXT if named is None or named in record or "annotation_id" in record else UNLABELLED)
    return _only(_flat_text(record[named], (named,)))


def _flat_text(value: Any, place: tuple[str | int, ...]) -> list[tuple[str, tuple[str | int, ...]]]:
    if isinstance(value, str):
        return [(value, place)]
    if isinstance(value, list):
        return [found for at, one in enumerate(value) for found in _flat_text(one, (*place, at))]
    if isinstance(value, Mapping) and "text" in value:
        if not _is_whole(value):
            raise Unfit(REGION)
        return _flat_text(value["text"], (*place, "text"))
    return []


def _image_key(data: Mapping[str, Any], label: Any) -> str | None:
    """The key of the image: one of the usual names, else the only one whose value looks like an image file."""
    texts = [key for key, value in data.items() if isinstance(value, str | list) and value and key != label]
    found = find_column(texts, (*_IMAGES, *IMAGE_COLUMNS))
    if found is not None:
        return found
    looks = [key for key in texts if isinstance(data[key], str) and _looks_like_image(data[key])]
    return looks[0] if len(looks) == 1 else None


def _looks_like_image(text: str) -> bool:
    return urlsplit(text).path.lower().endswith(IMAGE_ENDINGS) or text.lower().endswith(IMAGE_ENDINGS)


def _by(task: Mapping[str, Any], place: Sequence[Any]) -> Any:
    """Who made the annotation at a place."""
    return who_made(task[place[0]][place[1]])


def who_made(annotation: Mapping[str, Any]) -> Any:
    """The annotator's id or address."""
    by = annotation.get("completed_by")
    return by.get("email") or by.get("id") if isinstance(by, Mapping) else by
