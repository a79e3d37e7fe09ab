"""Finds hash packs by name: files of hashes in folders that the user or an installed package provides.

A pack is a file NAME.parquet that `curate hashes` wrote. Folders are searched in this order: those in the variable
TEXSIEVE_PACKS, `packs` in the user's data folder, those of packages with an entry point in the group `texsieve.packs`
(none if TEXSIEVE_PLUGINS is 0).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from curate.base.data_folder import data_folder
from curate.base.errors import UserError
from curate.duplicates.hashes import facts_of
from rules import plugins

#: The variable that lists folders with packs, separated as in PATH.
VARIABLE = "TEXSIEVE_PACKS"
_ENDING = ".parquet"


@dataclass(frozen=True)
class Pack:
    """A pack that was found. facts: the file's metadata; wrong: why it can't be read, or empty."""

    name: str
    path: Path
    facts: Mapping[str, str]
    wrong: str = ""


def folders() -> list[Path]:
    """The folders in which packs are searched, in order, whether or not they exist."""
    named = [Path(one) for one in os.environ.get(VARIABLE, "").split(os.pathsep) if one]
    found = [*named, data_folder() / "packs"]
    for plugin in plugins.found(plugins.PACKS):
        package, *inner = plugin.point.value.split(".")  # `find_spec` of an inner package would import the outer one
        with suppress(ImportError, ValueError):  # a package that was only partly removed
            spec = find_spec(package)
            found += [Path(folder, *inner) for folder in (spec and spec.submodule_search_locations) or ()]
    return found


def find_pack(name: str) -> Path | None:
    """The file of the pack of this name, from the first folder that has it; None if there is no such pack."""
    if not is_name(name):
        return None
    return next((path for path in map(partial(_file, name), folders()) if path.is_file()), None)


def is_name(text: str) -> bool:
    """Whether this can be the name of a pack: a single path component, without the ending."""
    return bool(text) and Path(text).name == text and not text.endswith(_ENDING)


def packs() -> Iterator[Pack]:
    """All packs, by folder and name. A pack whose name occurs in an earlier folder is left out: it is never found."""
    seen: set[str] = set()
    for folder in folders():
        for path in sorted(folder.glob(f"*{_ENDING}")):
            if path.stem in seen:
                continue
            seen.add(path.stem)
            try:
                yield Pack(path.stem, path, facts_of(path))
            except UserError as error:
                yield Pack(path.stem, path, {}, str(error).removeprefix(f"{path}: "))


def not_found(name: str) -> str:
    """The message for a name that is neither a path nor a pack."""
    if not is_name(name):
        return f"{name}: no such run folder or file of hashes"
    known = ", ".join(sorted(pack.name for pack in packs()))
    there = f"packs: {known}" if known else f"no packs in {', '.join(map(str, folders()))}"
    return f"{name}: no such run folder, file of hashes or hash pack; {there}"


def _file(name: str, folder: Path) -> Path:
    return folder / f"{name}{_ENDING}"
