"""Reads files of conversations about images: one picture, one question, one answer a line. Opens no picture."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.base.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

ENDINGS = (".jsonl", ".ndjson")
_ANSWERS = ("assistant", "gpt")
_BOM = "\ufeff"
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_messages(path: Path, split: str) -> Dataset:
    """The rows of a file of JSON lines, with the columns of `finetune.data.pairs.COLUMNS`; the pictures stay unread.

    A line has `messages` (`role`, `content`: text or a list of parts) or `conversations` (`from`, `value`), or a
    `label` beside `image`. The picture is the path in `image`, `images`, `file_name` or in a message's part of type
    image, relative to the file's folder. Of a file whose lines name their `split` those of `split` are taken.
    Raises UserError, naming the line, for one that isn't so.
    """
    import datasets

    columns: dict[str, list[str | None]] = {"image": [], "label": [], "sample_id": [], "source": []}
    splits: dict[str, None] = {}
    for number, row in _rows(path):
        place = f"{path}: line {number}"
        own = row.get("split")
        if own is not None:
            splits[str(own)] = None
            if own != split:
                continue
        label = row.get("label")
        talk = row.get("messages", row.get("conversations"))
        if label is not None and talk is None and not isinstance(label, str):
            raise UserError(f"{place}: its label is no text")
        identity = row.get("sample_id", row.get("id"))
        values = {
            "label": label if isinstance(label, str) else answer_of(talk, place),
            "image": _image(row, talk, path.parent, place),
            "sample_id": str(identity) if identity is not None else f"{path.stem}/{split}/{number}",
            "source": str(row.get("source") or path.stem),
        }
        for name, value in values.items():
            if value is not None and not value.isascii() and _SURROGATE.search(value):
                raise UserError(f"{place}: its {name} holds half a surrogate pair, which is no character")
            columns[name].append(value)
    if not columns["label"]:
        known = f"; there are {', '.join(splits)}" if splits else ""
        raise UserError(f"{path}: holds no rows of the split {split!r}{known}")
    features = datasets.Features({name: datasets.Value("string") for name in columns})
    return datasets.Dataset.from_dict(columns, features=features).cast_column("image", datasets.Image())


def answer_of(talk: Any, place: str) -> str:
    """The text of the only answer in a conversation. Raises UserError, naming `place`, where there is not just one."""
    answers = []
    for turn in talk if isinstance(talk, Sequence) and not isinstance(talk, str) else ():
        if isinstance(turn, Mapping) and turn.get("role", turn.get("from")) in _ANSWERS:
            answers.append(turn.get("content", turn.get("value")))
    if len(answers) != 1:
        raise UserError(f"{place}: has {'no' if not answers else 'more than one'} answer of an assistant")
    return _text(answers[0], place)


def _text(content: Any, place: str) -> str:
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in content or () if isinstance(part, Mapping)]
    texts = [text for text in parts if isinstance(text, str)]
    if not texts:
        raise UserError(f"{place}: the assistant's answer holds no text")
    return "".join(texts)


def _image(row: Mapping[str, Any], talk: Any, folder: Path, place: str) -> str | None:
    named = [*_listed(row.get("image")), *_listed(row.get("images")), *_listed(row.get("file_name"))]
    for turn in talk if isinstance(talk, list) else ():
        content = turn.get("content") if isinstance(turn, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping) and part.get("type") in ("image", "image_url"):
                named += _listed(part.get("image") or part.get("path") or part.get("url") or part.get("image_url"))
    names = list(dict.fromkeys(named))
    if not names:
        return None
    if len(names) > 1:
        raise UserError(f"{place}: has {len(names)} images; a sample is one image and its formula")
    if names[0].startswith(("http:", "https:", "data:")):
        raise UserError(f"{place}: the image is no file: {names[0][:60]}; download images first")
    return str(folder / names[0].removeprefix("file://"))


def _listed(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        value = value.get("path") or value.get("url")
    if isinstance(value, str):
        return [value]
    return [name for entry in value for name in _listed(entry)] if isinstance(value, list) else []


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                text = line.lstrip(_BOM).strip()
                if not text:
                    continue
                try:
                    value = json.loads(text)
                except (ValueError, RecursionError) as error:
                    raise UserError(f"{path}: line {number} is no JSON: {error}") from error
                if not isinstance(value, dict):
                    raise UserError(f"{path}: line {number} is no JSON object")
                yield number, value
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from error
