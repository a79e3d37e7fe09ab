"""The command `curate decisions`: its options and output. The work is done in `curate.tasks`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.terminal import say


@click.command(
    epilog="""
\b
Examples:
  curate decisions run --from label-studio project-3.json
"""
)
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "tool", type=click.Choice(["label-studio"]), required=True, help="The tool that wrote FILE.")
@click.option("--who", metavar="NAME", help="Who made the decisions [default: each annotator].")
def decisions(run_folder: Path, file: Path, tool: str, who: str | None) -> None:
    """Read annotations back as decisions.

    FILE is an export (JSON or JSON-MIN) of tasks that `curate tasks` wrote. An unchanged label counts as accepted, one
    that equals the proposed fix as fixed, and any other as edited; the choice "reject" rejects. Tasks that decide
    nothing are counted. Reading a file twice changes nothing.
    """
    from curate.base.tables import count
    from curate.runs.decisions import DECISIONS_FILE
    from curate.tasks.label_studio_answers import take_answers

    taken = take_answers(run_folder, file, who)
    words = {"accept": "accepted", "fix": "fixed", "edit": "edited", "reject": "rejected"}
    made = ", ".join(f"{count(taken.made[action])} {word}" for action, word in words.items() if taken.made[action])
    say(f"decisions {run_folder / DECISIONS_FILE}: {made or 'none added'}")
    for why, number in sorted(taken.refused.items()):
        say(f"{count(number)} tasks decide nothing: {why}")
