"""Options that several commands of `finetune` share. No command stands here."""

from __future__ import annotations

from pathlib import Path

import click

cdm_option = click.option(
    "--cdm/--no-cdm",
    default=True,
    show_default=True,
    help="Draw the pairs that look different, for cdm: some 10 ms each.",
)
run_option = click.option(
    "--run",
    "audited",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="What `curate audit` wrote of the data: also score by its labels after safe fixes and decisions.",
)
unwrap_option = click.option(
    "--unwrap/--no-unwrap",
    default=True,
    show_default=True,
    help="First take off what a model wrote around the formula: fences, dollars, JSON, HTML (docs/prompts.md).",
)
