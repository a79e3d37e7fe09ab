"""Finds hash packs by name: files of hashes in folders that the user, or an installed package, brings.

A pack is NAME.parquet as `curate hashes` writes it. Folders are looked through in this order: those in the variable
TEXSIEVE_PACKS, `packs` in the user's data folder, those of packages with an entry point in the group `texsieve.packs`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from curate.base.data_folder import data_folder
from curate.base.errors import UserError
from curate.duplicates.hashes import facts_of

#: Folders with packs, as PATH has them.
VARIABLE = "TEXSIEVE_PACKS"
#: Packages whose folder holds packs name themselves in this group of entry points.
GROUP = "texsieve.packs"
_ENDING = ".parquet"


@dataclass(frozen=True)
class Pack:
    """A pack that was found. facts: what its file says of itself; wrong: why it can't be read, or empty."""

    name: str
    path: Path
    facts: Mapping[str, str]
    wrong: str = ""


def folders() -> list[Path]:
    """The folders that packs are looked for in, in order, whether or not they are there."""
    named = [Path(one) for one in os.environ.get(VARIABLE, "").split(os.pathsep) if one]
    found = [*named, data_folder() / "packs"]
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        package, *inner = point.value.split(".")  # `find_spec` of an inner one would run the outer one
        with suppress(ImportError, ValueError):  # of a package that was removed in part
            spec = find_spec(package)
            found += [Path(folder, *inner) for folder in (spec and spec.submodule_search_locations) or ()]
    return found


def find_pack(name: str) -> Path | None:
    """The file of the pack of this name, from the first folder that has it; None if there is no such pack."""
    if not is_name(name):
        return None
    return next((path for path in map(partial(_file, name), folders()) if path.is_file()), None)


def is_name(text: str) -> bool:
    """Whether this can be the name of a pack: a single part of a path, without the ending."""
    return bool(text) and Path(text).name == text and not text.endswith(_ENDING)


def packs() -> Iterator[Pack]:
    """All packs, by folder and name. One that an earlier folder has too is left out, as it is never found."""
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
    """What to say of a name that is neither a path nor a pack."""
    if not is_name(name):
        return f"{name}: no such run folder or file of hashes"
    known = ", ".join(sorted(pack.name for pack in packs()))
    there = f"packs: {known}" if known else f"no packs in {', '.join(map(str, folders()))}"
    return f"{name}: no such run folder, file of hashes or hash pack; {there}"


def _file(name: str, folder: Path) -> Path:
    return folder / f"{name}{_ENDING}"
