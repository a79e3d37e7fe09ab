"""The command `curate tasks`: its options and output. The work is done in `curate.tasks`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.terminal import say


@click.command(
    epilog="""
\b
Examples:
  curate tasks run --out tasks.json
  curate tasks run --list SYN001 --limit 500 --out tasks.json
"""
)
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write. The labelling interface is written beside it, as .xml.",
)
@click.option(
    "--list",
    "queue",
    default="doubtful",
    show_default=True,
    metavar="NAME",
    help="doubtful (errors and warnings), errors, fixable, label-errors, likely-wrong-pair, low-score, all, or a "
    "rule's code.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N tasks.")
@click.option(
    "--document-root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default="/",
    show_default=True,
    metavar="DIR",
    help="The folder that Label Studio serves local files from. Images outside it are embedded in the tasks.",
)
def tasks(run_folder: Path, out: Path, queue: str, limit: int | None, document_root: Path) -> None:
    """Write a run's undecided samples as tasks for Label Studio.

    A task has the image, the findings and, as predictions, the proposed fix, the model's reading and the label.
    `curate decisions` reads the annotations back.
    """
    from curate.base.tables import count
    from curate.runs.folder import load_run
    from curate.tasks.label_studio_tasks import write_tasks

    written = write_tasks(load_run(run_folder), out, queue, root=document_root, limit=limit)
    say(f"tasks     {out}: {count(written.tasks)}")
    say(f"interface {out.with_suffix('.xml')}")
    if written.decided:
        say(f"{count(written.decided)} samples already have a decision: not written")
    if written.without:
        say(f"{count(written.without)} samples have no readable image: not written; decide on them in `curate browse`")
