"""Finds and parses YAML files, a person's own or those that come with texsieve. Knows none of their keys."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from curate.errors import UserError


def ready(folder: str) -> list[str]:
    """The names of the files that come with texsieve in `finetune/FOLDER`."""
    entries = files("finetune").joinpath(folder).iterdir()
    return sorted(Path(entry.name).stem for entry in entries if entry.name.endswith(".yaml"))


def text_of(where: str | Path, folder: str, *, kind: str, known: str) -> str:
    """The text of a file, or of the ready one of that name in `folder`; a file wins over a ready one.

    kind: what it is, and known: what ready ones there are, for messages. Raises UserError where it can't be read.
    """
    file = Path(where)
    if not file.is_file() and str(where) in ready(folder):
        return files("finetune").joinpath(folder, f"{where}.yaml").read_text(encoding="utf-8")
    if file.is_dir():
        raise UserError(f"{where}: is a folder; name a {kind} in it")
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{where}: no such file{known} {', '.join(ready(folder))}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: is not UTF-8 text") from error
    except OSError as error:
        raise UserError(f"{where}: can't be read: {error.strerror}") from error


def parsed(text: str, where: str | Path, loader: Any = None) -> Any:
    """The value of YAML text. loader: a PyYAML loader, the safe one by default. Raises UserError, with the place."""
    import yaml

    try:
        return yaml.load(text, loader or yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{where}: no valid YAML{place}: {getattr(error, 'problem', None) or error}") from error
