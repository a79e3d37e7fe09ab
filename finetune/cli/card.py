"""The command `finetune card`: its options and output. `finetune.models` writes the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import say


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
    import shutil

    from curate.base.atomic_files import new_file
    from finetune.models.facts import model_facts
    from finetune.models.provenance import METRICS, accompany, read_facts, read_kind, read_metrics

    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the folder of an adapter or a merged model")
    known = None if any(folder.glob("*.gguf")) else model_facts(str(folder))  # is it a model?
    facts, kind = read_facts(folder), read_kind(folder)
    if metrics is not None:
        measured = read_metrics(metrics)
        asked = ((measured.get("predicted") or {}).get("model") or {}).get("sha256")
        if asked and known is not None and asked != known.identity["sha256"]:
            raise UserError(f"{metrics}: has the scores of a different model than {folder}, or of its earlier weights")
        facts = replace(facts, metrics=measured)
        if not (folder / METRICS).exists() or not metrics.samefile(folder / METRICS):
            with new_file(folder / METRICS) as temporary:
                shutil.copyfile(metrics, temporary)
    accompany(folder, facts, kind)
    say(f"card      {folder / 'README.md'}")
