"""The command `curate diff`: its options and output. The work is done in `curate.diff`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from curate.base.earlier_results import REPLACED, has_earlier_result
from curate.base.terminal import program, say, width

_COMMAND = "curate diff"


@click.command(
    epilog="""
\b
Examples:
  curate diff run-v1 run-v2
  curate diff run-v1 run-v2 --page diff.html
  curate diff run-v1 run-v2 --format json > diff.json
"""
)
@click.argument("run_a", type=click.Path(path_type=Path), metavar="RUN_A")
@click.argument("run_b", type=click.Path(path_type=Path), metavar="RUN_B")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--page", type=click.Path(path_type=Path), metavar="FILE.html", help="Also write a page with pictures.")
def diff(run_a: Path, run_b: Path, form: str, page: Path | None) -> None:
    """Say what changed between two versions of a data set.

    RUN_A and RUN_B are folders that `curate audit` wrote. Lists samples that were added or removed, are spelled or
    drawn differently, have another picture or moved to another split, and decisions of RUN_A that no longer apply in
    RUN_B. --page replaces an earlier page of this command, and says so, but no other file.
    """
    from curate.diff import tell
    from curate.diff.changes import changes
    from curate.report.template import is_page_of
    from curate.runs.decisions import DECISIONS_FILE, read_decisions
    from curate.runs.folder import load_run

    replaced = ""
    if page is not None and has_earlier_result(_COMMAND, partial(is_page_of, _COMMAND), page, option="--page"):
        replaced = REPLACED
    first, second = load_run(run_a), load_run(run_b)
    found = changes(first, second, read_decisions(run_a / DECISIONS_FILE))
    names = (str(run_a), str(run_b))
    if page is not None:
        tell.write_page(found, names, page)
    if form == "json":
        say(tell.as_json(found, names).removesuffix("\n").encode())
        if replaced:
            click.echo(f"{program()}: {page}{replaced}", err=True)
    else:
        say(tell.as_text(found, names, width=width()))
        if page is not None:
            say(f"page      {page}{replaced}")
