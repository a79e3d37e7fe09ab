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
@click.option("--no-open", is_flag=True, help="Don't open a browser; print only the address.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Show at most the N worst samples [default: 200,000]."
)
@click.option("--who", metavar="NAME", help="Who makes the decisions in the App [default: the user].")
def browse(run_folder: Path, port: int | None, no_open: bool, limit: int | None, who: str | None) -> None:
    """Show a run's samples in FiftyOne's App, to decide on them.

    The App shows image and drawn label side by side, the findings, and saved views. Decisions are appended to the run's
    decisions.jsonl. Ctrl-C ends it. It answers on this machine only (127.0.0.1) and has no login.
    """
    if sys.platform == "win32":
        raise UserError("curate browse runs on Linux and macOS; on Windows use it inside WSL")
    from curate.browse.dataset.fields import MOST
    from curate.browse.process.session import browse as show

    show(run_folder, port=port, most=limit or MOST, who=who, opened=not no_open, say=say)
