"""Turns named columns into a part's frame: which one is the label, the image, the id. Not for parsing files."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.column_names import DOUBTFUL_IMAGES, IMAGE_IDS, TRIED, find_column
from curate.base.errors import UserError
from curate.base.surrogates import HALF_A_PAIR, half_a_pair
from curate.runs.folder import SAMPLES
from curate.sources.image_names import has_ending
from curate.sources.model import LONG_LABEL, MAX_LABEL, NOT_FOUND, STORED_IMAGE, Job, excerpt

_TAKEN = frozenset(SAMPLES) | {"line", "name", "file", NOT_FOUND, STORED_IMAGE}

#: How PNG, JPEG, BMP, GIF and WebP files start in base64.
_BASE64 = re.compile(r"iVBORw0KGgo|/9j/|Qk[0-3]|R0lGOD|UklGR")

#: How many columns of a file are read, besides those whose name says that they are the label, an image and so on.
MOST_COLUMNS = 2000
TOO_MANY = (
    f"columns or keys after the first {MOST_COLUMNS:,} of a file are not read; if one of them is the label or the "
    "image, name it: --columns label:COLUMN,image:COLUMN"
)
NOT_TEXT = "the label is not text"
IMAGE_NOT_PATH = "the image is not a path"
SEVERAL_IMAGES = "several images in one row, so the label can't belong to a single picture"
BASE64_IMAGES = "images are base64 text beside the labels and not read; save them as files, or the data set as parquet"
NOT_UNICODE = HALF_A_PAIR
#: How labels begin that are JSON objects, like those of Donut.
_OBJECT = re.compile(r'\s*\{\s*"')
#: What formulas have and other texts mostly don't.
_FORMULA = re.compile(r"\\[A-Za-z]|[\^{=]|_\{")


def kept_columns(names: Sequence[str], job: Job) -> list[str]:
    """The columns or keys of a file that are read: the first MOST_COLUMNS, and any whose name says what it is.

    The others are counted. Time and memory would grow with their number times that of the rows, which is the square if
    each row has keys of its own.
    """
    if len(names) <= MOST_COLUMNS:
        return list(names)
    roles = {name.lower() for role in TRIED for name in job.columns.names(role)}
    known = set(job.columns.given.values())
    kept = [
        name for at, name in enumerate(names) if at < MOST_COLUMNS or name in known or name.strip().lower() in roles
    ]
    job.notes[TOO_MANY] += len(names) - len(kept)
    return kept


def add_others(
    columns: dict[str, list[Any]], names: Iterable[str], rows: Sequence[Mapping[str, Any]], job: Job
) -> None:
    """Add what else the records of a file hold. names: of all `rows`; one that is taken becomes `source_NAME`."""
    for name in kept_columns(list(dict.fromkeys(names)), job):
        clean = name.encode("utf-8", "backslashreplace").decode()
        columns[f"source_{clean}" if clean in columns else clean] = [row.get(name) for row in rows]


def label_column(names: Sequence[str], job: Job, path: Path, columns: Mapping[str, Sequence[Any]] | None = None) -> str:
    """The label column. Raises UserError, listing the columns, if there is none.

    columns: the values, if they are known, from which the message suggests columns.
    """
    found = other_column("label", names, job, path)
    if found is None and any(map(has_ending, names)):
        raise UserError(f"{path}: its first line is data, not a header; write one above it: image,label")
    if found is None:
        raise UserError(
            f"{path}: no label column (tried {', '.join(job.columns.names('label'))}); it has: {_some(names)}; "
            "name one with --columns label:COLUMN" + _suggested(columns or {})
        )
    return found


def refuse_json_labels(label: str, values: Sequence[Any], path: Path) -> None:
    """Raise UserError if labels are JSON objects, as for Donut: the LaTeX is somewhere in them."""
    first = _first_values(values)
    objects = [value for value in first if isinstance(value, str) and _OBJECT.match(value) and _is_object(value)]
    if len(objects) * 2 > len(first):
        raise UserError(
            f"{path}: the labels in {label!r} are JSON objects, like {excerpt(objects[0])}; put the LaTeX itself into "
            "a column and name it: --columns label:COLUMN"
        )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _suggested(columns: Mapping[str, Sequence[Any]]) -> str:
    """The option that names the columns that look like labels and images; "" if none looks like labels."""
    first = {name: _first_values(values) for name, values in columns.items()}
    image = next((name for name, values in first.items() if looks_like_images(values)), None)
    formulas = {
        name: sum(isinstance(value, str) and _FORMULA.search(value) is not None for value in values) / len(values)
        for name, values in first.items()
        if values and name != image
    }
    label = max(formulas, key=lambda name: formulas[name], default=None)
    if label is None or formulas[label] < 0.5:
        return ""
    return ", perhaps --columns " + shlex.quote(f"label:{label}" + (f",image:{image}" if image else ""))


def note_rivals(label: str, texts: Iterable[str], rows: int, job: Job) -> None:
    """Note which other columns could be the labels; `texts` are the columns of text."""
    if "label" in job.columns.given:
        return
    wanted = {name.lower() for name in job.columns.names("label")}
    others = [name for name in texts if name != label and name.lower() in wanted]
    if others:
        job.notes[
            f"labels are taken from the column {label!r}; {', '.join(map(repr, others))} could be labels too; "
            f"to use it instead: --columns label:{others[0]}"
        ] += rows


def note_unused_images(names: Iterable[str], rows: int, job: Job) -> None:
    """If no column is known to be the image, note columns that look like images and how to use them."""
    for name in names:
        job.notes[f"column {name!r} looks like images but is not used; to use it: --columns image:{name}"] += rows


def named_column(role: str, names: Sequence[str], job: Job, path: Path) -> str | None:
    """The column that `--columns` gives a role, or None. Raises UserError if that column doesn't exist."""
    name = job.columns.given.get(role)
    if name is not None and name not in names:
        raise UserError(f"{path}: no column {name!r} (from --columns); it has: {_some(names)}")
    return name


def other_column(role: str, names: Sequence[str], job: Job, path: Path) -> str | None:
    """The column for a role, or None if there is none. Raises UserError if `--columns` names a missing column."""
    found = named_column(role, names, job, path) or find_column(names, job.columns.names(role))
    if role == "id":
        job.id_column = found
    return found


def image_column(columns: Mapping[str, Sequence[Any]], label: str, job: Job, path: Path) -> str | None:
    """The image column among columns of values; a column with a doubtful name must look like image files."""
    job.image_ids = None
    names = [name for name in columns if name != label]
    if given := named_column("image", list(columns), job, path):
        return given
    for wanted in job.columns.names("image"):
        found = find_column(names, (wanted,))
        if found is not None and is_image(wanted, _first_values(columns[found]), job):
            return found
    unused = [name for name in names if looks_like_images(_first_values(columns[name]))]
    note_unused_images(unused, max(map(len, columns.values()), default=0), job)
    return None


def is_image(wanted: str, values: Sequence[Any], job: Job) -> bool:
    """Does a column with one of the usual names hold images? Notes it if it holds ids."""
    if not values:
        return False
    files = looks_like_images(values)
    if wanted in IMAGE_IDS and not files:
        job.image_ids = wanted if all(isinstance(value, str | int) for value in values) else None
        return job.image_ids is not None
    return files or (wanted not in DOUBTFUL_IMAGES and any(isinstance(value, str) for value in values))


def looks_like_images(values: Sequence[Any]) -> bool:
    """Are at least half of some values image files, or images as Hugging Face stores them?"""
    return bool(values) and sum(map(_is_image, values)) * 2 >= len(values)


def _is_image(value: Any) -> bool:
    value = image_value(value)
    return value == BASE64_IMAGES or (isinstance(value, str) and has_ending(value))


def _first_values(values: Sequence[Any]) -> list[Any]:
    return [value for value in values[:200] if value is not None]


def image_value(value: Any) -> Any:
    """The path in a row's image value: the value itself, `{"path": …}`, or a list with one of these.

    Returns SEVERAL_IMAGES or BASE64_IMAGES for those, and anything else unchanged.
    """
    if isinstance(value, list | tuple):
        return None if not value else image_value(value[0]) if len(value) == 1 else SEVERAL_IMAGES
    if isinstance(value, dict):
        path = next((value[key] for key in ("path", "file_name", "filename") if value.get(key)), None)
        if path is None and not any(value.values()):
            return None
        return path if path is not None else BASE64_IMAGES if value.get("bytes") else value
    if isinstance(value, str) and (value.startswith("data:image/") or (len(value) > 200 and _BASE64.match(value))):
        return BASE64_IMAGES
    return value


def image_paths(values: list[Any], bad: dict[int, str], job: Job) -> list[Any]:
    if all(
        value is None or (isinstance(value, str) and len(value) <= 200 and value[:5] != "data:") for value in values
    ):
        return values
    paths = list(map(image_value, values))
    numbers = job.image_ids is not None or "image" in job.columns.given
    for at, path in enumerate(paths):
        if path == SEVERAL_IMAGES:
            bad.setdefault(at, SEVERAL_IMAGES)
        elif numbers and isinstance(path, int) and not isinstance(path, bool):
            paths[at] = str(path)
    job.notes[BASE64_IMAGES] += paths.count(BASE64_IMAGES)
    return [None if path in (SEVERAL_IMAGES, BASE64_IMAGES) else path for path in paths]


def rows_frame(columns: Mapping[str, list[Any]], lines: list[int], job: Job, path: Path) -> pl.DataFrame:
    """The frame of a part from columns of Python values (None where a record lacks the field).

    Labels that aren't text, images that aren't paths and text with lone surrogates are counted as unreadable.
    """
    names = list(columns)
    label = label_column(names, job, path, columns)
    refuse_json_labels(label, columns[label], path)
    image = job.image_column = image_column(columns, label, job, path)
    ident = other_column("id", [name for name in names if name != label], job, path)
    split = other_column("split", [name for name in names if name != label], job, path)
    note_rivals(label, [name for name in names if _first_values(columns[name])], len(lines), job)
    bad: dict[int, str] = {}
    images = image_paths(columns[image], bad, job) if image else []
    texts = columns[label]
    if any(isinstance(text, str) and len(text) > MAX_LABEL for text in texts):
        # Before anything copies them: a broken label may be a whole file.
        bad.update({at: LONG_LABEL for at, text in enumerate(texts) if isinstance(text, str) and len(text) > MAX_LABEL})
        texts = [None if at in bad else text for at, text in enumerate(texts)]
    series = {
        "line": pl.Series("line", lines, dtype=pl.Int64),
        "split": _text("split", _loose(columns[split]), bad, None) if split else _nulls("split", len(lines)),
        "name": _text("name", _loose(columns[ident] if ident else images), bad, None)
        if ident or image
        else _nulls("name", len(lines)),
        "image": _text("image", images, bad, IMAGE_NOT_PATH) if image else _nulls("image", len(lines)),
        "label": _text("label", texts, bad, NOT_TEXT),
    }
    for name in names:
        if name not in (label, image, ident, split):
            extra = free_name(name, series)
            series[extra] = extra_series(extra, columns[name])
    frame = pl.DataFrame(list(series.values()))
    if bad:
        file = job.file(path)
        for at, reason in sorted(bad.items()):
            job.unreadable.add(file, lines[at], reason, _shown(columns[label][at]))
        frame = frame.filter(pl.repeat(True, frame.height, eager=True).scatter(sorted(bad), False))
    return frame


def free_name(name: str, taken: Mapping[str, Any]) -> str:
    """An extra column's name: its own, or with `source_` in front if samples.parquet has a column of that name."""
    while name in _TAKEN or name in taken:
        name = f"source_{name}"
    return name


def own_name(name: str) -> str:
    """An extra column's name in its file, from that of `free_name`."""
    own = name.removeprefix("source_")
    return own if own in _TAKEN else name


def extra_series(name: str, values: list[Any]) -> pl.Series:
    """An extra column: numbers, booleans and text unchanged; anything nested or mixed as JSON text."""
    try:
        series = pl.Series(name, values, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        series = None
    if series is not None and series.dtype == pl.Null:
        return _nulls(name, len(values))
    if series is None or series.dtype.is_nested() or series.dtype in (pl.Object, pl.Binary, pl.Int128):
        texts = [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]
        clean = [None if text is None else text.encode("utf-8", "backslashreplace").decode() for text in texts]
        return pl.Series(name, clean, dtype=pl.String)
    return series


def _text(name: str, values: list[Any], bad: dict[int, str], not_text: str | None) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=pl.String, strict=True)
    except (TypeError, UnicodeEncodeError, pl.exceptions.PolarsError):
        pass
    clean: list[str | None] = []
    for at, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            bad.setdefault(at, not_text or NOT_TEXT)
            value = None
        elif value is not None and half_a_pair(value) is not None:
            bad.setdefault(at, NOT_UNICODE)
            value = None
        clean.append(value)
    return pl.Series(name, clean, dtype=pl.String)


def _loose(values: list[Any]) -> list[Any]:
    """Ids and splits as text; they may be numbers. Nested values become null, and the line number is used instead."""
    if all(value is None or isinstance(value, str) for value in values):
        return values
    return [
        value if value is None or isinstance(value, str) else str(value) if isinstance(value, int | float) else None
        for value in values
    ]


def _nulls(name: str, size: int) -> pl.Series:
    return pl.Series(name, [None] * size, dtype=pl.String)


def _shown(value: Any) -> str:
    return value[:200] if isinstance(value, str) else repr(value)[:200]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(str(name)[:40] for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") if names else "no columns"
