"""The command line `texsieve`: the commands of `curate` and `finetune` in one program. Has no command of its own."""

from __future__ import annotations

import sys

from curate.base.commands import CommandGroup
from curate.base.terminal import run
from curate.cli.main import main_group as curate_group
from finetune.cli.main import main_group as finetune_group

#: What commands of `finetune` are called here where one of `curate` has their name.
RENAMED = {"compare": "compare-models"}


class _BothGroups(CommandGroup):
    """The commands of `curate`, and those of `finetune` by other names where they would hide one."""

    def modules(self) -> dict[str, str]:
        renamed = {RENAMED.get(name, name): module for name, module in finetune_group.modules().items()}
        return dict(sorted({**renamed, **curate_group.modules()}.items()))


main_group = _BothGroups(
    "finetune.cli",
    """Find and repair what is wrong in image-to-LaTeX data sets, and fine-tune a model on the result.

    These are the commands of `curate` and `finetune`, by the same names. Only `finetune compare` is `compare-models`
    here; `compare` is `curate compare`.

    An error is one line on standard error and exit code 2; --debug shows the traceback.
    """,
)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("texsieve", main_group))


if __name__ == "__main__":
    main()
