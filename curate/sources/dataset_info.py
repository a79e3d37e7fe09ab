"""LLaMA-Factory's `dataset_info.json`: which files are data sets and how their rows are laid out. Reads no rows."""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.sources.chat_layout import IMAGES, Layout

NAME = "dataset_info.json"
REMOTE = "data sets in dataset_info.json that are on a hub, not here"
ABSENT = "data sets in dataset_info.json whose file doesn't exist here"
PREFERENCE = "data sets in dataset_info.json that hold preferences (ranking), not answers"
OTHER_KIND = "data sets in dataset_info.json in files that are not read as conversations (CSV, text)"
TWICE = "data sets in dataset_info.json whose file another one names too"

ENDINGS = (".json", ".jsonl", ".ndjson", ".parquet", ".arrow")
#: How many folders above a file are searched for the dataset_info.json that names it.
_ABOVE = 3


@dataclass(frozen=True)
class Described:
    """A data set's file, with the data set's name and layout."""

    path: Path
    name: str
    layout: Layout


def read_info(folder: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """The data sets that a folder's dataset_info.json describes, by name; None if it isn't LLaMA-Factory's.

    `datasets` writes a file of the same name, and ms-swift's holds a list.
    """
    try:
        value = json.loads(read_text(folder / NAME, "utf-8-sig"))
    except (OSError, ValueError, RecursionError, UserError):
        return None
    if not isinstance(value, dict) or not value or not all(isinstance(entry, dict) for entry in value.values()):
        return None
    marks = ("file_name", "hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
    return value if any(mark in entry for entry in value.values() for mark in marks) else None


def described(folder: Path) -> tuple[list[Described], Counter[str]]:
    """The files that exist, in the order of dataset_info.json, and the number of data sets not read, by reason.

    Raises UserError if a file lies outside the folder.
    """
    found: dict[Path, Described] = {}
    left_out: Counter[str] = Counter()
    for name, entry in (read_info(folder) or {}).items():
        file = entry.get("file_name")
        if not isinstance(file, str) or not file:
            left_out[REMOTE] += 1
            continue
        if entry.get("ranking"):
            left_out[PREFERENCE] += 1
            continue
        path = folder / file
        if posixpath.normpath(file).startswith(("..", "/")):
            raise UserError(f"{folder / NAME}: {name!r} names a file outside this folder: {file}")
        inside = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
        files = [one for one in inside if one.name.lower().removesuffix(".gz").endswith(ENDINGS)]
        if not files:
            left_out[OTHER_KIND if inside else ABSENT] += 1
        elif any(one in found for one in files):
            left_out[TWICE] += 1
        else:
            found |= {one: Described(one, name, _layout(entry)) for one in files}
    return list(found.values()), left_out


def layout_for(path: Path) -> Layout | None:
    """How a dataset_info.json beside a file, or a few folders above it, lays out that file's rows."""
    for folder in path.absolute().parents[:_ABOVE]:
        if read_info(folder) is not None:
            try:
                return next((file.layout for file in described(folder)[0] if file.path == path.absolute()), None)
            except (UserError, OSError):
                return None
    return None


def _layout(entry: Mapping[str, Any]) -> Layout:
    """The layout of an entry. The names and defaults are LLaMA-Factory's."""
    columns, tags = entry.get("columns"), entry.get("tags")
    named = _name(columns, "images")
    images = (named,) if named else IMAGES
    system = _name(columns, "system")
    if entry.get("formatting", "alpaca") == "alpaca":
        roles = ("prompt", "query", "response")
        # A role that `columns` doesn't mention has its usual name only if `columns` is empty.
        usual = ("instruction", "input", "output") if not any(_name(columns, role) for role in roles) else (None,) * 3
        prompt, query, answer = (_name(columns, role, name) for role, name in zip(roles, usual, strict=True))
        question = tuple(name for name in (prompt, query) if name)
        return Layout(question=question, answer=answer, history=_name(columns, "history"), system=system, images=images)
    openai = entry.get("formatting") == "openai"
    return Layout(
        talk=_name(columns, "messages", "messages" if openai else "conversations"),
        system=system,
        images=images,
        roles=(_name(tags, "role_tag", "role" if openai else "from"),),
        contents=(_name(tags, "content_tag", "content" if openai else "value"),),
        users=(_name(tags, "user_tag", "user" if openai else "human"),),
        assistants=(_name(tags, "assistant_tag", "assistant" if openai else "gpt"),),
        systems=(_name(tags, "system_tag", "system"),),
    )


@overload
def _name(names: Any, key: str, default: str) -> str: ...
@overload
def _name(names: Any, key: str, default: str | None = None) -> str | None: ...
def _name(names: Any, key: str, default: str | None = None) -> str | None:
    value = names.get(key) if isinstance(names, dict) else None
    return value if isinstance(value, str) and value else default
