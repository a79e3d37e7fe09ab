"""Calls the command in the test's own process."""

from __future__ import annotations

from curate.base.terminal import run
from curate.cli.main import main_group


def curate(*arguments: object) -> int:
    """The exit code of `curate` with these arguments."""
    return run("curate", main_group, [str(argument) for argument in arguments])
