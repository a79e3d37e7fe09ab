"""Reads prediction files: what a model wrote beside what is true. Not for scoring them: that is `metrics`.

A file is JSON lines, or one JSON list, of objects. What holds the id, the truth and the answer goes by the names in
KEYS, which are those of this program, of LLaMA-Factory, ms-swift, CDM and OmniDocBench. Other keys are left alone. A
bad row is an error, never skipped: a score over the rows that happened to be readable would be a different score.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.base.errors import UserError
from curate.base.visible import clip, visible

#: Names that are tried for each role, the first that a row has.
KEYS: Mapping[str, tuple[str, ...]] = {
    "id": ("sample_id", "img_id", "id", "image_id", "img_name", "image_name"),
    "gt": ("gt", "label", "labels", "ground_truth", "reference", "target"),
    "pred": ("pred", "predict", "prediction", "response", "output", "generated_text"),
    "image": ("image", "image_path", "images"),
}
#: A prediction with at least twice the truth's tokens and this many more ran away: the model repeats itself.
RUNAWAY_MORE = 50
_BOM = b"\xef\xbb\xbf"
_HELP = "; a prediction file is JSON lines, or one JSON list"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row: the truth `gt`, the model's `pred`, and what else was written of it."""

    sample_id: str
    gt: str
    pred: str
    image: str | None = None
    #: Time the model took.
    seconds: float | None = None
    #: Mean log-probability of the predicted tokens.
    score: float | None = None


def ran_away(truth: int, prediction: int) -> bool:
    """Is a prediction of so many tokens far longer than a truth of so many?"""
    return prediction >= max(2 * truth, truth + RUNAWAY_MORE)


def read_predictions(path: Path, columns: Mapping[str, str] | None = None) -> list[Prediction]:
    """The rows of a prediction file in their order; at least one.

    columns: what is called otherwise than in KEYS, by role. A row without an id is called by its place, `row 3`; an
    answer of null is one of nothing.

    Raises UserError, naming file and line (or item of a list), for a file that is missing, empty, no UTF-8 or no JSON,
    for a row that lacks a key or has a value of the wrong type, and for an id that stands there twice.
    """
    rows: list[Prediction] = []
    places: dict[str, str] = {}
    keys = {role: (columns[role],) if columns and role in columns else names for role, names in KEYS.items()}
    for number, (place, value) in enumerate(_objects(path), 1):
        row = _prediction(f"{path}: {place}", value, keys, number)
        if row.sample_id in places:
            raise UserError(
                f"{path}: {place} has the id {_quoted(row.sample_id)} of {places[row.sample_id]}; ids must be unique"
            )
        places[row.sample_id] = place
        rows.append(row)
    if not rows:
        raise UserError(f"{path}: holds no predictions; a row is an object with sample_id, gt and pred")
    return rows


def _objects(path: Path) -> Iterator[tuple[str, Any]]:
    """("line 3" or "item 3", value) of every row."""
    text = _text(path)
    if text.lstrip().startswith("["):
        values = _parsed(text, f"{path}: is no JSON list")
        yield from ((f"item {number}", value) for number, value in enumerate(values, 1))
        return
    # Not splitlines(): U+2028 and its like may stand in a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"line {number}", _parsed(line, f"{path}: line {number} is no JSON")


def _text(path: Path) -> str:
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name the prediction file in it")
    try:
        data = path.read_bytes().removeprefix(_BOM)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror})") from error
    nul = data.find(b"\0")
    if nul >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise UserError(f"{path}: line {line} holds a NUL byte; a prediction file is UTF-8 text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        start = data.rfind(b"\n", 0, error.start) + 1
        line = data.count(b"\n", 0, start) + 1
        raise UserError(f"{path}: line {line} is not valid UTF-8 (byte {error.start - start + 1})") from error


def _parsed(text: str, complaint: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text else ""
        raise UserError(f"{complaint}: {error.msg} at {line}column {error.colno}{_HELP}") from error
    except ValueError as error:  # a number with thousands of digits
        raise UserError(f"{complaint}: {error}") from error
    except RecursionError as error:
        raise UserError(f"{complaint}: it nests too deep") from error


def _prediction(place: str, value: Any, keys: Mapping[str, tuple[str, ...]], number: int) -> Prediction:
    if not isinstance(value, dict):
        raise UserError(f"{place} is no JSON object; a row is an object with sample_id, gt and pred")
    found = {role: next((key for key in names if key in value), None) for role, names in keys.items()}
    missing = [role for role in ("gt", "pred") if found[role] is None]
    if missing:
        tried = ", ".join(keys[missing[0]])
        raise UserError(f"{place} has no {missing[0]} (tried {tried}); name it with --columns {missing[0]}:KEY")
    name = found["id"]
    identity = f"row {number}" if name is None else value[name]
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    truth, answer = found["gt"] or "", found["pred"] or ""
    image = next((one for key in keys["image"] if (one := _image(value.get(key))) is not None), None)
    return Prediction(
        _string(place, name or "", identity),
        _string(place, truth, value[truth]),
        "" if value[answer] is None else _string(place, answer, value[answer]),
        None if image is None else _string(place, "image", image),
        _number(place, "seconds", value.get("seconds")),
        _number(place, "score", value.get("score")),
    )


def _image(value: Any) -> Any:
    """The path of an image: a text, an object with a `path`, or a list of one of these."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value.get("path") if isinstance(value, dict) else value


def _string(place: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"{place}: {key} is {_quoted(value)}, not a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{place}: {key} holds half a surrogate pair, which is not a character") from error
    return value


def _number(place: str, key: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{place}: {key} is {_quoted(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UserError(f"{place}: {key} is not a finite number")
    return number


def _quoted(value: Any) -> str:
    """A value for a message: as JSON, short, with nothing in it that could drive a terminal."""
    return clip(visible(json.dumps(value, ensure_ascii=False)), 60)
