"""Writes a data set's manifest.json and verifies a data set against it. Makes no data.

The manifest names the inputs and tools of the data set, and every file's size and SHA-256. It contains no time and no
path of the machine: the same runs and settings give the same manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import rules
from curate import __version__
from curate.base.errors import UserError
from curate.base.given_files import no_folder, read_text
from curate.base.visible import visible
from curate.export.decide.inputs import Input
from curate.runs.folder import file_sha256

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
#: What the hub's own client adds to a folder that it downloads.
_FOREIGN = (".git", ".cache", ".gitattributes", ".huggingface")


def canonical_json(value: Any) -> str:
    """JSON text that is the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256_of(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def versions() -> dict[str, str]:
    """The packages that affect the bytes of a data set."""
    return {"texsieve": __version__, **{name: version(name) for name in ("math-core", "pillow", "polars", "pyarrow")}}


def describe_inputs(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """The inputs of an export: every run with its files' hashes and its sources.

    Runs whose folders have the same name are numbered: the folders around them are this machine's business.
    """
    names = [item.name for item in inputs]
    return [
        {
            "run": f"{name} ({names[:at].count(name) + 1})" if names.count(name) > 1 else name,
            "sha256": dict(sorted(item.hashes.items())),
            "sources": [{key: source[key] for key in ("name", "format", "samples")} for source in item.sources],
        }
        for at, (name, item) in enumerate(zip(names, inputs, strict=True))
    ]


def write_manifest(
    folder: Path,
    config: Mapping[str, Any],
    inputs: Sequence[Input],
    facts: Mapping[str, Any],
    known: Callable[[str], Mapping[str, Any] | None],
) -> None:
    """Write the manifest of a finished folder. known: bytes and sha256 of a file, or None for one to be hashed.

    The files are written one by one: image folders have millions.
    """
    manifest = {
        "manifest_version": MANIFEST_VERSION,
        "texsieve": __version__,
        "key_version": rules.KEY_VERSION,
        "versions": versions(),
        "inputs": describe_inputs(inputs),
        "config": dict(config),
        "config_sha256": sha256_of(config),
        **facts,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="\n") as file:
        file.write(text.removesuffix("\n}") + ',\n "files": {')
        for number, name in enumerate(_files(folder)):
            of = known(name) or _facts(folder / name)
            quoted = json.dumps(name, ensure_ascii=False)
            file.write("," if number else "")
            file.write(f'\n  {quoted}: {{\n   "bytes": {of["bytes"]},\n   "sha256": "{of["sha256"]}"\n  }}')
        file.write("\n }\n}\n")


def _facts(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _files(folder: Path) -> Iterator[str]:
    """Everything below `folder` except the manifest and what the hub's client adds."""
    for name in files_below(folder):
        if name.split("/")[0] not in _FOREIGN and name != MANIFEST:
            yield name


def files_below(folder: Path, prefix: str = "") -> Iterator[str]:
    """The names of all files and links below `folder`, sorted, a folder at a time."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path), f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name


def style_of(folder: Path) -> str | None:
    """How an export says its labels are spelled: `canonical`, or None for any other spelling and any other folder."""
    try:
        config = json.loads(read_text(folder / MANIFEST))["config"]
        return "canonical" if config["style"] == "canonical" else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


# Verifying ------------------------------------------------------------------------------------------------------------


def read_manifest(folder: Path) -> dict[str, Any]:
    """A data set's manifest. Raises UserError if there is none, or it can't be read."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise UserError(f"{folder}: {no_folder(folder)}; name the folder that `curate export` wrote")
    try:
        manifest = json.loads(read_text(path))
    except FileNotFoundError as error:
        raise UserError(f"{folder}: holds no {MANIFEST}; is it a folder that `curate export` wrote?") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: can't be read ({error}); export the data set again") from error
    if not isinstance(manifest, dict) or manifest.get("manifest_version") != MANIFEST_VERSION:
        raise UserError(f"{path}: not a manifest that this texsieve can read (wanted version {MANIFEST_VERSION})")
    files: Any = manifest.get("files")
    good = isinstance(files, dict) and all(
        isinstance(facts, dict) and isinstance(facts.get("sha256"), str) and isinstance(facts.get("bytes"), int)
        for facts in files.values()
    )
    if not good:
        raise UserError(f"{path}: lists no files; export the data set again")
    for name in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(f"{path}: names a file outside the folder: {name}")
    return manifest


def check(folder: Path) -> tuple[list[str], int]:
    """What is wrong with a data set, one line per file (missing, changed, extra), and the number of listed files.

    A link to a file counts as that file: the hub's client stores its downloads like this.

    Raises UserError as `read_manifest` does.
    """
    files: dict[str, dict[str, Any]] = read_manifest(folder)["files"]
    wrong = []
    for name, facts in sorted(files.items()):
        path = folder / name
        if not path.is_file():
            wrong.append(f"missing  {name}")
        elif path.stat().st_size != facts["bytes"]:
            wrong.append(f"changed  {name} ({path.stat().st_size:,} bytes, not {facts['bytes']:,})")
        elif file_sha256(path) != facts["sha256"]:
            wrong.append(f"changed  {name} (same size, other content)")
    wrong += [f"extra    {name}" for name in _files(folder) if name not in files]
    return [visible(line) for line in wrong], len(files)
