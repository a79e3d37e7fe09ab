"""Fills dataclasses from plain values and refuses unknown keys and wrong types. Knows no setting by name.

The annotation of a field gives its type: bool, int, float, str, Path, Literal, tuple[str, ...], Mapping[str, …],
Any, another dataclass (a section of keys), or one of these or None. `Annotated[int, Between(1)]` adds bounds. Only the
program sets a field with the metadata NO_KEY.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from curate.base.errors import UserError
from curate.base.visible import clip, visible

T = TypeVar("T")
#: The name of a key in messages, from the name of its section ("" at the top) and its own.
Naming = Callable[[str, str], str]

NO_KEY: Mapping[str, bool] = {"key": False}
_WORDS = {str: "text", Path: "a path", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Between:
    """Bounds of a number, both inclusive; None means no bound."""

    low: float | None = None
    high: float | None = None

    def wants(self, value: Any) -> str | None:
        """What the number must be, in words, if it is out of bounds; None if it is within them."""
        fits = (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        if fits:
            return None
        if self.high is None:
            return f"at least {self.low:g}"
        return f"at most {self.high:g}" if self.low is None else f"from {self.low:g} to {self.high:g}"


#: A whole number of things, at least one.
Count = Annotated[int, Between(1)]
#: A share, from 0 to 1.
Share = Annotated[float, Between(0, 1)]


def dotted(section: str, key: str) -> str:
    """`section.key`, as in YAML and on the command line of a training."""
    return f"{section}.{key}" if section else key


def in_table(section: str, key: str) -> str:
    """`[section] key`, as in TOML."""
    return f"[{section}] {key}" if section else key


def as_flag(section: str, key: str) -> str:
    """`--key`, as on a command line."""
    return f"--{key.replace('_', '-')}"


def fill(base: T, values: Mapping[str, Any], where: str = "", *, section: str = "", naming: Naming = dotted) -> T:
    """A copy of the dataclass instance `base` with `values` in it. Its sections are dataclasses too.

    where: the file or flag, for messages. section, naming: the names of `base` and of its keys in messages. Raises
    UserError for an unknown key (naming the nearest one), for a value of the wrong type or out of bounds, and for a
    value that the dataclass itself refuses. A float may also be a whole number, or text such as "1e-4", which YAML 1.1
    reads as text.
    """
    return _Filler(f"{where}: " if where else "", naming, section, _keys(base)).filled(base, values, section)


def check(settings: Any, where: str = "", *, section: str = "", naming: Naming = dotted) -> None:
    """Raises UserError for a value that `fill` would refuse, in settings made by calling the dataclass."""
    filler = _Filler(f"{where}: " if where else "", naming, section, [])
    hints = get_type_hints(type(settings), include_extras=True)
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            check(value, where, section=dotted(section, field.name), naming=naming)
        else:
            filler.typed(hints[field.name], value, section, field.name)


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """The values of a dataclass instance and its sections, by dotted name."""
    out: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        name = prefix + field.name
        out.update(flat(inner, name + ".") if dataclasses.is_dataclass(inner) else {name: inner})
    return out


def nested(names: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite of `flat`: sections as dictionaries."""
    out: dict[str, Any] = {}
    for name, value in names.items():
        *sections, last = name.split(".")
        at = out
        for section in sections:
            at = at.setdefault(section, {})
        at[last] = value
    return out


@dataclass(frozen=True)
class _Filler:
    """One call of `fill`: the start of its messages, how they name keys, the name of the root, and all keys, dotted."""

    start: str
    naming: Naming
    root: str
    known: list[str]

    def filled(self, base: T, values: Mapping[str, Any], section: str) -> T:
        hints = get_type_hints(type(base), include_extras=True)
        keys = list(dict.fromkeys(name.partition(".")[0] for name in _keys(base)))
        given: dict[str, Any] = {}
        for key, value in values.items():
            if key not in keys:
                name = clip(visible(self.naming(section, str(key))), 60)
                raise UserError(f"{self.start}unknown key {name!r}; {self.hint(str(key), section, keys)}")
            inner = getattr(base, key)
            if dataclasses.is_dataclass(hints[key]):
                if not isinstance(value, Mapping):
                    raise self.wrong(section, key, f"must be a section of keys, not {_quoted(value)}")
                given[key] = self.filled(inner, value, dotted(section, key))
            else:
                given[key] = self.typed(hints[key], value, section, key)
        try:
            return dataclasses.replace(base, **given)  # type: ignore[type-var]
        except UserError as error:
            place = self.naming(section, "") if section else ""
            raise UserError(
                f"{self.start}{place.rstrip('.') + ': ' if place.endswith('.') else place}{error}"
            ) from error

    def wrong(self, section: str, key: str, what: str) -> UserError:
        return UserError(f"{self.start}{visible(self.naming(section, key))} {what}")

    def hint(self, key: str, section: str, keys: list[str]) -> str:
        """Suggests the key that was meant: the nearest by whole name, or by last part in any section."""
        inside = section.removeprefix(self.root).removeprefix(".")
        name = dotted(inside, key)
        if name in self.known and not inside and "." in key:  # as on the command line
            above, _, last = key.rpartition(".")
            return f"in a file, write the section as a mapping: `{above}: {{{last}: …}}`"
        near = difflib.get_close_matches(key, keys, n=1, cutoff=0.6)
        close = [dotted(inside, near[0])] if near else difflib.get_close_matches(name, self.known, n=1, cutoff=0.75)
        if not close:
            last_parts = {entry.rsplit(".", 1)[-1]: entry for entry in reversed(self.known)}
            near = difflib.get_close_matches(key.rsplit(".", 1)[-1], last_parts, n=1, cutoff=0.7)
            close = [last_parts[part] for part in near]
        if close:
            above, _, last = close[0].rpartition(".")
            return f"did you mean {self.naming(dotted(self.root, above) if above else self.root, last)!r}?"
        return f"known keys{' in ' + section if section else ''}: {', '.join(keys)}"

    def typed(self, kind: Any, value: Any, section: str, key: str) -> Any:
        """The value in the type of the annotation `kind`, checked against its bounds."""
        bounds: tuple[Any, ...] = ()
        if get_origin(kind) in (Union, types.UnionType):
            if value is None:
                return None
            kind = next(part for part in get_args(kind) if part is not type(None))
        if get_origin(kind) is Annotated:
            kind, *rest = get_args(kind)
            bounds = tuple(rest)
        if kind is Any:
            return value
        if _is_mapping(kind):
            return self.mapped(kind, value, section, key)
        plain = _plain(kind, value)
        if plain is None:
            raise self.wrong(section, key, f"must be {_word(kind)}, not {'empty' if value is None else _quoted(value)}")
        for bound in bounds:
            wanted = bound.wants(plain)
            if wanted is not None:
                raise self.wrong(section, key, f"must be {wanted}, not {_quoted(value)}")
        return plain

    def mapped(self, kind: Any, value: Any, section: str, key: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise self.wrong(section, key, f"must be a table, not {_quoted(value)}")
        inner = get_args(kind)[1]
        return {str(name): self.typed(inner, item, dotted(section, key), str(name)) for name, item in value.items()}


def _keys(settings: Any, prefix: str = "") -> list[str]:
    """The keys of a dataclass instance and its sections, dotted."""
    out: list[str] = []
    for field in dataclasses.fields(settings):
        if field.metadata.get("key", True):
            inner, name = getattr(settings, field.name), prefix + field.name
            out += _keys(inner, f"{name}.") if dataclasses.is_dataclass(inner) else [name]
    return out


def _is_mapping(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _plain(kind: Any, value: Any) -> Any:
    """The value in the type of `kind`, which isn't a mapping; None if it isn't of that kind."""
    if get_origin(kind) is Literal:
        return value if isinstance(value, str) and value in get_args(kind) else None
    if get_origin(kind) is tuple:
        is_texts = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        return tuple(value) if is_texts else None
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return None
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    if kind in (str, bool, int) and isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    return None


def _word(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    return _WORDS.get(kind, "a list of texts")


def _quoted(value: Any) -> str:
    return clip(visible(repr(value)), 60)
