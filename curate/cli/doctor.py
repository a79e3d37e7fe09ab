"""The command `curate doctor`: prints the checks of `curate.doctor`."""

from __future__ import annotations

import click

from curate.base.terminal import say


@click.command()
def doctor() -> int:
    """Say whether this machine has what texsieve needs.

    Names what is missing and how to install it. The exit code is 2 if the core can't run.
    """
    from curate.doctor import checks, is_fit, lines

    found = checks()
    for line in lines(found):
        say(line)
    return 0 if is_fit(found) else 2
