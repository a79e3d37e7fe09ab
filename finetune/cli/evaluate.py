"""The command `finetune evaluate`: its options and output. `finetune.metrics` does the work."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import click

from curate.base.earlier_results import REPLACED, has_earlier_result
from curate.base.errors import UserError
from curate.base.given_files import no_folder
from curate.base.terminal import Bars, say, width
from finetune.cli.options import cdm_option, columns_option, run_option, unwrap_option
from rules.workers.cores import cores

METRICS_FILE = "metrics.json"
PLOT_FILE = "confusions.svg"
#: How a metrics.json begins: see `_as_json`.
_METRICS = re.compile(rb'\s*\{\s*"texsieve"\s*:[^,]*,\s*"key_version"\s*:[^,]*,\s*"file"\s*:')


class _ListsMetrics(click.Command):
    """Replaces `{metrics}` in its epilog by the list of metrics, only for --help, since this takes half a second."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from finetune.metrics.page import as_help

        self.epilog = (self.epilog or "").replace("{metrics}", as_help())
        super().format_epilog(ctx, formatter)


@click.command(
    cls=_ListsMetrics,
    epilog="""
\b
A row of PRED.jsonl has the label (gt) and the answer (pred):
  {"sample_id": "test/1", "gt": "x ^ { 2 }", "pred": "x_2"}

\b
A JSON list of such objects and files of LLaMA-Factory, ms-swift, CDM and OmniDocBench also work. A
row without an id is identified by its position. A null or empty answer counts as wrong. Strings
are compared raw, split at white space as in published scores, and in canonical spelling, where x^2
and x ^ { 2 } are the same tokens.

\b
{metrics}

\b
In brackets: 95 % intervals by bootstrap. docs/metrics.md defines every metric. --out writes
metrics.json (with groups by source, length and rule, and all confusions) and confusions.svg. It
replaces an earlier result of this command and says so, but no other file.

\b
A base model puts formulas in code fences, dollar signs or JSON. These are removed first, by the
same rules for every model (docs/prompts.md), and counted; the headline for the raw answers is
also printed. --no-unwrap scores the raw answers, as published scores do.

\b
--run shows how much of the error is the labels' fault. Of the answers that are not an exact match,
it counts those that look the same, those that match the label after safe fixes or a person's
decision, and those whose label was rejected. It shows the scores before and after.

\b
Examples:
  finetune evaluate predictions.jsonl
  finetune evaluate predictions.jsonl --out scores
  finetune evaluate predictions.jsonl --run runs/crohme
""",
)
@click.argument("predictions", metavar="PRED.jsonl", type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help=f"Folder for {METRICS_FILE} and {PLOT_FILE}."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@columns_option
@cdm_option
@run_option
@unwrap_option
def evaluate(
    predictions: Path,
    out: Path | None,
    form: str,
    columns: dict[str, str],
    cdm: bool,
    audited: Path | None,
    unwrap: bool,
) -> None:
    """Score a file of predictions against the ground truth in it."""
    from curate import __version__
    from curate.predictions.rows import read_predictions
    from finetune.metrics import evaluation, label_errors, label_report
    from finetune.metrics.summary import as_text
    from finetune.metrics.unwrapping import Unwrapping
    from finetune.models.provenance import prediction_facts
    from rules import KEY_VERSION

    replaced = REPLACED if out is not None and _check_out(predictions, out) else ""
    taken = Unwrapping.of(read_predictions(predictions, columns), unwrap)
    rows = taken.rows
    truths = None if audited is None else label_errors.truths_of(audited, rows, cores(8))
    with Bars() as bars:
        found = evaluation.evaluate(rows, workers=cores(8), characters=cdm, progress=partial(bars, "draw"))
    predicted = prediction_facts(predictions)
    metrics = evaluation.as_metrics(found)
    metrics["note"] = ". ".join(filter(None, (metrics["note"], evaluation.style_note(predicted)))) or None
    raw = taken.raw(found, cores(8))
    labels = None if truths is None else label_errors.label_errors(rows, found.numbers, truths, cores(8))
    if labels is not None:
        metrics["labels"] = label_report.as_json(labels)
    text = _as_json(
        {
            "texsieve": __version__,
            "key_version": KEY_VERSION,
            "file": predictions.name,
            "unwrapped": taken.as_json(raw),
            "predicted": predicted,
            **metrics,
        }
    )
    if out is not None:
        from curate.base.atomic_files import new_file
        from finetune.metrics.plots import confusions_svg

        with new_file(out / METRICS_FILE) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        with new_file(out / PLOT_FILE) as temporary:
            temporary.write_text(confusions_svg(metrics["confusions"]) + "\n", encoding="utf-8")
    if form == "json":
        say(text.encode())
        if replaced:
            click.echo(f"finetune: {out}{replaced}", err=True)
        return
    say(as_text(metrics, width()))
    if told := taken.in_words(raw):
        say(f"\n{told}")
    if labels is not None:
        say("\n" + label_report.as_text(labels, width()))
    if out is not None:
        say(f"\nmetrics   {out / METRICS_FILE}{replaced}\nplot      {out / PLOT_FILE}{replaced}")


def _check_out(predictions: Path, out: Path) -> bool:
    """Checks, before any work, that `out` can be written to and isn't the file that is read.

    Returns whether there is an earlier result in it.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: {no_folder(out)}; --out names the folder that {METRICS_FILE} is written into")
    target = out / METRICS_FILE
    if target.is_file() and predictions.exists() and target.samefile(predictions):
        raise UserError(f"{target}: would be written over the predictions; name another folder with --out")
    return has_earlier_result("finetune evaluate", is_metrics, target, out / PLOT_FILE)


def is_metrics(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a metrics.json."""
    return _METRICS.match(start) is not None


def _as_json(metrics: dict[str, Any]) -> str:
    return json.dumps(metrics, ensure_ascii=False, indent=2, allow_nan=False)
