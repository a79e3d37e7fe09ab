"""Options that several commands of `finetune` share, and what the commands make of them. No command stands here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from curate.predictions.rows import Prediction


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
    "--unwrap",
    is_flag=True,
    help="First take off what a base model puts around a formula: fences, dollars, JSON (docs/prompts.md).",
)
#: Share of the predictions that are wrapped from which a person is told of --unwrap.
_MANY = 0.02


def unwrapped(rows: list[Prediction], wanted: bool) -> tuple[list[Prediction], str]:
    """The rows, unwrapped where that is `wanted`, and what a person should know of it, or nothing."""
    from curate.base.tables import count, things
    from curate.predictions.unwrap import unwrap_rows

    new, by_rule, changed = unwrap_rows(rows)
    rules = ", ".join(f"{name} {count(number)}" for name, number in by_rule.most_common())
    if wanted:
        return new, f"unwrapped {things(changed, 'prediction')}" + (f" ({rules})" if rules else "")
    if changed < _MANY * len(rows):
        return rows, ""
    of = f"{count(changed)} of {things(len(rows), 'prediction')}"
    return rows, f"{of} {'is' if changed == 1 else 'are'} wrapped in something ({rules}): --unwrap takes it off"
