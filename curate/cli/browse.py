"""The command `curate browse`: what it takes. The work is done in `curate.browse`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import say


@click.command(
    epilog="""
\b
Examples:
  curate browse run
  curate browse run --port 5152 --no-open
"""
)
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Port of the App [default: 5151, or a free one]."
)
@click.option("--no-open", is_flag=True, help="Open no browser; print the address only.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Show the N worst samples at most [default: 200,000]."
)
@click.option("--who", metavar="NAME", help="Whose decisions are made in the App [default: the user's].")
def browse(run_folder: Path, port: int | None, no_open: bool, limit: int | None, who: str | None) -> None:
    """Show a run's samples in FiftyOne's App, to decide on them.

    Image and drawn label side by side, what the rules found, saved views; what is decided is appended to the run's
    decisions.jsonl. Goes on until Ctrl-C. The App answers on this machine only (127.0.0.1) and has no login.
    """
    if sys.platform == "win32":
        raise UserError("curate browse runs on Linux and macOS; on Windows use it inside WSL")
    from curate.browse.dataset.fields import MOST
    from curate.browse.process.session import browse as show

    show(run_folder, port=port, most=limit or MOST, who=who, opened=not no_open, say=say)
