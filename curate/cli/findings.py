"""The command `curate findings`: what it takes and prints. The work is done in `curate.findings.of_run`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import exit_code, say
from curate.cli.options import fail_on_option, split_commas


@click.command(
    epilog="""
\b
Examples:
  curate findings run --severity error
  curate findings run --select SYN,ESC001 --format jsonl
  curate findings run --format sarif > findings.sarif
"""
)
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--format", "form", type=click.Choice(["text", "jsonl", "sarif"]), default="text", show_default=True)
@click.option("--select", metavar="C,..", multiple=True, help="Only findings of these rules.")
@click.option(
    "--severity",
    type=click.Choice(["error", "warning", "info"]),
    default="info",
    show_default=True,
    help="Only findings this bad or worse.",
)
@fail_on_option
def findings(run_folder: Path, form: str, select: tuple[str, ...], severity: str, fail_on: str | None) -> int:
    """Print what a run found.

    jsonl has one line per sample with findings, as `check` prints it. sarif (2.1.0) is for code scanning and editors;
    it points into the data set's own text files if they still hold the labels.
    """
    from curate.findings import of_run
    from curate.runs.folder import load_run
    from rules.registry import SelectionError, expand

    try:
        codes = sorted(set(expand(split_commas(select)))) if select else None
    except SelectionError as error:
        raise UserError(str(error)) from error
    loaded = load_run(run_folder)
    found = of_run.found(loaded, codes, severity)
    if form == "text":
        for line in of_run.as_text(found):
            say(line)
    else:
        pieces = of_run.as_jsonl(found) if form == "jsonl" else of_run.as_sarif(loaded, found, Path.cwd())
        for piece in pieces:
            say(piece.removesuffix("\n").encode())
    return exit_code(fail_on, dict(found.group_by("severity").len().iter_rows()))
