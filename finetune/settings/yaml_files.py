"""Finds and parses YAML files, either a person's own or those that come with texsieve. Knows none of their keys."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.base.visible import clip, visible


def ready(folder: str) -> list[str]:
    """The names of the files that come with texsieve in `finetune/FOLDER`."""
    entries = files("finetune.settings").joinpath(folder).iterdir()
    return sorted(Path(entry.name).stem for entry in entries if entry.name.endswith(".yaml"))


def text_of(where: str | Path, folder: str, *, kind: str, known: str) -> str:
    """The text of a file, or of the ready one with that name in `folder`. A file takes precedence.

    kind: what it is, and known: an introduction to the list of ready ones, for messages. Raises UserError if it can't
    be read.
    """
    file = Path(where)
    if not file.is_file() and str(where) in ready(folder):
        return files("finetune.settings").joinpath(folder, f"{where}.yaml").read_text(encoding="utf-8")
    if file.is_dir():
        raise UserError(f"{where}: is a folder; name a {kind} in it")
    try:
        return read_text(file, "utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{where}: no such file{known} {', '.join(ready(folder))}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: is not UTF-8 text") from error
    except OSError as error:
        raise UserError(f"{where}: can't be read: {error.strerror}") from error


def parsed(text: str, where: str | Path) -> Any:
    """The value of YAML text, in plain types. Raises UserError with the place, also for a repeated key."""
    import yaml

    try:
        return yaml.load(text, _strict_loader(where))
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UserError(f"{where}: invalid YAML{place}: {problem}") from error


def _strict_loader(where: str | Path) -> Any:
    """PyYAML's safe loader, but it rejects repeated keys, of which PyYAML silently takes the last."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: list[Any] = []
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                if key.tag == "tag:yaml.org,2002:merge":  # keys merged with `<<` may be overridden
                    continue
                value = self.construct_object(key, deep=True)
                if value in seen:
                    raise UserError(
                        f"{where}: {visible(clip(str(value), 60))} is repeated at line "
                        f"{key.start_mark.line + 1}, column {key.start_mark.column + 1}"
                    )
                seen.append(value)
            return super().construct_mapping(node, deep)

    return Loader
