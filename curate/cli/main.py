"""The command line `curate`: the group and its entry point. Each command is a module of its name in this folder."""

from __future__ import annotations

import sys

from curate.base.commands import CommandGroup
from curate.base.terminal import run

main_group = CommandGroup(
    "curate.cli",
    """Find and show what is wrong in image-to-LaTeX data sets.

    An error is one line on standard error and exit code 2; --debug shows the traceback.
    """,
)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("curate", main_group))


if __name__ == "__main__":
    main()
