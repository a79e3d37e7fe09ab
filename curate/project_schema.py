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
_RULE = {"$ref": "#/definitions/rule"}
_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string"}


def project_schema(flags: Mapping[str, str], export_flags: Mapping[str, str]) -> Schema:
    """The schema. flags, export_flags: the help of the flags that keys stand for, at the top and in [export]."""
    ours = {code: rule for code, rule in all_rules().items() if not rule.package}
    schema = schema_of(Project(), flags.get)
    keys = schema["properties"]
    keys["profile"] = {**keys["profile"], "enum": list(PROFILES)}
    for name in ("severity", "fixes"):
        keys[name]["propertyNames"] = _RULE
    keys["score"]["propertyNames"] = {"anyOf": [{"enum": list(SEVERITIES)}, _RULE]}
    keys["suppress"] = {"type": "object", "additionalProperties": {**_texts(), "minItems": 1}}
    keys["licences"]["additionalProperties"] = {"type": "string", "pattern": "\\S"}
    options = {rule.code: _options(rule) for rule in ours.values() if rule.declared}
    by_name = {name: {"$ref": f"#/definitions/{code}"} for code in options for name in (code, ours[code].name)}
    keys["options"] = {**table(by_name), "patternProperties": {_OTHERS: {"type": "object"}}}
    keys["export"] = _export(export_flags)
    names = [name for rule in ours.values() for name in (rule.code, rule.name)]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": ADDRESS,
        "title": "texsieve's project file: texsieve.toml, or [tool.texsieve] in pyproject.toml",
        "description": f"{HOME}/blob/main/docs/project-file.md",
        **schema,
        "definitions": {"rule": {"anyOf": [{"enum": names}, {"pattern": _OTHERS}]}, **options},
    }


def _texts() -> Schema:
    return {"type": "array", "items": {"type": "string"}}


def _options(rule: Rule) -> Schema:
    return {"description": rule.doc.what, **table({name: _option(option) for name, option in rule.declared.items()})}


def _option(option: Option) -> Schema:
    schema: Schema = {"type": _KINDS[type(option.default)], "default": option.default, "description": option.may_be}
    limits: dict[str, Any] = {"minimum": option.at_least, "maximum": option.at_most, "enum": list(option.choices)}
    return schema | {name: limit for name, limit in limits.items() if limit is not None and limit != []}


def _export(flags: Mapping[str, str]) -> Schema:
    schema = schema_of(ExportOptions(), flags.get)
    keys = schema["properties"]
    keep = {"type": "string", "pattern": f"^(.+=)?({'|'.join(KEEPS)})$"}
    keys["keep_splits"] |= {**keep, "type": ["array", "string"], "items": keep}
    keys["languages"]["items"] = {"enum": ["none", *LANGUAGES]}
    keys["splits"] |= {"type": ["object", "string"], "minProperties": 1}
    keys["splits"]["additionalProperties"] = {"type": "number", "minimum": 0, "maximum": 1.001}
    keys["name"]["pattern"] = "^[^\\n\\r]+$"
    keys["prompt"]["not"] = {"pattern": "<image>"}
    return schema
