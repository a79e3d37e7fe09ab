"""The command line `finetune`. Training, prediction and comparison are not in this version."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from curate import __version__
from curate.errors import UserError
from curate.terminal import run, say, width

METRICS_FILE = "metrics.json"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="texsieve")
def main_group() -> None:
    """Score what a model reads from images of formulas. (Training and prediction are not in this version.)

    An error is one line on standard error and exit code 2; --debug shows the traceback.
    """


@main_group.command(
    epilog="""
\b
A row of PRED.jsonl is an object with sample_id (or img_id), gt and pred; one JSON list
of such objects is read too. Strings are compared raw, split at white space as published
scores are, and in canonical spelling, where x^2 and x ^ { 2 } are the same tokens.

\b
exprate               exact match                le1 le2 le3  at most 1, 2, 3 tokens wrong
exprate_render_equal  draws the same as gt       parse_rate   pred is LaTeX without errors
edit_score            1 - distance / length      bleu4        corpus BLEU-4, not smoothed
cer                   wrong characters per character of gt; no percentage, unlike the others

\b
Examples:
  finetune evaluate predictions.jsonl
  finetune evaluate predictions.jsonl --out scores
"""
)
@click.argument("predictions", metavar="PRED.jsonl", type=click.Path(path_type=Path))
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help=f"Folder to write {METRICS_FILE} into.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def evaluate(predictions: Path, out: Path | None, form: str) -> None:
    """Score a file of predictions against the truth beside them."""
    from finetune.metrics import score
    from finetune.predictions import read_predictions
    from rules import KEY_VERSION

    if out is not None:
        _check_out(predictions, out)
    rows = read_predictions(predictions)
    metrics = score((row.gt, row.pred) for row in rows)
    text = _as_json({"texsieve": __version__, "key_version": KEY_VERSION, "file": predictions.name, **metrics})
    if out is not None:
        from curate.atomic import new_file

        with new_file(out / METRICS_FILE) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    if form == "json":
        say(text.encode())
        return
    say(_as_text(metrics))
    if out is not None:
        say(f"\nmetrics   {out / METRICS_FILE}")


def _check_out(predictions: Path, out: Path) -> None:
    """Before any work: is `out` a place to write to, and not the file that is read?"""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out names the folder that {METRICS_FILE} is written into")
    target = out / METRICS_FILE
    if target.is_dir():
        raise UserError(f"{target}: is a folder; name another folder with --out")
    if target.exists() and predictions.exists() and target.samefile(predictions):
        raise UserError(f"{target}: would be written over the predictions; name another folder with --out")


def _as_json(metrics: dict[str, Any]) -> str:
    return json.dumps(metrics, ensure_ascii=False, indent=2, allow_nan=False)


def _as_text(metrics: dict[str, Any]) -> str:
    """The metrics as a table, raw and canonical side by side."""
    from curate.tables import Column, count, text_table
    from finetune.metrics import LOOK_METRICS, STRING_METRICS

    columns = (Column("metric"), Column("raw", "right"), Column("canonical", "right"))
    rows = [[name, _figure(name, metrics[name]), ""] for name in LOOK_METRICS]
    rows += [[name, _figure(name, metrics[name]), _figure(name, metrics["canonical"][name])] for name in STRING_METRICS]
    n = metrics["n"]
    return f"{count(n)} prediction{'s' if n != 1 else ''}\n\n{text_table(columns, rows, width=width())}"


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if name == "cer" else f"{value:.4f} %"


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("finetune", main_group))


if __name__ == "__main__":
    main()
