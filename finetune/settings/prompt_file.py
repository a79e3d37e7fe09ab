"""Reads prompt files, in which each prompt has a name and a text. Asks no model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from curate.base.errors import UserError
from curate.base.visible import clip, visible
from finetune.settings.yaml_files import parsed, text_of

#: The folder with the ready prompt files, such as the one for `--prompts styles`.
PROMPTS = "prompts"
#: Names must be valid file names on any system.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
#: A placeholder for the unit of boxes, which depends on the family of models.
_COORDINATES = "{coordinates}"
_ASKED_IN = {"pixels": "in pixels", "thousandths": "in thousandths of the image's width and height"}
_HELP = "a prompt file is YAML with lines such as `plain: Write the LaTeX code of the formula in this image.`"


@dataclass(frozen=True)
class Prompt:
    """The text of a prompt, and its name in files and tables."""

    name: str
    text: str


def read_prompts(where: str | Path, coordinates: Literal["pixels", "thousandths"] = "pixels") -> list[Prompt]:
    """The prompts of a YAML file, or of a ready one by name, in order; at least one.

    The file maps names to texts, or to `{text: …}`. coordinates: the unit of boxes for `{coordinates}` in a text.
    Raises UserError for a file that can't be read or isn't a prompt file, an empty text, a repeated text, and names
    that would be the same file.
    """
    value = parsed(text_of(where, PROMPTS, kind="prompt file", known="; ready prompt files are:"), where)
    if not isinstance(value, dict) or not value:
        raise UserError(f"{where}: has no prompts; {_HELP}")
    prompts: list[Prompt] = []
    for key, entry in value.items():
        name = str(key)
        if not _NAME.fullmatch(name):
            raise UserError(
                f"{where}: {visible(clip(name, 60))!r} can't be the name of a prompt: use at most 60 letters, digits, "
                "- _ and ."
            )
        text = entry.get("text") if isinstance(entry, dict) else entry
        extra = sorted(str(one) for one in entry if one != "text") if isinstance(entry, dict) else []
        if extra:
            raise UserError(f"{where}: {name} has the key {visible(extra[0])!r}; a prompt has only `text`")
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"{where}: {name} has no text; {_HELP}")
        text = text.replace(_COORDINATES, _ASKED_IN[coordinates])
        for other in prompts:
            if _files(other.name) & _files(name):
                raise UserError(f"{where}: {other.name} and {name} would be the same file; rename one")
            if other.text == text.strip():
                raise UserError(f"{where}: {other.name} and {name} have the same text")
        prompts.append(Prompt(name, text.strip()))
    return prompts


def _files(name: str) -> set[str]:
    """The files for its raw and unwrapped answers, on systems that ignore case."""
    return {f"{name.lower()}.jsonl", f"{name.lower()}.unwrapped.jsonl"}
