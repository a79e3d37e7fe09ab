"""The command `curate browse`: its options. The work is done in `curate.browse`."""

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
  curate browse run --no-app --who ann
"""
)
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help="Port of the App; the page gets the next one [default: 5151, or a free one].",
)
@click.option("--no-app", is_flag=True, help="Serve only the page for deciding, without FiftyOne's App.")
@click.option("--no-open", is_flag=True, help="Don't open a browser; print only the addresses.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Show at most the N worst samples [default: 200,000]."
)
@click.option("--who", metavar="NAME", help="Who makes the decisions [default: the user].")
def browse(run_folder: Path, port: int | None, no_app: bool, no_open: bool, limit: int | None, who: str | None) -> None:
    """Decide on a run's samples by keys, or look at them in FiftyOne.

    A page shows one sample after another: image, drawn label, proposed fix and model's reading side by side, with the
    findings. The App shows all samples, with saved views. Decisions are appended to the run's decisions.jsonl.
    Ctrl-C ends it. It answers only on this machine (127.0.0.1).
    """
    if sys.platform == "win32":
        raise UserError("curate browse runs on Linux and macOS; on Windows use it inside WSL")
    from curate.browse.dataset.fields import MOST
    from curate.browse.process.session import browse as show

    show(run_folder, port=port, most=limit or MOST, who=who, app=not no_app, opened=not no_open, say=say)
