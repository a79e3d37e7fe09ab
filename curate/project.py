"""The project file: texsieve.toml, or the table [tool.texsieve] of pyproject.toml. Flags win over it.

It sets what a run selects, weighs and judges; docs/project-file.md explains each key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from curate.audit.thresholds import Thresholds
from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.base.settings import NO_KEY, Share, dotted, fill, in_table
from curate.images.stroke_settings import DEFAULTS, StrokeSettings
from rules import Weights
from rules.findings import FixLevel, Severity

PROJECT_FILE = "texsieve.toml"
PYPROJECT = "pyproject.toml"
_TABLE = "tool.texsieve"


@dataclass(frozen=True)
class Project:
    """A project file's settings; empty if there is none."""

    sources: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    first_number: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profile: str = "default"
    #: By rule, like the next two and `score`, which takes severities too.
    severity: Mapping[str, Severity] = field(default_factory=dict)
    fixes: Mapping[str, FixLevel] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    score: Mapping[str, Share] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)
    #: A file of known findings, relative to the project file's folder; see `curate.findings.baseline`.
    baseline: Path | None = None
    #: From label to the rules whose findings in it are known.
    suppress: Mapping[str, Any] = field(default_factory=dict)
    against: tuple[str, ...] = ()
    #: How pictures are drawn for samples that have strokes.
    strokes: StrokeSettings = DEFAULTS
    #: By source name.
    licences: Mapping[str, str] = field(default_factory=dict)
    #: The table [export], as `curate.export.decide.options` takes it.
    export: Mapping[str, Any] = field(default_factory=dict)
    #: The name of the file in messages; empty if there is none.
    file: str = field(default="", metadata=NO_KEY)
    #: Another project file, which this one hides.
    hidden: str = field(default="", metadata=NO_KEY)

    @property
    def weights(self) -> Weights:
        """The weights of the score. Raises UserError for an unknown rule."""
        from rules.registry import SelectionError, find

        severities: dict[str, Any] = {
            name: self.score[name] for name in ("error", "warning", "info") if name in self.score
        }
        try:
            by_rule = {find(name).code: weight for name, weight in self.score.items() if name not in severities}
        except SelectionError as error:
            raise UserError(f"[score] {error}") from error
        return replace(Weights(rules=by_rule), **severities)


def load_project(path: Path | None = None) -> Project:
    """The project file at `path`, or that of the working folder, or defaults if there is none.

    A file called pyproject.toml is read for its table [tool.texsieve]. In the working folder, texsieve.toml wins over
    it. Raises UserError if the file is missing or isn't TOML, for an unknown key and for a value of the wrong type.
    """
    if path is not None:
        settings = _settings(path)
        if settings is None:
            raise UserError(f"{path}: has no table [{_TABLE}]")
        return _project(path, settings)
    own, shared = Path(PROJECT_FILE), Path(PYPROJECT)
    beside = _settings(shared) if shared.is_file() else None
    if own.is_file():
        return replace(_project(own, _settings(own) or {}), hidden="" if beside is None else f"{shared}'s [{_TABLE}]")
    return Project() if beside is None else _project(shared, beside)


def _settings(path: Path) -> dict[str, Any] | None:
    """The settings in a file, unchecked; None for a pyproject.toml without any."""
    try:
        found = tomllib.loads(read_text(path))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such project file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not valid TOML: byte {error.start + 1} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: not valid TOML: it is nested too deeply") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from error
    if path.name != PYPROJECT:
        return found
    tools = found.get("tool")
    inner = tools.get("texsieve") if isinstance(tools, dict) else None
    return inner if isinstance(inner, dict) else None


def _project(path: Path, settings: Mapping[str, Any]) -> Project:
    table = _TABLE if path.name == PYPROJECT else ""
    project = fill(Project(file=str(path)), settings, str(path), section=table, naming=in_table)
    for name, licence in project.licences.items():
        if not licence.strip():
            raise UserError(
                f"{path}: {in_table(dotted(table, 'licences'), name)} must be a licence's name, not {licence!r}"
            )
    try:
        _ = project.weights  # finds unknown rules
        _check_suppress(project.suppress)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    _check_export(project.export, str(path), dotted(table, "export"))
    return project if project.baseline is None else replace(project, baseline=path.parent / project.baseline)


def _check_suppress(table: Mapping[str, Any]) -> None:
    if table:
        from curate.findings.baseline import suppressed

        suppressed(table)


def _check_export(table: Mapping[str, Any], where: str, section: str) -> None:
    if table:
        from curate.export.decide.options import make_options

        make_options(table, {}, where=where, section=section)
