"""The command line `finetune`: the group and its entry point. Each command is the module with its name."""

from __future__ import annotations

import sys

from curate.base.commands import CommandGroup
from curate.base.terminal import run

main_group = CommandGroup(
    "finetune.cli",
    """Fine-tune a model that reads formulas from images, ask it, score it, and compare it with what it was.

    An error is one line on standard error and exit code 2; --debug shows the traceback.
    """,
)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("finetune", main_group))


if __name__ == "__main__":
    main()
