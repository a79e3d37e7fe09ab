"""What other installed packages add by entry points: rules, source formats, metrics, hash packs. Knows none of them.

A package that can't be loaded, or that declares something invalid, is left out with one line; see `left_out`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

T = TypeVar("T")

VARIABLE = "TEXSIEVE_PLUGINS"

#: The groups of entry points, and what the packages in them add.
RULES, SOURCES, METRICS, PACKS = "texsieve.rules", "texsieve.sources", "texsieve.metrics", "texsieve.packs"
GROUPS = {RULES: "rules", SOURCES: "source format", METRICS: "metrics", PACKS: "hash packs"}


class PluginWarning(UserWarning):
    """Something from another package is left out. Commands print the same text on standard error."""


@dataclass(frozen=True)
class Plugin:
    """An entry point: its group and name, and its package with the version."""

    group: str
    name: str
    package: str
    point: EntryPoint

    def load(self) -> Any:
        """The object that the entry point names. Raises whatever its module does when it is imported."""
        return self.point.load()


_left_out: dict[tuple[str, str], str] = {}


def found(group: str) -> list[Plugin]:
    """The entry points of a group, sorted by package and name. There are none if the environment variable
    TEXSIEVE_PLUGINS is 0."""
    if os.environ.get(VARIABLE) == "0":
        return []
    points = entry_points(group=group)
    plugins = [Plugin(group, point.name, _package(point), point) for point in points]
    return sorted(plugins, key=lambda plugin: (plugin.package, plugin.name))


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a package without a name"


def each(group: str, take: Callable[[Plugin], T]) -> Iterator[T]:
    """The result of `take` for each entry point, in the order of `found`. If it raises, the entry point is left out."""
    for plugin in found(group):
        try:
            taken = take(plugin)
        except (Exception, SystemExit) as error:  # importing someone else's module may raise anything
            leave_out(plugin, error)
        else:
            yield taken


def leave_out(plugin: Plugin, error: BaseException) -> None:
    """Note that an entry point is left out, and why."""
    said = " ".join(str(error).split())
    if not isinstance(error, ValueError | TypeError) or not said:  # these two say what is wrong with a declaration
        said = f"{type(error).__name__}{said and f': {said}'}"
    what = f"its {GROUPS[plugin.group]} {plugin.name!r} (entry point {plugin.point.value!r})"
    text = f"{plugin.package} is left out: {what}: {said}; update or uninstall that package"
    _left_out.setdefault((plugin.group, plugin.name + plugin.package), text)


def left_out() -> list[str]:
    """A line for everything left out so far."""
    return list(_left_out.values())


def warn() -> None:
    """For use from Python: issue a warning for everything left out so far."""
    for text in left_out():
        warnings.warn(text, PluginWarning, stacklevel=3)
