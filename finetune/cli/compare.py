"""The command `finetune compare`: what it takes and prints. The work is done in `finetune.compare`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, say, width
from finetune.cli.options import cdm_option, columns_option, run_option, unwrap_option
from rules.workers.cores import cores


@click.command(
    epilog="""
\b
Both files are read as in `finetune evaluate`; their rows are paired by sample_id and must
have the same gt. What a model wrote around its formulas is removed in both files and counted:
a base model that answers in code fences has not misread the formulas. --no-unwrap keeps it.

\b
The page holds the metrics with intervals and the significance of their difference (McNemar's
exact test for shares, paired bootstrap for the rest), what got better and what got worse,
which symbol was read for which, and examples: image, ground truth, before and after, each as
LaTeX and drawn, with the differences marked. It loads nothing from the web.

\b
Examples:
  finetune compare base.jsonl tuned.jsonl --out report.html
  finetune compare base.jsonl tuned.jsonl --images data/images --out report.html
  finetune compare base.jsonl seed1.jsonl --seeds seed2.jsonl --seeds seed3.jsonl --out report.html
"""
)
@click.argument("before", metavar="BEFORE.jsonl", type=click.Path(path_type=Path))
@click.argument("after", metavar="AFTER.jsonl", type=click.Path(path_type=Path))
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), required=True, help="The page to write.")
@click.option(
    "--images",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder with the images, found by path, end of the path, or name [default: paths relative to the file].",
)
@click.option(
    "--seeds",
    "other_seeds",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Predictions of the same training with another seed, for the mean and spread over seeds; may be repeated.",
)
@columns_option
@cdm_option
@run_option
@unwrap_option
def compare(
    before: Path,
    after: Path,
    out: Path,
    images: Path | None,
    other_seeds: tuple[Path, ...],
    columns: dict[str, str],
    cdm: bool,
    audited: Path | None,
    unwrap: bool,
) -> None:
    """Put two models' predictions side by side in one page."""
    from curate.base.atomic_files import new_file
    from curate.predictions.rows import read_predictions
    from finetune.compare import comparison, page, seeds
    from finetune.compare.find_images import Images
    from finetune.metrics import label_errors, label_report
    from finetune.metrics.unwrapping import Unwrapping

    if out.is_dir():
        raise UserError(f"{out}: is a folder; --out names the page, such as {out / 'report.html'}")
    for path in (before, after, *other_seeds):
        if out.exists() and path.exists() and out.samefile(path):
            raise UserError(f"{out}: would be written over the predictions; name another file with --out")
    if images is not None and not images.is_dir():
        raise UserError(f"{images}: no such folder; --images names the one that holds the images")
    old, new = (Unwrapping.of(read_predictions(path, columns), unwrap) for path in (before, after))
    with Bars() as bars:
        found = comparison.compare(
            (before.name, old.rows),
            (after.name, new.rows),
            unwrapped=(old, new),
            workers=cores(8),
            characters=cdm,
            progress=partial(bars, "draw"),
        )
    spread = None
    if other_seeds:
        others = [(path.name, Unwrapping.of(read_predictions(path, columns), unwrap).rows) for path in other_seeds]
        spread = seeds.spread_of(found, others, workers=cores(8), characters=cdm)
    labels = None
    if audited is not None:
        truths = label_errors.truths_of(audited, found.before.rows, cores(8))
        labels = label_report.in_words(
            truths.run,
            *(
                label_errors.label_errors(one.rows, one.numbers, truths, cores(8))
                for one in (found.before, found.after)
            ),
        )
    html = page.build(
        found,
        (before.parent, after.parent),
        images=None if images is None else Images(images),
        labels=labels,
        seeds=spread,
    )
    with new_file(out) as temporary:
        temporary.write_bytes(html)
    say(comparison.as_text(found, width()))
    if spread is not None:
        say("\n" + seeds.as_text(spread, width()))
    if labels is not None:
        say("\n" + labels)
    say(f"\nreport    {out}")
