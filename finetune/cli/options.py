"""Options that several commands of `finetune` share."""

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
    help="The audit of the data (a `curate audit` folder): also score by its fixed and decided labels.",
)


def _columns(context: click.Context, parameter: click.Parameter, text: str | None) -> dict[str, str]:
    from curate.base.column_names import parse_roles
    from curate.predictions.rows import KEYS

    return parse_roles(text, tuple(KEYS), given=text, kind="KEY", example="gt:truth,pred:answer") if text else {}


columns_option = click.option(
    "--columns",
    metavar="ROLE:KEY,…",
    callback=_columns,
    help="Other names of the keys: id:name,gt:truth,pred:answer,image:file.",
)
unwrap_option = click.option(
    "--unwrap/--no-unwrap",
    default=True,
    show_default=True,
    help="First remove the text that a model wrote around the formula: fences, dollars, JSON, HTML (docs/prompts.md).",
)
