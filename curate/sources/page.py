"""docs/data-formats.md, from what the formats say about themselves. The text around it is in docs/templates."""

from __future__ import annotations

import re
from collections.abc import Sequence

from curate.base.column_names import DOUBTFUL_IMAGES, IMAGE_IDS, TRIED
from curate.sources.format import SourceFormat
from curate.sources.look import IMAGE_ENDINGS
from curate.sources.registry import FORMATS

_PLACEHOLDER = re.compile(r"^\{(\w+)\}$|\{(with_columns|doubtful|image_ids)\}", re.MULTILINE)


def formats_markdown(template: str) -> str:
    """The page: `template` with the placeholders `{table}`, `{columns}` and so on filled in."""
    filled = {
        "table": _table(),
        "with_columns": ", ".join(f"`{name}`" for name, item in FORMATS.items() if item.columns),
        "columns": _columns(),
        "layouts": _layouts(),
        "doubtful": _listed(DOUBTFUL_IMAGES),
        "image_ids": _listed(IMAGE_IDS),
        "formats": "\n\n".join(_kind(title, general) for title, general in _KINDS),
    }
    return _PLACEHOLDER.sub(lambda match: filled[match[1] or match[2]], template)


_KINDS = (("Formats of well-known data sets", False), ("Formats of any data set", True))


def _table() -> str:
    rows = [f"| [`{name}`](#{name}) | {item.shape} |" for name, item in FORMATS.items()]
    return "\n".join(["| format | what it is |", "| --- | --- |", *rows])


def _layouts() -> str:
    rows = [
        f"| {whose} | {held} | [`{name}`](#{name}) |" for name, item in FORMATS.items() for whose, held in item.layouts
    ]
    return "\n".join(["| data set | what is in its folder | read as |", "| --- | --- | --- |", *rows])


def _listed(names: Sequence[str]) -> str:
    *first, last = (f"`{name}`" for name in names)
    return f"{', '.join(first)} and {last}"


def _columns() -> str:
    rows = [f"| {role} | {' '.join(f'`{name}`' for name in names)} |" for role, names in TRIED.items()]
    return "\n".join(["| role | columns |", "| --- | --- |", *rows])


def _kind(title: str, general: bool) -> str:
    sections = [_section(item) for item in FORMATS.values() if item.general is general]
    return "\n\n".join([f"## {title}", *sections])


def _section(item: SourceFormat) -> str:
    texts = [(name, text) for name, text in item.example if not name.lower().endswith(IMAGE_ENDINGS)]
    images = [f"`{name}`" for name, _ in item.example if name.lower().endswith(IMAGE_ENDINGS)]
    what = f"{item.shape[0].upper()}{item.shape[1:]}."
    parts = [f"### {item.name}", what, item.page.strip("\n")]
    for number, (name, text) in enumerate(texts):
        beside = f", with {', '.join(images)}" if images and number == len(texts) - 1 else ""
        parts.append(f"`{name}`{beside}:\n\n```text\n{text.rstrip()}\n```")
    return "\n\n".join(part for part in parts if part)
