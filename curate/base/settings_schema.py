"""Settings as JSON Schema (draft 7), from the same declarations that `settings` fills. Knows no setting by name."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from curate.base.settings import Between

Schema = dict[str, Any]
_PLAIN = {str: "string", Path: "string", int: "integer", float: "number", bool: "boolean"}


def table(properties: Mapping[str, Schema]) -> Schema:
    """A table of these keys and no others."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def schema_of(settings: Any, describe: Callable[[str], str | None] = lambda name: None) -> Schema:
    """The schema of a dataclass instance, whose values are the defaults. describe: what the key of a name does."""
    hints = get_type_hints(type(settings), include_extras=True)
    properties: dict[str, Schema] = {}
    for field in dataclasses.fields(settings):
        if not field.metadata.get("key", True):
            continue
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            properties[field.name] = schema_of(value)
            continue
        schema = _of_type(hints[field.name])
        if isinstance(value, bool | int | float | str):
            schema["default"] = value
        if text := describe(field.name):
            schema["description"] = text
        properties[field.name] = schema
    return table(properties)


def _of_type(kind: Any) -> Schema:
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Annotated:
        inner, *bounds = get_args(kind)
        schema = _of_type(inner)
        for bound in bounds:
            if isinstance(bound, Between):
                limits = {"minimum": bound.low, "maximum": bound.high}
                schema |= {name: limit for name, limit in limits.items() if limit is not None}
        return schema
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": {"type": "string"}}
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
        return {"type": "object", "additionalProperties": _of_type(get_args(kind)[1])}
    return {} if kind is Any else {"type": _PLAIN[kind]}
