"""The command `curate fix`: what it takes and prints. The work is done in `curate.fix`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, say, width
from curate.cli.options import chosen_rules, read_project, selection
from rules.workers.cores import cores

if TYPE_CHECKING:
    from rules.fixing import Style


@click.command(
    epilog="""
\b
Examples:
  curate fix train_labels.txt --diff
  curate fix labels.jsonl --out fixed.jsonl --select DLM,WSP
  curate fix labels.jsonl --out fixed.jsonl --style canonical
  curate fix labels.jsonl --from a.jsonl --from b.jsonl --confident --diff
  curate fix m2e:train.jsonl --out fixed.jsonl --profile m2e --unsafe-fixes
"""
)
@click.argument("source", metavar="SOURCE")
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH", help="File to write (folder, if SOURCE is).")
@click.option("--unsafe-fixes", is_flag=True, help="Make unsafe fixes too: they may change what is drawn.")
@click.option(
    "--style",
    type=click.Choice(["none", "canonical", "rules"]),
    default="none",
    help="Spell every label in the canonical way too, or make the rules' fixes of style [default: none].",
)
@click.option("--diff", is_flag=True, help="Print a unified diff and write nothing.")
@click.option(
    "--from",
    "predictions",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PRED.jsonl",
    help="With --confident: take what models read, where they contradict the label surely.",
)
@click.option("--confident", is_flag=True, help="Take the readings of --from that are sure.")
@click.option(
    "--images",
    metavar="DIR",
    help="Folder with the images, to see which labels belong to them [default: beside the labels].",
)
@click.option("--columns", metavar="label:tex", help="Which column is the label.")
@click.option("--first-number", metavar="0|1", help="Number of line 1, if images are numbered.")
@selection
def fix(
    source: str,
    out: Path | None,
    unsafe_fixes: bool,
    style: Style,
    diff: bool,
    predictions: tuple[Path, ...],
    confident: bool,
    images: str | None,
    columns: str | None,
    first_number: str | None,
    config: Path | None,
    profile: str | None,
    ignore: tuple[str, ...],
    select: tuple[str, ...],
) -> int:
    """Repair the labels of a data set, in its own format.

    A repair is for a label that is wrong or damaged, or holds what no image shows. --style canonical writes each
    formula in its one canonical spelling besides; --style rules makes the fixes of style that the rules propose.

    A safe fix is made only if it is proven not to change what is drawn. The source is never overwritten. PATH gets the
    fixed labels; PATH.journal.jsonl gets the fixes made to each label, and the fixes that were refused, with reasons.
    Images beside the labels are not copied.

    A model's reading is a proposal, and is taken only where it is asked for with --from and --confident. Look at it
    with --diff first, or decide on each in `curate browse`.

    With --unsafe-fixes, the labels of shifted pairs (PAR001) are moved to the images that they belong to. For that the
    images are opened; --ignore PAR001 leaves them closed.
    """
    from curate.base.cache_folder import cache_folder
    from curate.fix.job import check_out, fix_source, journal_of, report_lines, write
    from curate.sources import parse_columns, parse_first_number, parse_images, parse_source

    if bool(predictions) != confident:
        raise UserError(
            "--from names models' readings, and --confident says to take those that are sure: give both, or decide on "
            "each reading in `curate browse`"
        )
    if out is None and not diff:
        raise UserError("say where to write with --out PATH, or print the changes with --diff")
    if out is not None and not diff:
        check_out(out)
    project = read_project(config)
    ruleset = chosen_rules(project, select, ignore, profile)
    spec = parse_source(source)
    given = dict(map(parse_columns, [columns] if columns else project.columns))
    first = dict(map(parse_first_number, [first_number] if first_number else project.first_number))
    folders = dict(map(parse_images, [images] if images else project.images))
    with Bars() as bars:
        fixed = fix_source(
            spec,
            ruleset,
            "unsafe" if unsafe_fixes else "safe",
            style=style,
            images=folders.get(spec.name, folders.get(None)),
            columns={**given.get(None, {}), **given.get(spec.name, {})},
            first_number=first.get(spec.name, first.get(None)),
            cache=cache_folder(),
            predictions=predictions,
            workers=cores(),
            progress=bars,
        )
    if diff or out is None:
        for line in fixed.diff(out):
            click.echo(line, nl=False)
        return 0
    write(fixed, out)
    for text in report_lines(fixed, width(), style):
        say(text)
    say(f"fixed     {out}")
    say(f"journal   {journal_of(out)}")
    return 0
