"""Options that several `curate` commands share, and the code that reads them. Defines no command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from curate.base.errors import UserError
from curate.base.terminal import program

if TYPE_CHECKING:
    import polars as pl

    from curate.project import Project
    from rules import Ruleset

F = TypeVar("F", bound=Callable[..., Any])


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Project file [default: texsieve.toml or pyproject.toml, if there].",
)

source_columns_option = click.option(
    "--columns",
    "source_columns",
    multiple=True,
    metavar="[NAME=]label:tex",
    help="Which column of a file is the label.",
)


def selection(command: F) -> F:
    """The options that say which rules run."""
    for option in (
        config_option,
        click.option("--profile", metavar="P", help="default, handwritten, printed, m2e or canonical."),
        click.option("--ignore", metavar="C,..", multiple=True, help="Rules not to run."),
        click.option(
            "--select",
            metavar="C,..",
            multiple=True,
            help="Rules to run: codes, names or family letters; see `curate rules`.",
        ),
    ):
        command = option(command)
    return command


def fail_on_option(command: F) -> F:
    """The option that makes a command fail on findings; see `curate.base.terminal.exit_code`."""
    return click.option(
        "--fail-on", type=click.Choice(["error", "warning"]), help="Exit with 1 if a finding is this bad or worse."
    )(command)


def baseline_options(command: F) -> F:
    """The options that say which findings are known."""
    for option in (
        click.option(
            "--write-baseline",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write all findings, known and new, to a baseline.",
        ),
        click.option(
            "--baseline",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Report only findings that aren't in this baseline.",
        ),
    ):
        command = option(command)
    return command


def read_project(config: Path | None) -> Project:
    """The project file's settings. Says on standard error if another project file is ignored."""
    from curate.project import load_project

    project = load_project(config)
    if project.hidden:
        click.echo(f"{program()}: {project.file} is read, {project.hidden} is not", err=True)
    return project


def known_findings(project: Project, baseline: Path | None, write: Path | None) -> pl.DataFrame | None:
    """Known findings: the baseline's (the flag's, else the project file's) and those in `[suppress]`."""
    import polars as pl

    from curate.findings.baseline import check_target, read_baseline, suppressed

    if write is not None:
        check_target(write)
    file = baseline or project.baseline
    known = [read_baseline(file)] if file is not None else []
    known += [suppressed(project.suppress)] if project.suppress else []
    return pl.concat(known) if known else None


def chosen_rules(
    project: Project, select: Sequence[str] = (), ignore: Sequence[str] = (), profile: str | None = None
) -> Ruleset:
    """The rules to run, as the flags say, else the project file. An error in the file names the file."""
    from rules import SelectionError
    from rules import select as choose

    def rules_of(include: Sequence[str], without: Sequence[str], of: str) -> Ruleset:
        return choose(
            include,
            without,
            profile=of,
            options=project.options,
            severities=project.severity,
            fixes=project.fixes,
        )

    try:
        rules_of(project.select, project.ignore, project.profile)
    except SelectionError as error:
        raise UserError(f"{project.file}: {error}") from error
    try:
        return rules_of(
            split_commas(select) or project.select, split_commas(ignore) or project.ignore, profile or project.profile
        )
    except SelectionError as error:
        raise UserError(str(error)) from error


def split_commas(values: Sequence[str]) -> list[str]:
    """The parts of values like `SYN,CMD`, without the spaces around them."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]
