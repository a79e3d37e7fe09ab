"""The command `curate fix`: its options and output. The work is done in `curate.fix`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curate.base.errors import UserError
from curate.base.terminal import BAD_INPUT, DONE, Bars, program, say, width
from curate.base.visible import visible
from curate.cli.options import chosen_rules, read_project, selection
from rules.workers.cores import cores

if TYPE_CHECKING:
    from curate.fix.job import Fixed
    from rules.fixing import Style


@click.command(
    epilog="""
\b
Examples:
  curate fix train_labels.txt --diff
  curate fix labels.jsonl --out fixed.jsonl --select DLM,WSP
  curate fix paper/*.tex notes.md --in-place
  curate fix notes.md --undo
  curate fix labels.jsonl --out fixed.jsonl --style canonical
  curate fix labels.jsonl --from a.jsonl --from b.jsonl --confident --diff
  curate fix m2e:train.jsonl --out fixed.jsonl --profile m2e --unsafe-fixes
"""
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH", help="File to write (folder, if SOURCE is).")
@click.option("--unsafe-fixes", is_flag=True, help="Make unsafe fixes too: they may change what is drawn.")
@click.option(
    "--style",
    type=click.Choice(["none", "canonical", "rules"]),
    default="none",
    help="Also write every label in its canonical spelling, or make the rules' style fixes [default: none].",
)
@click.option("--in-place", is_flag=True, help="Change the files of SOURCE themselves.")
@click.option("--undo", is_flag=True, help="Take back the last --in-place of these files.")
@click.option("--diff", is_flag=True, help="Print what would change and write nothing.")
@click.option("--stat", is_flag=True, help="Print how many labels would change, by file and rule, and write nothing.")
@click.option(
    "--from",
    "predictions",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PRED.jsonl",
    help="With --confident: predictions to take labels from.",
)
@click.option("--confident", is_flag=True, help="Take the readings of --from that surely contradict the label.")
@click.option(
    "--images",
    metavar="DIR",
    help="Folder with the images, to see which labels belong to them [default: beside the labels].",
)
@click.option("--columns", metavar="label:tex", help="Which column is the label.")
@click.option("--first-number", metavar="0|1", help="Number of line 1, if images are numbered.")
@selection
def fix(
    sources: tuple[str, ...],
    out: Path | None,
    unsafe_fixes: bool,
    style: Style,
    in_place: bool,
    undo: bool,
    diff: bool,
    stat: bool,
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

    Repairs are for labels that are wrong or damaged, or contain something that no image shows. --style canonical also
    writes each formula in its one canonical spelling; --style rules makes the style fixes that the rules propose.

    A safe fix is made only if it is proven not to change what is drawn. PATH gets the fixed labels;
    PATH.journal.jsonl gets the fixes made to each label, and the fixes that were refused, with reasons. Images beside
    the labels are not copied. Only --in-place ever overwrites a file.

    --in-place replaces each file in one step. Its journal is .texsieve/NAME.fixes.jsonl beside it, and --undo takes the
    last change back. --diff prints a unified diff, which `patch` reads, or on a terminal the changed words of each
    label, with colour unless NO_COLOR is set.

    A model's reading is a proposal, and is taken only with --from and --confident. Look at it with --diff first, or
    decide on each one in `curate browse`.

    With --unsafe-fixes, the labels of shifted pairs (PAR001) are moved to the images that they belong to. This opens
    the images; --ignore PAR001 leaves them closed.
    """
    from curate.fix.job import check_out

    if bool(predictions) != confident:
        raise UserError(
            "--from names models' readings, and --confident says to take those that are sure: give both, or decide on "
            "each reading in `curate browse`"
        )
    looks = diff or stat
    if undo:
        if out is not None or in_place or looks:
            raise UserError("--undo takes back what --in-place did; give it alone, with the files")
        return _each(sources, _undo)
    if in_place and (out is not None or looks):
        raise UserError("--in-place changes the files of SOURCE; leave out --out, --diff and --stat")
    if out is None and not (looks or in_place):
        raise UserError("say where to write with --out PATH, change the files with --in-place, or look with --diff")
    if out is not None and len(sources) > 1:
        raise UserError("--out writes one SOURCE; give one, or fix several with --in-place")
    if out is not None and not looks:
        check_out(out)
    project = read_project(config)
    ruleset = chosen_rules(project, select, ignore, profile)

    def fixed_source(source: str) -> Fixed:
        from curate.base.cache_folder import cache_folder
        from curate.fix.job import fix_source
        from curate.sources import parse_columns, parse_first_number, parse_images, parse_source

        spec = parse_source(source)
        given = dict(map(parse_columns, [columns] if columns else project.columns))
        first = dict(map(parse_first_number, [first_number] if first_number else project.first_number))
        folders = dict(map(parse_images, [images] if images else project.images))
        with Bars() as bars:
            return fix_source(
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

    if looks:
        return _look(sources, fixed_source, out, style, diff=diff, stat=stat)
    if out is not None:
        return _write(fixed_source(sources[0]), out, style)
    return _each(sources, lambda source: _in_place(source, fixed_source, style))


def _write(fixed: Fixed, out: Path, style: Style) -> int:
    from curate.fix.job import journal_of, report_lines, write

    write(fixed, out)
    for text in report_lines(fixed, width(), style):
        say(text)
    say(f"fixed     {out}")
    say(f"journal   {journal_of(out)}")
    return DONE


def _each(sources: Sequence[str], work: Callable[[str], None]) -> int:
    """Do something with every source. If one fails, report it and go on with the others."""
    failed: list[str] = []
    for source in sources:
        try:
            work(source)
        except UserError as error:
            failed.append(str(error))
    if len(sources) == 1 and failed:
        raise UserError(failed[0])
    for message in failed:
        click.echo(f"{program()}: error: {visible(' '.join(message.split()))}", err=True)
    return BAD_INPUT if failed else DONE


def _in_place(source: str, fixed_source: Callable[[str], Fixed], style: Style) -> None:
    from curate.fix.in_place import write_in_place
    from curate.fix.job import report_lines
    from curate.sources.model import NoRows

    try:
        fixed = fixed_source(source)
    except NoRows as error:
        if not error.may_be_empty:
            raise
        return
    written = write_in_place(fixed)
    if not written and not fixed.refused:
        return
    for text in report_lines(fixed, width(), style, written=bool(written)):
        say(text)
    for path in written:
        say(f"fixed     {path}")
    if written:
        say(f"undo      curate fix {shlex.join(map(str, written[:3]))}{' …' if len(written) > 3 else ''} --undo")


def _undo(source: str) -> None:
    from curate.base.tables import things
    from curate.fix.in_place import undo
    from curate.sources import parse_source

    changes, more = undo(parse_source(source).path)
    again = f"; --undo can be given {more} more time{'s' if more > 1 else ''}" if more else ""
    say(f"undone    {source} ({things(changes, 'change')}{again})")


def _look(
    sources: Sequence[str],
    fixed_source: Callable[[str], Fixed],
    out: Path | None,
    style: Style,
    *,
    diff: bool,
    stat: bool,
) -> int:
    """Print what would change: on a terminal for a person, in a pager; else as a unified diff, byte for byte."""
    from curate.base import colour
    from curate.fix import shown

    paint = colour.painter()
    if diff and not colour.is_terminal():

        def print_diff(source: str) -> None:
            fixed = fixed_source(source)
            printed = False
            for line in fixed.diff(out):
                click.echo(line, nl=False)
                printed = True
            if not printed:  # standard output is for `patch`
                click.echo(f"{source}: no label would change", err=True)
            if stat:
                for text in shown.summary(fixed, width(), style, paint):
                    say(text)

        return _each(sources, print_diff)

    lines: list[str] = []

    def note(source: str) -> None:
        fixed = fixed_source(source)
        lines.extend(shown.changes(fixed, paint) if diff else ())
        lines.extend(shown.summary(fixed, width(), style, paint))

    code = _each(sources, note)
    if diff:
        colour.page(lines)
    else:
        for line in lines:
            say(line)
    return code
