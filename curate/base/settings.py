"""Fills nested dataclasses from plain values, strictly: no unknown key, no wrong type. Knows no setting by name."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from curate.base.errors import UserError
from curate.base.visible import clip, visible

T = TypeVar("T")

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def fill(base: T, values: Mapping[str, Any], where: str) -> T:
    """The dataclass instance `base`, whose sections are dataclasses too, with `values` in the place of its own.

    `where` names the file or flag for messages. Raises UserError for an unknown key, naming the nearest one, and for a
    value of another type than the field's annotation: bool, int, float, str, tuple[str, ...], Literal, or one of them
    or None. A whole number does for a float, and so does text like "1e-4", which YAML 1.1 reads as text.
    """
    return _section(base, values, where, "", list(flat(base)))


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted name to value of a dataclass instance and its sections."""
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


def _section(base: T, values: Mapping[str, Any], where: str, prefix: str, known: list[str]) -> T:
    hints = get_type_hints(type(base))
    given: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key not in hints:
            raise UserError(f"{where}: unknown key {clip(visible(name), 60)!r}; {_hint(name, known, hints, prefix)}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise UserError(f"{where}: {name} is a section of keys, not {_quoted(value)}")
            given[key] = _section(getattr(base, key), value, where, f"{name}.", known)
        else:
            given[key] = _typed(hints[key], value, f"{where}: {name}")
    return dataclasses.replace(base, **given)  # type: ignore[type-var]


def _hint(name: str, known: list[str], hints: Mapping[str, Any], prefix: str) -> str:
    """Which key was meant: the nearest by its whole name, or by its last part in any section."""
    if name in known:  # a dotted name as a key, as it is written on the command line
        section, _, key = name.rpartition(".")
        return f"in a file its section is a mapping: `{section}: {{{key}: …}}`"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if not close:
        last = {entry.rsplit(".", 1)[-1]: entry for entry in reversed(known)}
        close = [last[part] for part in difflib.get_close_matches(name.rsplit(".", 1)[-1], last, n=1, cutoff=0.7)]
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known {'in ' + prefix.rstrip('.') + ' ' if prefix else ''}are {', '.join(hints)}"


def _typed(kind: Any, value: Any, name: str) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        kind = next(part for part in get_args(kind) if part is not type(None))
    elif value is None:
        raise UserError(f"{name} must be {_word(kind)}, not empty")
    if get_origin(kind) is Literal:
        if value in get_args(kind) and isinstance(value, str):
            return value
        raise UserError(f"{name} must be one of {', '.join(get_args(kind))}, not {_quoted(value)}")
    if get_origin(kind) is tuple:
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise UserError(f"{name} must be a list of texts, not {_quoted(value)}")
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    elif kind in (str, bool, int) and isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    raise UserError(f"{name} must be {_word(kind)}, not {_quoted(value)}")


def _word(kind: Any) -> str:
    return _WORDS.get(kind) or (f"one of {', '.join(get_args(kind))}" if get_origin(kind) is Literal else "a list")


def _quoted(value: Any) -> str:
    return clip(visible(repr(value)), 60)
