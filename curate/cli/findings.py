"""The command `curate findings`: its options and output. The work is done in `curate.findings.of_run`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import exit_code, say
from curate.cli.options import fail_on_option, split_commas

#: How many findings of each rule are printed as text.
_LIMIT = 20


@click.command(
    epilog="""
\b
Examples:
  curate findings run --severity error
  curate findings run --select ESC001 --limit 0
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
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Print N findings of each rule as text, and how many more there are; 0 prints all [default: {_LIMIT}].",
)
@fail_on_option
def findings(
    run_folder: Path, form: str, select: tuple[str, ...], severity: str, limit: int | None, fail_on: str | None
) -> int:
    """Print what a run found.

    text lists errors, then warnings, then remarks, each with the most frequent rules first, and only some findings of
    each rule. If people have decided on samples, it shows their decisions, which curate export applies.

    jsonl has one line per sample with findings, as `check` prints it. sarif (2.1.0) is for code scanning and editors;
    it points into the data set's own text files if they still hold the labels.
    """
    from curate.base.colour import painter
    from curate.findings import of_run
    from curate.runs import decision_counts
    from curate.runs.decisions import DECISIONS_FILE, read_decisions
    from curate.runs.folder import load_run
    from rules.registry import SelectionError, expand

    if limit is not None and form != "text":
        raise UserError(f"--limit is for text; {form} has every finding")
    try:
        codes = sorted(set(expand(split_commas(select)))) if select else None
    except SelectionError as error:
        raise UserError(str(error)) from error
    loaded = load_run(run_folder)
    found = of_run.found(loaded, codes, severity)
    if form == "text":
        most = _LIMIT if limit is None else limit or None
        decisions = read_decisions(run_folder / DECISIONS_FILE)
        decided = decision_counts.by_sample(decisions, loaded.samples)
        for line in of_run.as_text(found, most, painter(), decided):
            say(line)
        counts = decision_counts.totals(decisions, decision_counts.by_source(decisions, loaded.samples))
        undecided = decision_counts.undecided_errors(decided, loaded.findings)
        if told := decision_counts.applied_text(counts, undecided):
            say(told)
    else:
        pieces = of_run.as_jsonl(found) if form == "jsonl" else of_run.as_sarif(loaded, found, Path.cwd())
        for piece in pieces:
            say(piece.removesuffix("\n").encode())
    return exit_code(fail_on, dict(found.group_by("severity").len().iter_rows()))
