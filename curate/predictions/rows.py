"""Reads prediction files: what a model wrote, beside the truth. Not for scoring them: that is `metrics`.

A file is JSON lines, or one JSON list, of objects. The keys for id, truth and answer are listed in KEYS: those of
texsieve, LLaMA-Factory, ms-swift, CDM and OmniDocBench. Other keys are ignored. A bad row is an error and never
skipped: a score over only the readable rows would be a different score.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.base.errors import UserError
from curate.base.given_files import open_file, why_not_json
from curate.base.surrogates import check_characters
from curate.base.visible import quoted, visible

#: The names tried for each role; the first that a row has counts.
KEYS: Mapping[str, tuple[str, ...]] = {
    "id": ("sample_id", "img_id", "id", "image_id", "img_name", "image_name"),
    "gt": ("gt", "label", "labels", "ground_truth", "reference", "target"),
    "pred": ("pred", "predict", "prediction", "response", "output", "generated_text"),
    "image": ("image", "image_path", "images"),
}
#: A prediction with at least twice the truth's tokens and this many more ran away: the model repeats itself.
RUNAWAY_MORE = 50
#: How many sets of keys are remembered.
_SHAPES = 1000
_BOM = b"\xef\xbb\xbf"
_HELP = '; a prediction file is JSON lines, or one JSON list, of rows such as {"gt": "x^2", "pred": "x_2"}'


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row: the truth `gt`, the model's `pred`, and what else was recorded about it."""

    sample_id: str
    gt: str
    pred: str
    image: str | None = None
    #: The time the model took.
    seconds: float | None = None
    #: Mean log-probability of the predicted tokens.
    score: float | None = None


def ran_away(truth: Any, prediction: Any) -> Any:
    """Is a prediction with this many tokens far longer than a truth with that many? For two numbers or two arrays."""
    return (prediction >= 2 * truth) & (prediction >= truth + RUNAWAY_MORE)


def read_predictions(path: Path, columns: Mapping[str, str] | None = None) -> list[Prediction]:
    """The rows of a prediction file in order; at least one.

    columns: names that differ from KEYS, by role. A row without an id is named by its place, `row 3`; a null answer is
    empty.

    Raises UserError, naming file and line (or list item), if a file is missing, empty, not UTF-8 or not JSON, if a row
    lacks a key or has a value of the wrong type, and if an id occurs twice.
    """
    rows: list[Prediction] = []
    known: set[str] = set()
    places = array("Q")
    reader = _RowReader({role: (columns or {}).get(role) for role in KEYS})
    kind = ""
    for kind, place, value in _objects(path):
        row = reader.read(f"{path}: {kind} {place}", value, len(rows) + 1)
        if row.sample_id in known:
            first = places[next(at for at, other in enumerate(rows) if other.sample_id == row.sample_id)]
            raise UserError(
                f"{path}: {kind} {place} has the id {quoted(row.sample_id)} of {kind} {first}; ids must be unique"
            )
        known.add(row.sample_id)
        places.append(place)
        rows.append(row)
    if not rows:
        raise UserError(f"{path}: holds no predictions; a row is an object with sample_id, gt and pred")
    return rows


def _objects(path: Path) -> Iterator[tuple[str, int, Any]]:
    """("line" or "item", its number, value) of every row. Lines are read one at a time: there may be a million."""
    if path.is_dir():
        names = sorted(file.name for file in path.iterdir() if file.suffix in (".json", ".jsonl"))
        inside = f" ({', '.join(map(visible, names[:3]))}{', …' if len(names) > 3 else ''})" if names else ""
        raise UserError(f"{path}: is a folder; name the prediction file in it{inside}")
    try:
        with open_file(path) as file:
            start = b""
            for line in file:  # ends at b"\n" alone: U+2028 and the like may occur in a JSON string
                if start := line.removeprefix(_BOM).strip():
                    break
            file.seek(0)
            if start.startswith(b"["):
                text = "".join(_text(path, number, line) for number, line in enumerate(file, 1))
                for number, value in enumerate(_parsed(text, f"{path}: is not a JSON list"), 1):
                    yield "item", number, value
                return
            for number, line in enumerate(file, 1):
                if text := _text(path, number, line).strip():
                    yield "line", number, _parsed(text, f"{path}: line {number} is not JSON")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror})") from error


def _text(path: Path, number: int, line: bytes) -> str:
    if number == 1:
        line = line.removeprefix(_BOM)
    if b"\0" in line:
        raise UserError(f"{path}: line {number} holds a NUL byte; a prediction file is UTF-8 text")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: line {number} is not valid UTF-8 (byte {error.start + 1})") from error


def _parsed(text: str, complaint: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{complaint}: {why_not_json(error)}{_HELP}") from error


class _RowReader:
    """named: the key for a role, if the user gave one."""

    def __init__(self, named: Mapping[str, str | None]) -> None:
        self._keys = {role: KEYS[role] if name is None else (name,) for role, name in named.items()}
        self._found: dict[tuple[str, ...], dict[str, str | None]] = {}

    def read(self, place: str, value: Any, number: int) -> Prediction:
        if not isinstance(value, dict):
            raise UserError(f"{place} is not a JSON object; a row is an object with sample_id, gt and pred")
        found = self._roles(place, value)
        name, truth, answer = found["id"], found["gt"] or "", found["pred"] or ""
        identity = f"row {number}" if name is None else value[name]
        if isinstance(identity, int) and not isinstance(identity, bool):
            identity = str(identity)
        image = next((one for key in self._keys["image"] if (one := _image(value.get(key))) is not None), None)
        gt = _string(place, truth, value[truth])
        pred = "" if value[answer] is None else _string(place, answer, value[answer])
        return Prediction(
            _string(place, name or "", identity),
            gt,
            gt if pred == gt else pred,  # one string, not two: there may be a million rows
            None if image is None else _string(place, "image", image),
            _number(place, "seconds", value.get("seconds")),
            _number(place, "score", value.get("score")),
        )

    def _roles(self, place: str, value: Mapping[str, Any]) -> dict[str, str | None]:
        """The key for each role in a row. Rows of a file mostly have the same keys."""
        names = tuple(value)
        found = self._found.get(names)
        if found is None:
            found = {role: next((key for key in keys if key in value), None) for role, keys in self._keys.items()}
            missing = [role for role in ("gt", "pred") if found[role] is None]
            if missing:
                tried = ", ".join(self._keys[missing[0]])
                raise UserError(f"{place} has no {missing[0]} (tried {tried}); name it with --columns {missing[0]}:KEY")
            if len(self._found) < _SHAPES:
                self._found[names] = found
        return found


def _image(value: Any) -> Any:
    """The path of an image: a text, an object with a `path`, or a list with one of these."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value.get("path") if isinstance(value, dict) else value


def _string(place: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"{place}: {key} is {quoted(value)}, not a string")
    check_characters(value, f"{place}: {key}")
    return value


def _number(place: str, key: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{place}: {key} is {quoted(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UserError(f"{place}: {key} is not a finite number")
    return number
