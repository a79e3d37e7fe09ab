"""The command `curate render`: its options and output. The work is done in `curate.render`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import say
from curate.cli.options import source_columns_option

_LABEL_FILES = (".txt", ".tex", ".lst", ".jsonl", ".json", ".csv", ".tsv")


@click.command(
    epilog="""
\b
Examples:
  curate render '\\frac{a}{b}' --out pictures
  curate render labels.txt --out pictures --format svg
  curate render paper.tex --out pictures
"""
)
@click.argument("label", metavar="LABEL|FILE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the pictures.")
@click.option("--format", "form", type=click.Choice(["png", "svg"]), default="png", show_default=True)
@source_columns_option
def render(label: str, out: Path, form: str, source_columns: tuple[str, ...]) -> None:
    """Draw labels as PNG or SVG.

    FILE is a file or folder of any format that `curate audit` reads: one label per line, JSON, CSV, LaTeX, Markdown
    and so on. A .tex file that is not a document is one label. Pictures are named after the sample, its `id` or its
    line; another picture of that name is never replaced. An audit never takes them for a data set's own images, unless
    its labels or --images name them. Labels that can't be drawn are named on standard error. If
    none can be drawn, the exit code is 2.
    """
    from curate.base.visible import visible
    from curate.findings.inputs import read_data_set
    from curate.render import render_named, render_to_folder

    if label.endswith(_LABEL_FILES) and not Path(label).exists() and "\\" not in label:
        raise UserError(f"{label}: no such file; it looks like a file name, so it is not taken for a label")
    columns: dict[str | None, dict[str, str]] = {}
    if source_columns:
        from curate.sources import parse_columns

        columns = dict(map(parse_columns, source_columns))
    read = read_data_set(label, columns)
    if read is None:
        report = render_to_folder(label, out, form)
    else:
        report = render_named(read.named(), out, form)
        for line in read.unread():
            click.echo(visible(line), err=True)
    failures = [f"{name}: can't be drawn: {visible(message)}" for name, message in report.failed]
    if not report.written:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise UserError(failures[0] + more if failures else f"{label}: contains no labels")
    say(f"{len(report.written)} drawn in {report.out}")
    for failure in failures:
        click.echo(failure, err=True)
