"""The command `finetune card`: its options and output. `finetune.models` writes the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from curate.base.earlier_results import REPLACED, has_earlier_result
from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.base.terminal import say

_COMMAND = "finetune card"


@click.command(
    name="card",
    epilog="""
\b
Examples:
  finetune evaluate tuned.jsonl --out scores
  finetune card runs/finetune/best --metrics scores/metrics.json
""",
)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--metrics", type=click.Path(path_type=Path), metavar="FILE", help="The metrics.json of `finetune evaluate --out`."
)
def card(folder: Path, metrics: Path | None) -> None:
    """Write the card of a model again, with its scores.

    FOLDER holds an adapter or a merged model.
    """
    from curate.base.atomic_files import new_text
    from curate.base.given_files import no_folder
    from finetune.cli.evaluate import is_metrics
    from finetune.models.facts import model_facts
    from finetune.models.provenance import CARD, METRICS, card_of, is_card, read_facts, read_kind, read_metrics

    if not folder.is_dir():
        raise UserError(f"{folder}: {no_folder(folder)}; name the folder of an adapter or a merged model")
    replaced = REPLACED if has_earlier_result(_COMMAND, is_card, folder / CARD, option=None) else ""
    known = None if any(folder.glob("*.gguf")) else model_facts(str(folder))  # is it a model?
    facts, kind = read_facts(folder), read_kind(folder)
    texts = {}
    if metrics is not None:
        measured = read_metrics(metrics)
        asked = ((measured.get("predicted") or {}).get("model") or {}).get("sha256")
        if asked and known is not None and asked != known.identity["sha256"]:
            raise UserError(f"{metrics}: has the scores of a different model than {folder}, or of its earlier weights")
        facts = replace(facts, metrics=measured)
        if not (folder / METRICS).exists() or not metrics.samefile(folder / METRICS):
            has_earlier_result(_COMMAND, is_metrics, folder / METRICS, option=None)
            texts[METRICS] = read_text(metrics)
    texts[CARD] = card_of(folder, facts, kind)
    for name, text in texts.items():
        new_text(folder / name, text)
    say(f"card      {folder / CARD}{replaced}")
