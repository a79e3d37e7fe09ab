"""The JSON schema of the project file, for editors: made from the declarations of its settings and of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate import HOME
from curate.base.settings_schema import Schema, schema_of, table
from curate.export.decide.languages import LANGUAGES
from curate.export.decide.options import KEEPS, ExportOptions
from curate.project import Project
from rules.findings import SEVERITIES
from rules.options import Option
from rules.registry import Rule, all_rules
from rules.selection import PROFILES

#: Where the schema is published: docs/texsieve.schema.json of the main branch.
ADDRESS = f"{HOME.replace('github.com', 'raw.githubusercontent.com')}/main/docs/texsieve.schema.json"
#: Codes of rules that other packages bring.
_OTHERS = "^[A-Z]{4,8}[0-9]{3}$"
_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string"}


def project_schema(flags: Mapping[str, str], export_flags: Mapping[str, str]) -> Schema:
    """The schema. flags, export_flags: the help of the flags that keys stand for, at the top and in [export]."""
    ours = {code: rule for code, rule in all_rules().items() if not rule.package}
    names = [name for rule in ours.values() for name in (rule.code, rule.name)]
    schema = schema_of(Project(), flags.get)
    keys = schema["properties"]
    keys["profile"] = {**keys["profile"], "enum": list(PROFILES)}
    for name in ("severity", "fixes"):
        keys[name]["propertyNames"] = _named(names)
    keys["score"]["propertyNames"] = _named([*SEVERITIES, *names])
    keys["suppress"] = {"type": "object", "additionalProperties": {**_texts(), "minItems": 1}}
    keys["licences"]["additionalProperties"] = {"type": "string", "pattern": "\\S"}
    keys["options"] = _options(ours)
    keys["export"] = _export(export_flags)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": ADDRESS,
        "title": "texsieve's project file: texsieve.toml, or [tool.texsieve] in pyproject.toml",
        "description": f"{HOME}/blob/main/docs/project-file.md",
        **schema,
    }


def _named(names: list[str]) -> Schema:
    return {"anyOf": [{"enum": names}, {"pattern": _OTHERS}]}


def _texts() -> Schema:
    return {"type": "array", "items": {"type": "string"}}


def _options(ours: Mapping[str, Rule]) -> Schema:
    """A table a rule, by its code and by its name."""
    found: dict[str, Schema] = {}
    for rule in ours.values():
        if rule.declared:
            options = table({name: _option(option) for name, option in rule.declared.items()})
            found[rule.code] = found[rule.name] = {"description": rule.doc.what, **options}
    return {**table(found), "patternProperties": {_OTHERS: {"type": "object"}}}


def _option(option: Option) -> Schema:
    schema: Schema = {"type": _KINDS[type(option.default)], "default": option.default, "description": option.may_be}
    limits: dict[str, Any] = {"minimum": option.at_least, "maximum": option.at_most, "enum": list(option.choices)}
    return schema | {name: limit for name, limit in limits.items() if limit is not None and limit != []}


def _export(flags: Mapping[str, str]) -> Schema:
    schema = schema_of(ExportOptions(), flags.get)
    keys = schema["properties"]
    keep = {"type": "string", "pattern": f"^(.+=)?({'|'.join(KEEPS)})$"}
    keys["keep_splits"] |= {"type": ["array", "string"], **keep, "items": keep}
    keys["languages"]["items"] = {"enum": ["none", *LANGUAGES]}
    keys["splits"] |= {"type": ["object", "string"], "minProperties": 1}
    keys["splits"]["additionalProperties"] = {"type": "number", "minimum": 0, "maximum": 1.001}
    keys["prompt"]["not"] = {"pattern": "<image>"}
    return schema
