"""The formats' part of docs/export.md, from what the formats say about themselves."""

from __future__ import annotations

from curate.export.registry import FORMATS


def as_markdown() -> str:
    """A table of the formats, and a paragraph about each."""
    rows = [f"| `{name}` | {item.help} | {item.files} | {item.besides} |" for name, item in FORMATS.items()]
    table = "\n".join(["| `--format` | what it is | files | besides |", "| --- | --- | --- | --- |", *rows])
    return "\n\n".join([table, *(f"`{name}`: {item.page}" for name, item in FORMATS.items())])
