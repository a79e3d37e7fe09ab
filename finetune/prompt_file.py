"""Reads files of prompts: a name and a text each. Asks nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from curate.errors import UserError
from curate.visible import clip, visible

#: The folder of the ready prompt files; `--prompts styles` takes one by its name.
PROMPTS = "prompts"
#: Names become names of files on any system.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_HELP = "a prompt file is YAML such as `plain: Write the LaTeX code of the formula in this image.`, a line a prompt"


@dataclass(frozen=True)
class Prompt:
    """What is asked, and the name by which files and tables call it."""

    name: str
    text: str


def ready_prompts() -> list[str]:
    """The names of the prompt files that come with texsieve."""
    return sorted(
        Path(entry.name).stem for entry in files("finetune").joinpath(PROMPTS).iterdir() if entry.name.endswith(".yaml")
    )


def read_prompts(where: str | Path) -> list[Prompt]:
    """The prompts of a YAML file, or of a ready one by its name, in their order; at least one.

    The file maps names to texts, or to `{text: …}`. Raises UserError for one that can't be read or is no such file, for
    an empty text, a text that is there twice, and names that would be one file.
    """
    value = _parsed(where)
    if not isinstance(value, dict) or not value:
        raise UserError(f"{where}: holds no prompts; {_HELP}")
    prompts: list[Prompt] = []
    for key, entry in value.items():
        name = str(key)
        if not _NAME.fullmatch(name):
            raise UserError(
                f"{where}: {visible(clip(name, 60))!r} can't name a prompt: at most 60 letters, digits, - _ and ."
            )
        text = entry.get("text") if isinstance(entry, dict) else entry
        extra = sorted(str(one) for one in entry if one != "text") if isinstance(entry, dict) else []
        if extra:
            raise UserError(f"{where}: {name} has the key {visible(extra[0])!r}; a prompt has `text` alone")
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"{where}: {name} has no text; {_HELP}")
        for other in prompts:
            if other.name.lower() == name.lower():
                raise UserError(f"{where}: {other.name} and {name} would be one file; rename one")
            if other.text == text.strip():
                raise UserError(f"{where}: {other.name} and {name} ask the same")
        prompts.append(Prompt(name, text.strip()))
    return prompts


def _parsed(where: str | Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """YAML takes the last of two equal keys: a prompt would be gone without a word."""

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
        if twice is not None:
            raise UserError(f"{where}: {visible(clip(str(twice), 60))} is there twice")
        return dict(zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True))

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    try:
        return yaml.load(_text(where), Loader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{where}: no valid YAML{place}: {getattr(error, 'problem', None) or error}") from error


def _text(where: str | Path) -> str:
    file = Path(where)
    if not file.is_file() and str(where) in ready_prompts():
        return files("finetune").joinpath(PROMPTS, f"{where}.yaml").read_text(encoding="utf-8")
    if file.is_dir():
        raise UserError(f"{where}: is a folder; name a prompt file in it")
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{where}: no such file; ready prompt files are: {', '.join(ready_prompts())}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: is not UTF-8 text") from error
    except OSError as error:
        raise UserError(f"{where}: can't be read: {error.strerror}") from error
