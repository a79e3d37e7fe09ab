"""Finds the formats: each module of `formats/` holds one, and other packages add more. Listed nowhere else."""

from __future__ import annotations

import pkgutil
import re
import textwrap
from collections.abc import Mapping
from importlib import import_module

from curate.sources import formats
from curate.sources.format import SourceFormat
from rules import plugins

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


#: The formats of other packages, by name.
BROUGHT: dict[str, plugins.Plugin] = {}


def _found() -> dict[str, SourceFormat]:
    """Formats of well-known data sets first, then general ones, by name."""
    found: list[SourceFormat] = []
    for module in pkgutil.iter_modules(formats.__path__):
        item = getattr(import_module(f"{formats.__name__}.{module.name}"), "FORMAT", None)
        if not isinstance(item, SourceFormat) or item.name != module.name:
            raise TypeError(f"{formats.__name__}.{module.name} holds no FORMAT of the name {module.name!r}")
        found.append(item)
    ours = {item.name: item for item in found}

    def take(plugin: plugins.Plugin) -> None:
        ours[plugin.name] = _brought(plugin, ours)
        BROUGHT[plugin.name] = plugin

    for _ in plugins.each(plugins.SOURCES, take):
        pass
    return {item.name: item for item in sorted(ours.values(), key=lambda item: (item.general, item.name))}


def _brought(plugin: plugins.Plugin, taken: Mapping[str, SourceFormat]) -> SourceFormat:
    """The format of an entry point. Raises ValueError or TypeError where it can't be taken beside those `taken`."""
    item = plugin.load()
    if not isinstance(item, SourceFormat):
        raise TypeError("the entry point must name an instance of curate.sources.SourceFormat, as in my_package:FORMAT")
    if item.name != plugin.name or not _NAME.fullmatch(item.name):
        raise ValueError(f"the format is called {item.name!r}: the entry point needs its name, in lower-case letters")
    if item.name in taken:
        raise ValueError("there is a format of that name already")
    return item


FORMATS: Mapping[str, SourceFormat] = _found()


def format_list() -> str:
    """The formats' names for a help text: one line per kind of format, below its title."""
    kinds = (("FORMAT of a well-known data set:", False), ("FORMAT of any data set:", True))
    lines = []
    for title, general in kinds:
        names = [name for name, item in FORMATS.items() if item.general is general]
        lines += [title, *textwrap.wrap(" ".join(names), 80, initial_indent="  ", subsequent_indent="  ")]
    return "\n".join(lines)
