"""The command `curate rules`: its options and output. The texts are made in `curate.findings.rulebook`."""

from __future__ import annotations

import click

from curate.base.errors import UserError
from curate.base.terminal import say, width


@click.command(
    epilog="""
\b
Examples:
  curate rules
  curate rules ESC
  curate rules ESC005
  curate rules unbalanced-brace --format markdown
"""
)
@click.argument("rule", required=False, metavar="[CODE|NAME|FAMILY]")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def rules(rule: str | None, form: str) -> None:
    """List all rules or those of one family, or explain one rule."""
    from curate.findings import rulebook
    from rules.registry import SelectionError, find

    family = rulebook.listed(rule)
    if family is not None:
        lists = {
            "text": lambda: rulebook.list_text(family, width()),
            "json": lambda: rulebook.list_json(family),
            "markdown": lambda: rulebook.list_markdown(family),
        }
        say(lists[form]().encode() if form == "json" else lists[form]())
        return
    try:
        found = find(rule or "")
    except SelectionError as error:
        raise UserError(str(error)) from error
    explain = {"text": rulebook.explain_text, "json": rulebook.explain_json, "markdown": rulebook.explain_markdown}
    say(explain[form](found).encode() if form == "json" else explain[form](found))
