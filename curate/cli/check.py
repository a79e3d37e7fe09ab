"""The command `curate check`: its options and output. The work is done in `curate.findings.checking`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import BAD_INPUT, exit_code, program, say
from curate.base.visible import visible
from curate.cli.options import (
    baseline_options,
    chosen_rules,
    known_findings,
    read_project,
    selection,
    source_columns_option,
)


@click.command(
    epilog="""
\b
Examples:
  curate check labels.txt
  curate check paper/*.tex README.md --format github
  curate check --latex '\\frac{a}{b'
  cat labels.jsonl | curate check - --format jsonl
  curate check --latex '1,000' --select SYN --explain
"""
)
@click.argument("files", required=False, nargs=-1, metavar="[FILE…|-]")
@click.option("--latex", multiple=True, metavar="TEXT", help="A label to check; may be repeated.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "jsonl", "sarif", "github", "gitlab", "junit"]),
    default="text",
    show_default=True,
)
@source_columns_option
@selection
@baseline_options
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "never"]),
    default="error",
    show_default=True,
    help="Exit with 1 if a finding is this bad or worse.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found: the same as --fail-on never.")
@click.option("--explain", is_flag=True, help="Print what to paste into a report of a wrong rule.")
def check(
    files: tuple[str, ...],
    latex: tuple[str, ...],
    form: str,
    source_columns: tuple[str, ...],
    config: Path | None,
    profile: str | None,
    ignore: tuple[str, ...],
    select: tuple[str, ...],
    baseline: Path | None,
    write_baseline: Path | None,
    fail_on: str,
    exit_zero: bool,
    explain: bool,
) -> int:
    """Check labels and formulas, without writing files.

    FILE is a file or folder of any format that `curate audit` reads: one label per line, JSON, CSV, InkML, LaTeX,
    Markdown and so on; - is standard input, with one label per line or JSON lines. A file that is named twice is
    checked once. If one can't be read, the others are checked all the same, and the exit code is 2.
    """
    from curate.findings.baseline import write_baseline as write_known
    from curate.findings.checking import as_jsonl, as_sarif, as_text
    from curate.findings.checking import check as judge
    from curate.findings.inputs import Inputs, given_labels, read_inputs
    from rules.workers.cores import cores

    if bool(files) == bool(latex):
        raise UserError("give a file, - for standard input, or labels with --latex" + (", not both" if latex else ""))
    if explain and form != "text":
        raise UserError(f"--explain prints text; leave out --format {form}")
    project = read_project(config)
    ruleset = chosen_rules(project, select, ignore, profile)
    known = known_findings(project, baseline, write_baseline)
    columns: dict[str | None, dict[str, str]] = {}
    if source_columns or project.columns:
        from curate.sources import parse_columns

        columns = dict(map(parse_columns, source_columns or project.columns))
    inputs, failed = (Inputs([given_labels(latex)]), []) if latex else read_inputs(files, columns)
    if failed and not inputs.items and len(failed) == 1:
        raise UserError(failed[0])
    checked = judge(inputs, ruleset, known=known, workers=cores())
    if write_baseline is not None:
        write_known(write_baseline, [checked.findings, checked.suppressed])
    if explain:
        from curate.findings.explained import as_explained

        for line in as_explained(checked, ruleset):
            say(line)
    elif form == "text":
        from curate.base.colour import painter

        for line in as_text(checked, painter()):
            say(line)
    elif form == "jsonl":
        for line in as_jsonl(checked):
            say(line.encode())
    elif form == "sarif":
        for piece in as_sarif(checked, Path.cwd()):
            say(piece.removesuffix("\n").encode())
    else:
        from curate.findings.of_ci import FORMATS

        for line in FORMATS[form](checked):
            say(line.encode())
    unread = [line for item in inputs.items for line in item.unread()]
    for line in unread:
        click.echo(visible(line), err=True)
    for message in failed:
        click.echo(f"{program()}: error: {visible(' '.join(message.split()))}", err=True)
    if failed or unread:
        return BAD_INPUT
    return exit_code(None if exit_zero or fail_on == "never" else fail_on, checked.severities())
