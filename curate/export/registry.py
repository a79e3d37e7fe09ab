"""Finds the export formats: every module of `formats/` holds one. They are listed nowhere else."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from curate.export import formats
from curate.export.format import ExportFormat


def _found() -> dict[str, ExportFormat]:
    """The formats by name, in alphabetical order."""
    found: dict[str, ExportFormat] = {}
    for module in pkgutil.iter_modules(formats.__path__):
        item = getattr(import_module(f"{formats.__name__}.{module.name}"), "FORMAT", None)
        if not isinstance(item, ExportFormat) or item.name != module.name:
            raise TypeError(f"{formats.__name__}.{module.name} holds no FORMAT of the name {module.name!r}")
        found[item.name] = item
    return dict(sorted(found.items()))


FORMATS: Mapping[str, ExportFormat] = _found()


def format_list() -> str:
    """The formats for a help text, one line each: the name and what it is."""
    longest = max(map(len, FORMATS))
    return "\n".join(f"  {name:{longest}}  {item.help}" for name, item in FORMATS.items())
