"""Reads files of prompts: a name and a text each. Asks nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from curate.base.errors import UserError
from curate.base.visible import clip, visible
from finetune.settings.yaml_files import parsed, text_of

#: The folder of the ready prompt files; `--prompts styles` takes one by its name.
PROMPTS = "prompts"
#: Names become names of files on any system.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
#: What the place of a formula is to be given in stands here: it is another thing with another family of models.
_COORDINATES = "{coordinates}"
_ASKED_IN = {"pixels": "in pixels", "thousandths": "in thousandths of the image's width and height"}
_HELP = "a prompt file is YAML such as `plain: Write the LaTeX code of the formula in this image.`, a line a prompt"


@dataclass(frozen=True)
class Prompt:
    """What is asked, and the name by which files and tables call it."""

    name: str
    text: str


def read_prompts(where: str | Path, coordinates: Literal["pixels", "thousandths"] = "pixels") -> list[Prompt]:
    """The prompts of a YAML file, or of a ready one by its name, in their order; at least one.

    The file maps names to texts, or to `{text: …}`. coordinates: what `{coordinates}` in a text asks for boxes in.
    Raises UserError for one that can't be read or is no such file, for an empty text, a text that is there twice, and
    names that would be one file.
    """
    value = parsed(text_of(where, PROMPTS, kind="prompt file", known="; ready prompt files are:"), where)
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
        text = text.replace(_COORDINATES, _ASKED_IN[coordinates])
        for other in prompts:
            if _files(other.name) & _files(name):
                raise UserError(f"{where}: {other.name} and {name} would be one file; rename one")
            if other.text == text.strip():
                raise UserError(f"{where}: {other.name} and {name} ask the same")
        prompts.append(Prompt(name, text.strip()))
    return prompts


def _files(name: str) -> set[str]:
    """The files of its answers, as they came and unwrapped, where upper and lower case are one."""
    return {f"{name.lower()}.jsonl", f"{name.lower()}.unwrapped.jsonl"}
