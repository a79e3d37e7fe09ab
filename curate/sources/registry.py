"""Finds the formats: every module of `formats/` holds one. They are listed nowhere else."""

from __future__ import annotations

import pkgutil
import textwrap
from collections.abc import Mapping
from importlib import import_module

from curate.sources import formats
from curate.sources.format import SourceFormat


def _found() -> dict[str, SourceFormat]:
    """Formats of well-known data sets first, then general ones, by name."""
    found: list[SourceFormat] = []
    for module in pkgutil.iter_modules(formats.__path__):
        item = getattr(import_module(f"{formats.__name__}.{module.name}"), "FORMAT", None)
        if not isinstance(item, SourceFormat) or item.name != module.name:
            raise TypeError(f"{formats.__name__}.{module.name} holds no FORMAT of the name {module.name!r}")
        found.append(item)
    return {item.name: item for item in sorted(found, key=lambda item: (item.general, item.name))}


FORMATS: Mapping[str, SourceFormat] = _found()


def format_list() -> str:
    """The formats' names for a help text: one line per kind of format, below its title."""
    kinds = (("FORMAT of a well-known data set:", False), ("FORMAT of any data set:", True))
    lines = []
    for title, general in kinds:
        names = [name for name, item in FORMATS.items() if item.general is general]
        lines += [title, *textwrap.wrap(" ".join(names), 80, initial_indent="  ", subsequent_indent="  ")]
    return "\n".join(lines)
