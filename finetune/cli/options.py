"""Options that several commands of `finetune` share. No command stands here."""

from __future__ import annotations

from pathlib import Path

import click

cdm_option = click.option(
    "--cdm/--no-cdm",
    default=True,
    show_default=True,
    help="Draw the pairs that look different, for cdm: about 1 ms each.",
)
run_option = click.option(
    "--run",
    "audited",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="What `curate audit` wrote of the data: also score by its labels after safe fixes and decisions.",
)


def _columns(context: click.Context, parameter: click.Parameter, text: str | None) -> dict[str, str]:
    from curate.predictions.rows import KEYS

    columns = {}
    for pair in text.split(",") if text else ():
        role, _, key = (part.strip() for part in pair.partition(":"))
        if role not in KEYS or not key:
            raise click.BadParameter(f"{pair!r} is not ROLE:KEY with ROLE one of {', '.join(KEYS)}")
        columns[role] = key
    return columns


columns_option = click.option(
    "--columns",
    metavar="ROLE:KEY,…",
    callback=_columns,
    help="Which keys hold what, where they go by other names: id:name,gt:truth,pred:answer,image:file.",
)
unwrap_option = click.option(
    "--unwrap/--no-unwrap",
    default=True,
    show_default=True,
    help="First take off what a model wrote around the formula: fences, dollars, JSON, HTML (docs/prompts.md).",
)
