"""Finds the formats: every module of `formats/` holds one. Nothing else lists them."""

from __future__ import annotations

import pkgutil
import textwrap
from collections.abc import Mapping
from importlib import import_module

from curate.sources import formats
from curate.sources.format import SourceFormat


def _found() -> dict[str, SourceFormat]:
    """Formats of well-known data sets first, then the general ones, by name."""
    found: list[SourceFormat] = []
    for module in pkgutil.iter_modules(formats.__path__):
        item = getattr(import_module(f"{formats.__name__}.{module.name}"), "FORMAT", None)
        if not isinstance(item, SourceFormat) or item.name != module.name:
            raise TypeError(f"{formats.__name__}.{module.name} holds no FORMAT of the name {module.name!r}")
        found.append(item)
    return {item.name: item for item in sorted(found, key=lambda item: (item.general, item.name))}


FORMATS: Mapping[str, SourceFormat] = _found()


def format_list(width: int = 90) -> str:
    """The formats' names for a help text, in lines of at most `width` characters."""
    kinds = (("Formats of well-known data sets: ", False), ("Formats of any data set: ", True))
    return "\n".join(
        textwrap.fill(
            ", ".join(name for name, item in FORMATS.items() if item.general is general),
            width,
            initial_indent=title,
            subsequent_indent="  ",
        )
        for title, general in kinds
    )
