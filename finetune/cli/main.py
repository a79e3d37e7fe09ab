"""The command line `finetune`: what each command takes and prints. The work is done elsewhere."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curate import __version__
from curate.base.errors import UserError
from curate.base.terminal import Bars, run, say, width
from finetune.cli.merge import card, merge
from finetune.cli.predict import predict
from finetune.cli.prompts import prompts
from finetune.cli.train import train

if TYPE_CHECKING:
    from curate.predictions.rows import Prediction

METRICS_FILE = "metrics.json"
PLOT_FILE = "confusions.svg"
CDM_HELP = "Draw the pairs that look different, for cdm: some 10 ms each."
_run_option = click.option(
    "--run",
    "audited",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="What `curate audit` wrote of the data: also score by its labels after safe fixes and decisions.",
)
_unwrap_option = click.option(
    "--unwrap",
    is_flag=True,
    help="First take off what a base model puts around a formula: fences, dollars, JSON (docs/prompts.md).",
)
#: Share of the predictions that are wrapped from which a person is told of --unwrap.
_MANY = 0.02


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="texsieve")
def main_group() -> None:
    """Fine-tune a model that reads formulas from images, ask it, score it, and compare it with what it was.

    An error is one line on standard error and exit code 2; --debug shows the traceback.
    """


class _ListsMetrics(click.Command):
    """`{metrics}` in its epilog becomes the list of metrics: made for --help alone, as it takes half a second."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from finetune.metrics.page import as_help

        self.epilog = (self.epilog or "").replace("{metrics}", as_help())
        super().format_epilog(ctx, formatter)


@main_group.command(
    cls=_ListsMetrics,
    epilog="""
\b
A row of PRED.jsonl is an object with sample_id (or img_id), gt and pred; one JSON list
of such objects is read too. Strings are compared raw, split at white space as published
scores are, and in canonical spelling, where x^2 and x ^ { 2 } are the same tokens.

\b
{metrics}

\b
In brackets: 95 % intervals by bootstrap. docs/metrics.md defines every metric. --out writes
metrics.json (with groups by source, length and rule, and all confusions) and confusions.svg.

\b
--run says how much of the error is the labels' fault: of the answers that are no exact match,
how many are drawn the same, how many are right by a label with safe fixes, by one that somebody
decided on, whose label was rejected; and the scores before and after.

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
@click.option("--cdm/--no-cdm", default=True, show_default=True, help=CDM_HELP)
@_run_option
@_unwrap_option
def evaluate(predictions: Path, out: Path | None, form: str, cdm: bool, audited: Path | None, unwrap: bool) -> None:
    """Score a file of predictions against the truth beside them."""
    from curate.predictions.rows import read_predictions
    from finetune.metrics import evaluation, label_errors, label_report
    from finetune.metrics.summary import as_text
    from finetune.models.provenance import prediction_facts
    from rules import KEY_VERSION

    if out is not None:
        _check_out(predictions, out)
    rows, wrapped = _unwrapped(read_predictions(predictions), unwrap)
    truths = None if audited is None else label_errors.truths_of(audited, rows, _workers())
    with Bars() as bars:
        found = evaluation.evaluate(rows, workers=_workers(), characters=cdm, progress=partial(bars, "draw"))
    metrics = evaluation.as_metrics(found)
    labels = None if truths is None else label_errors.label_errors(rows, found.numbers, truths, _workers())
    if labels is not None:
        metrics["labels"] = label_report.as_json(labels)
    text = _as_json(
        {
            "texsieve": __version__,
            "key_version": KEY_VERSION,
            "file": predictions.name,
            "unwrapped": unwrap,
            "predicted": prediction_facts(predictions),
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
        return
    say(as_text(metrics, width()))
    if wrapped:
        say(f"\n{wrapped}")
    if labels is not None:
        say("\n" + label_report.as_text(labels, width()))
    if out is not None:
        say(f"\nmetrics   {out / METRICS_FILE}\nplot      {out / PLOT_FILE}")


@main_group.command(
    epilog="""
\b
Both files are read as in `finetune evaluate`; their rows are paired by sample_id and must
have the same gt. The page holds the metrics with intervals and the significance of their
difference (McNemar's exact test for shares, paired bootstrap for the rest), what got better
and what got worse, which symbol was read for which, and examples: image, truth, before and
after, each as LaTeX and drawn, with the differences marked. It loads nothing from the web.

\b
Examples:
  finetune compare base.jsonl tuned.jsonl --out report.html
  finetune compare base.jsonl tuned.jsonl --images data/images --out report.html
"""
)
@click.argument("before", metavar="BEFORE.jsonl", type=click.Path(path_type=Path))
@click.argument("after", metavar="AFTER.jsonl", type=click.Path(path_type=Path))
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), required=True, help="The page to write.")
@click.option(
    "--images",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder to find the images in, by path, end of the path, or name [default: paths relative to the file].",
)
@click.option("--cdm/--no-cdm", default=True, show_default=True, help=CDM_HELP)
@_run_option
@_unwrap_option
def compare(
    before: Path, after: Path, out: Path, images: Path | None, cdm: bool, audited: Path | None, unwrap: bool
) -> None:
    """Put two models' predictions side by side in one page."""
    from curate.base.atomic_files import new_file
    from curate.predictions.rows import read_predictions
    from finetune.compare import comparison, page
    from finetune.compare.find_images import Images
    from finetune.metrics import label_errors, label_report

    if out.is_dir():
        raise UserError(f"{out}: is a folder; --out names the page, such as {out / 'report.html'}")
    for path in (before, after):
        if out.exists() and path.exists() and out.samefile(path):
            raise UserError(f"{out}: would be written over the predictions; name another file with --out")
    if images is not None and not images.is_dir():
        raise UserError(f"{images}: no such folder; --images names the one that holds the images")
    (old, of_old), (new, of_new) = (_unwrapped(read_predictions(path), unwrap) for path in (before, after))
    with Bars() as bars:
        found = comparison.compare(
            (before.name, old),
            (after.name, new),
            workers=_workers(),
            characters=cdm,
            progress=partial(bars, "draw"),
        )
    labels = None
    if audited is not None:
        truths = label_errors.truths_of(audited, found.before.rows, _workers())
        labels = label_report.in_words(
            truths.run,
            *(
                label_errors.label_errors(one.rows, one.numbers, truths, _workers())
                for one in (found.before, found.after)
            ),
        )
    html = page.build(
        found,
        (before.parent, after.parent),
        images=None if images is None else Images(images),
        labels=labels,
    )
    with new_file(out) as temporary:
        temporary.write_bytes(html)
    say(comparison.as_text(found, width()))
    for path, wrapped in ((before, of_old), (after, of_new)):
        if wrapped:
            say(f"\n{path.name}: {wrapped}")
    if labels is not None:
        say("\n" + labels)
    say(f"\nreport    {out}")


main_group.add_command(train)
main_group.add_command(predict)
main_group.add_command(prompts)
main_group.add_command(merge)
main_group.add_command(card)


def _unwrapped(rows: list[Prediction], wanted: bool) -> tuple[list[Prediction], str]:
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


def _workers() -> int:
    return min(os.cpu_count() or 1, 8)


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


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("finetune", main_group))


if __name__ == "__main__":
    main()
