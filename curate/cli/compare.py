"""The command `curate compare`: its options and output. The work is done in `curate.report.comparison`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import say, width


@click.command(
    epilog="""
\b
Example:
  curate compare run-im2latex run-hme100k
"""
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def compare(runs: tuple[Path, ...], form: str) -> None:
    """Say which source is worth training on, and why not the others.

    RUN is a folder that `curate audit` wrote. The sources of all runs are listed side by side, the best first.
    """
    from curate.base.given_files import no_folder
    from curate.report.comparison import FORMATS
    from curate.report.comparison import compare as side_by_side
    from curate.runs.folder import load_run

    for path in runs:
        if path.is_file():
            raise UserError(f"{path}: {no_folder(path)}; `finetune compare` compares files of predictions")
    text = FORMATS[form](side_by_side([load_run(path) for path in runs]), width=width()).rstrip("\n")
    say(text.encode() if form == "json" else text)
