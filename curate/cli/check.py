"""The command `curate check`: what it takes and prints. The work is done in `curate.findings.checking`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import exit_code, say
from curate.cli.options import baseline_options, chosen_rules, fail_on_option, known_findings, read_project, selection


@click.command(
    epilog="""
\b
Examples:
  curate check labels.txt
  curate check --latex '\\frac{a}{b'
  cat labels.jsonl | curate check - --format jsonl
"""
)
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--latex", multiple=True, metavar="TEXT", help="A label to check; may be repeated.")
@click.option("--format", "form", type=click.Choice(["text", "jsonl", "sarif"]), default="text", show_default=True)
@selection
@baseline_options
@fail_on_option
def check(
    file: str | None,
    latex: tuple[str, ...],
    form: str,
    config: Path | None,
    profile: str | None,
    ignore: tuple[str, ...],
    select: tuple[str, ...],
    baseline: Path | None,
    write_baseline: Path | None,
    fail_on: str | None,
) -> int:
    """Check labels quickly, without writing files.

    FILE has one label per line, or is JSON lines with `label` or `latex`, and perhaps `id`; - is standard input.
    """
    from curate.findings.baseline import write_baseline as write_known
    from curate.findings.checking import as_jsonl, as_sarif, as_text, given_labels, read_labels
    from curate.findings.checking import check as judge

    if (file is None) == (not latex):
        raise UserError("give a file, - for standard input, or labels with --latex" + (", not both" if latex else ""))
    project = read_project(config)
    ruleset = chosen_rules(project, select, ignore, profile)
    known = known_findings(project, baseline, write_baseline)
    ids, labels = given_labels(latex) if latex else read_labels(file or "-")
    checked = judge(ids, labels, ruleset, known=known)
    if write_baseline is not None:
        write_known(write_baseline, [checked.findings, checked.suppressed])
    name = "latex" if latex else "stdin" if file == "-" else str(file)
    if form == "jsonl":
        for line in as_jsonl(checked):
            say(line.encode())
    elif form == "sarif":
        read = None if latex or file == "-" else file
        for piece in as_sarif(checked, read, ruleset.codes, Path.cwd()):
            say(piece.removesuffix("\n").encode())
    else:
        for line in as_text(checked, name):
            say(line)
    return exit_code(fail_on, checked.severities())
