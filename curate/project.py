"""The project file texsieve.toml: what a run selects, how it weighs and judges. Flags win over it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curate.audit.thresholds import Thresholds
from curate.base.errors import UserError
from rules import Weights

PROJECT_FILE = "texsieve.toml"

_KEYS: dict[str, type] = {
    "sources": list,
    "images": list,
    "columns": list,
    "select": list,
    "ignore": list,
    "profile": str,
    "severity": dict,
    "fixes": dict,
    "options": dict,
    "score": dict,
    "thresholds": dict,
    "baseline": str,
    "suppress": dict,
    "against": list,
    "licences": dict,
    "export": dict,
}
_LISTS = tuple(name for name, kind in _KEYS.items() if kind is list)


@dataclass(frozen=True)
class Project:
    """A project file's settings; empty where there is none."""

    sources: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profile: str = "default"
    severity: Mapping[str, str] = field(default_factory=dict)
    fixes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights: Weights = field(default_factory=Weights)
    thresholds: Thresholds = field(default_factory=Thresholds)
    #: A file of known findings, found from the project file's folder; see `curate.findings.baseline`.
    baseline: Path | None = None
    #: Label to the rules whose findings in it are known.
    suppress: Mapping[str, Any] = field(default_factory=dict)
    against: tuple[str, ...] = ()
    #: By source name.
    licences: Mapping[str, str] = field(default_factory=dict)
    #: The table [export], as `curate.export.decide.options` takes it.
    export: Mapping[str, Any] = field(default_factory=dict)


def load_project(path: Path | None = None) -> Project:
    """The project file at `path`, or texsieve.toml in the working folder, or defaults where there is none.

    Raises UserError for a file that isn't there or is no TOML, an unknown key or a value of the wrong type.
    """
    if path is None:
        path = Path(PROJECT_FILE)
        if not path.is_file():
            return Project()
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such project file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no valid TOML: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from error
    _check(path, settings)
    try:
        return Project(
            **{key: tuple(settings.get(key, ())) for key in _LISTS},
            profile=settings.get("profile", "default"),
            severity=settings.get("severity", {}),
            fixes=settings.get("fixes", {}),
            options=settings.get("options", {}),
            weights=_weights(settings.get("score", {})),
            thresholds=Thresholds.from_mapping(settings.get("thresholds", {})),
            baseline=path.parent / settings["baseline"] if "baseline" in settings else None,
            suppress=_suppress(settings.get("suppress", {})),
            licences=settings.get("licences", {}),
            export=_export(settings.get("export", {})),
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _check(path: Path, settings: Mapping[str, Any]) -> None:
    import difflib

    for key, value in settings.items():
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(_KEYS)}"
            raise UserError(f"{path}: unknown key {key!r}; {hint}")
        if not isinstance(value, _KEYS[key]):
            raise UserError(f"{path}: {key} must be a {_KEYS[key].__name__}, not {value!r}")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise UserError(f"{path}: {key} must be a list of strings")
    for name, values in settings.get("options", {}).items():
        if not isinstance(values, dict):
            raise UserError(f"{path}: options.{name} must be a table of options, not {values!r}")
    for name, licence in settings.get("licences", {}).items():
        if not isinstance(licence, str) or not licence.strip():
            raise UserError(f"{path}: licences.{name} must be a licence's name, not {licence!r}")


def _suppress(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table [suppress], its rules checked."""
    if table:
        from curate.findings.baseline import suppressed

        suppressed(table)
    return table


def _export(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table [export], checked."""
    if table:
        from curate.export.decide.options import make_options

        make_options(table, {})
    return table


def _weights(values: Mapping[str, Any]) -> Weights:
    """Weights of the score from the table [score]: error, warning, info, and rules by code."""
    numbers: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise UserError(f"score.{name} = {value!r} is not a number from 0 to 1")
        numbers[name] = float(value)
    severities: dict[str, Any] = {name: numbers.pop(name) for name in ("error", "warning", "info") if name in numbers}
    from rules.registry import SelectionError, find

    try:
        by_rule = {find(name).code: weight for name, weight in numbers.items()}
    except SelectionError as error:
        raise UserError(f"score: {error}") from error
    return replace(Weights(rules=by_rule), **severities)
