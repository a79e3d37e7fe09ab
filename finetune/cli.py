"""The command line `finetune`. Training, prediction and comparison are not in this version."""

from __future__ import annotations

import sys

import click

from curate import __version__
from curate.terminal import run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="texsieve")
def main_group() -> None:
    """Fine-tune a vision-language model on a curated data set and score it.

    An error is one line on standard error and exit code 2; --debug shows the traceback.
    """


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("finetune", main_group))
