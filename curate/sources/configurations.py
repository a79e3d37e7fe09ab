"""The configurations of a Hugging Face data set, as its README.md names them. Reads no data.

`datasets.load_dataset(FOLDER, NAME)` loads one of them: two are different data sets, or the same one twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.base.tables import things
from curate.base.visible import visible
from curate.sources.model import Part
from curate.sources.splits import name_parts
from rules.toolkit.wording import listed

OTHERS = "files of other configurations of this data set, which were not read: {others}; to read one: {example}"

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?\n)---[ \t]*(\r?\n|\Z)", re.DOTALL)
#: A longer README.md has no such header either.
_LONGEST = 1 << 20
#: One with more configurations and patterns, counted together, isn't taken for the header of a data set.
_MOST = 5000
#: How many configurations an error lists.
_SHOWN = 20
_GLOB = re.compile(r"\*\*/?|\*|\?|\[[^\]]+\]")
_DEFAULT = "default"


@dataclass(frozen=True)
class Configuration:
    """patterns: (split or None, regular expression for the paths of its files, from the data set's folder)."""

    name: str
    patterns: tuple[tuple[str | None, str], ...]
    is_default: bool = False

    def files(self, paths: Sequence[str]) -> dict[str, str | None]:
        """{path: split} of those of `paths` that it holds; the first pattern that fits a path counts."""
        found: dict[str, str | None] = {}
        names = pl.Series(paths, dtype=pl.String)
        for split, pattern in self.patterns:
            try:
                # polars searches in linear time whatever the pattern is; `re` doesn't, and anybody may have written it.
                fits = names.filter(names.str.contains(pattern))
            except pl.exceptions.ComputeError:  # such as [z-a], or too long
                continue
            for path in fits:
                found.setdefault(path, split)
        return found


def configurations(folder: Path) -> list[Configuration]:
    """Those with files that the README.md of a folder names; [] if there is none, or it is not readable as such."""
    import yaml

    card = folder / "README.md"
    try:
        if not card.is_file() or card.stat().st_size > _LONGEST:
            return []
        match = _FRONT.match(read_text(card))
        matter = yaml.load(match[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if match else None
    except (OSError, ValueError, UserError, yaml.YAMLError, RecursionError):
        return []  # a note counts it among the documentation
    given = matter.get("configs") if isinstance(matter, dict) else None
    found: list[Configuration] = []
    left = _MOST
    for item in given if isinstance(given, list) else []:
        pairs = list(islice(_pairs(item), left))
        left -= len(pairs) + 1
        if left < 0:
            return []
        if configuration := _configuration(item, pairs):
            found.append(configuration)
    return found


def choose(
    parts: Sequence[Part], folder: Path, wanted: str | None, *, again: str, plain: bool
) -> tuple[list[Part], dict[str, list[Part]]]:
    """(the parts of one configuration, those of each of the others). Without configurations, all parts are of one.

    wanted: the configuration's name; None if the user gave none, and then the default counts, as in `datasets`. again:
    the source as the user wrote it, for errors. plain: the parts were named by `name_parts`. Raises UserError if
    `wanted` isn't there, or if none is given and there are several without a default.
    """
    at = {_below(part.path, folder): part for part in parts}
    held = {item: files for item in configurations(folder) if (files := item.files(list(at)))}
    names = [item.name for item in held]
    shown = list(map(visible, names))
    if wanted is not None and wanted not in names:
        there = f"it has: {listed(shown, _SHOWN)}" if names else "its README.md names none that has files here"
        there += f"; its folder is a data set of its own: {again}/{wanted}" if (folder / wanted).is_dir() else ""
        raise UserError(f"{again}: no configuration {wanted!r}; {there}")
    if not held:
        return list(parts), {}
    fitting = [item for item in held if wanted in (None, item.name)]
    if len(fitting) > 1:
        fitting = [item for item in held if item.is_default] or [item for item in held if item.name == _DEFAULT]
    if len(fitting) != 1:
        choices = " or ".join(f"{again}:{name}" for name in shown[:_SHOWN]) + (" or …" if shown[_SHOWN:] else "")
        raise UserError(
            f"{again}: its README.md names {things(len(names), 'configuration')}, each a data set of its own; say "
            f"which: {choices}"
        )
    splits = held[fitting[0]]
    others = {visible(item.name): [at[path] for path in found if path not in splits] for item, found in held.items()}
    others = {name: found for name, found in others.items() if found}
    mine = {path: part for path, part in at.items() if path in splits}
    if others and plain:
        mine = dict(zip(mine, name_parts([part.path for part in mine.values()], folder), strict=True))
    return [replace(part, split=splits[path] or part.split) for path, part in mine.items()], others


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _pairs(item: Any) -> Iterator[tuple[Any, Any]]:
    """The (split, path) pairs of a configuration, whatever they are. YAML can repeat a list at no cost, so that there
    may be more of them than anybody can go through."""
    files = item.get("data_files") if isinstance(item, dict) else None
    for entry in files if isinstance(files, list) else [files or "**"]:
        split, paths = (entry.get("split"), entry.get("path")) if isinstance(entry, dict) else (None, entry)
        for path in (paths or [None]) if isinstance(paths, list) else [paths]:
            yield split, path


def _configuration(item: Any, pairs: Sequence[tuple[Any, Any]]) -> Configuration | None:
    """None if it is written wrongly, or if it is the whole folder."""
    if not isinstance(item, dict):
        return None
    name, below = item.get("config_name"), item.get("data_dir")
    if not isinstance(name, str) or not (below is None or isinstance(below, str)):
        return None
    if not all(isinstance(path, str) for _, path in pairs) or (item.get("data_files") is None and not below):
        return None
    patterns = tuple((split if isinstance(split, str) else None, _pattern(path, below or "")) for split, path in pairs)
    return Configuration(name, patterns, item.get("default") is True)


def _pattern(path: str, below: str) -> str:
    """A pattern of `datasets` as a regular expression for polars: `*` is within one folder, `**` in any below."""
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
            out += "[" + re.sub(r"[\\\[&~]", r"\\\g<0>", inner) + "]"
        at = match.end()
    return f"^(?s:{out}{re.escape(whole[at:])})$"
