"""The page of all settings, from the comments in `config`. Reads that file, writes none."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

from finetune.settings import config

_FIELD = re.compile(r"    (\w+): ")


def settings_markdown() -> str:
    """One table per section: setting, kind, default, meaning."""
    lines = [
        "# Settings of a training",
        "",
        "`finetune train CONFIG [KEY=VALUE]...` reads these settings. In YAML, a section is a mapping:",
        "`train: {epochs: 3}`. On the command line, names are dotted: `train.epochs=3`. Settings that a file lacks",
        "have their defaults. An unknown key or a value of the wrong kind is an error.",
    ]
    hints = get_type_hints(config.Config)
    top = [name for name in hints if not dataclasses.is_dataclass(hints[name])]
    lines += ["", *_table(config.Config, "", top)]
    for name, kind in hints.items():
        if dataclasses.is_dataclass(kind):
            about = inspect.getdoc(kind) or ""
            lines += ["", f"## {name}", "", about, "", *_table(kind, f"{name}.", get_type_hints(kind))]
    return "\n".join(lines) + "\n"


def _table(kind: Any, prefix: str, names: Any) -> list[str]:
    said, hints, base = _comments(kind), get_type_hints(kind), kind()
    rows = ["| setting | kind | default | |", "| --- | --- | --- | --- |"]
    for name in names:
        value = getattr(base, name)
        rows.append(f"| `{prefix}{name}` | {_kind(hints[name])} | `{_written(value)}` | {said.get(name, '')} |")
    return rows


def _comments(kind: Any) -> dict[str, str]:
    """The `#:` comments above the fields of a dataclass."""
    out: dict[str, str] = {}
    above: list[str] = []
    for line in inspect.getsource(kind).splitlines():
        text = line.strip()
        field = _FIELD.match(line)
        if text.startswith("#:"):
            above.append(text.removeprefix("#:").strip())
        elif field:
            out[field[1]] = " ".join(above).replace("|", "\\|")
            above = []
    return out


def _kind(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " \\| ".join(f"`{value}`" for value in get_args(hint))
    if get_origin(hint) is tuple:
        return "list"
    parts = [part for part in get_args(hint) if part is not type(None)]
    if parts:
        return f"{_kind(parts[0])} or null"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}[hint]


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
