"""The configurations of a Hugging Face data set, as its README.md names them. Reads no data.

`datasets.load_dataset(FOLDER, NAME)` loads one of them: two are different data sets, or the same one twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.base.tables import things
from curate.sources.model import Part
from curate.sources.splits import name_parts

OTHERS = "files of other configurations of this data set, which were not read: {others}; to read one: {example}"

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?\n)---[ \t]*(\r?\n|\Z)", re.DOTALL)
#: A longer README.md has no such header either.
_LONGEST = 1 << 20
_GLOB = re.compile(r"\*\*/?|\*|\?|\[[^\]]+\]")
_DEFAULT = "default"


@dataclass(frozen=True)
class Configuration:
    """patterns: (split or None, pattern of the paths of its files, from the data set's folder)."""

    name: str
    patterns: tuple[tuple[str | None, re.Pattern[str]], ...]
    is_default: bool = False

    def holds(self, path: str) -> bool:
        return any(pattern.fullmatch(path) for _, pattern in self.patterns)

    def split(self, path: str) -> str | None:
        return next((split for split, pattern in self.patterns if pattern.fullmatch(path)), None)


def configurations(folder: Path) -> list[Configuration]:
    """Those with files that the README.md of a folder names; [] if there is none, or it is not readable as such."""
    import yaml

    card = folder / "README.md"
    try:
        if not card.is_file() or card.stat().st_size > _LONGEST:
            return []
        match = _FRONT.match(read_text(card))
        matter = yaml.safe_load(match[1]) if match else None
    except (OSError, ValueError, UserError, yaml.YAMLError, RecursionError):
        return []  # a note counts it among the documentation
    given = matter.get("configs") if isinstance(matter, dict) else None
    read = [_configuration(item) for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    return [item for item in read if item is not None]


def choose(
    parts: Sequence[Part], folder: Path, wanted: str | None, *, again: str, plain: bool
) -> tuple[list[Part], dict[str, list[Part]]]:
    """(the parts of one configuration, those of each of the others). Without configurations, all parts are of one.

    wanted: the configuration's name; None if the user gave none, and then the default counts, as in `datasets`. again:
    the source as the user wrote it, for errors. plain: the parts were named by `name_parts`. Raises UserError if
    `wanted` isn't there, or if none is given and there are several without a default.
    """
    held = {
        item: found
        for item in configurations(folder)
        if (found := [part for part in parts if item.holds(_below(part.path, folder))])
    }
    names = [item.name for item in held]
    if wanted is not None and wanted not in names:
        there = f"it has: {', '.join(names)}" if names else "its README.md names none that has files here"
        there += f"; its folder is a data set of its own: {again}/{wanted}" if (folder / wanted).is_dir() else ""
        raise UserError(f"{again}: no configuration {wanted!r}; {there}")
    if not held:
        return list(parts), {}
    fitting = [item for item in held if wanted in (None, item.name)]
    if len(fitting) > 1:
        fitting = [item for item in held if item.is_default] or [item for item in held if item.name == _DEFAULT]
    if len(fitting) != 1:
        choices = " or ".join(f"{again}:{name}" for name in names)
        raise UserError(
            f"{again}: its README.md names {things(len(names), 'configuration')}, each a data set of its own; say "
            f"which: {choices}"
        )
    (chosen,) = fitting
    others = {item.name: [part for part in found if part not in held[chosen]] for item, found in held.items()}
    others = {name: found for name, found in others.items() if found}
    mine = name_parts([part.path for part in held[chosen]], folder) if others and plain else held[chosen]
    return [replace(part, split=chosen.split(_below(part.path, folder)) or part.split) for part in mine], others


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _configuration(item: dict[str, Any]) -> Configuration | None:
    name, files, below = item.get("config_name"), item.get("data_files"), item.get("data_dir")
    if not isinstance(name, str) or not (below is None or isinstance(below, str)):
        return None
    patterns: list[tuple[str | None, re.Pattern[str]]] = []
    for entry in files if isinstance(files, list) else [files or "**"]:
        split = entry.get("split") if isinstance(entry, dict) else None
        paths = entry.get("path") if isinstance(entry, dict) else entry
        for path in paths if isinstance(paths, list) else [paths]:
            if not isinstance(path, str):
                return None
            patterns.append((split if isinstance(split, str) else None, _pattern(path, below or "")))
    whole = files is None and not below
    return None if whole else Configuration(name, tuple(patterns), item.get("default") is True)


def _pattern(path: str, below: str) -> re.Pattern[str]:
    """A pattern of `datasets` as a regular expression: `*` is within one folder, `**` in any below."""
    folder = below.strip("/").removeprefix("./").rstrip("/")
    whole = f"{folder}/{path.removeprefix('./')}" if folder and folder != "." else path.removeprefix("./")
    out, at = "", 0
    for match in _GLOB.finditer(whole):
        out += re.escape(whole[at : match.start()])
        token = match[0]
        if token == "**/":
            out += "(?:.*/)?"
        elif token == "**":
            out += ".*"
        elif token == "*":
            out += "[^/]*"
        elif token == "?":
            out += "[^/]"
        else:
            inner = token[1:-1]
            inner = "^" + inner[1:] if inner[:1] == "!" else inner
            out += "[" + inner.replace("\\", r"\\").replace("[", r"\[") + "]"
        at = match.end()
    return re.compile(out + re.escape(whole[at:]), re.DOTALL)
