"""The command `finetune compare`: its options and output. The work is done in `finetune.compare`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from curate.base.distinct_names import distinct_names
from curate.base.earlier_results import REPLACED, has_earlier_result
from curate.base.errors import UserError
from curate.base.terminal import Bars, say, width
from finetune.cli.options import cdm_option, columns_option, run_option, unwrap_option
from rules.workers.cores import cores

_COMMAND = "finetune compare"


@click.command(
    epilog="""
\b
All files are read as in `finetune evaluate`; their rows are paired by sample_id and must
have the same gt. What a model wrote around its formulas is removed in all files and counted:
a base model that answers in code fences has not misread the formulas. --no-unwrap keeps it.

\b
The page begins with the answer: what changed from the first model to the last, how sure that
is, and on what. Then come the wrong answers by kind, labels that may be wrong, which symbol was
read for which, all metrics with intervals and the significance of their difference (McNemar's
exact test for shares, paired bootstrap for the rest), and examples to search: image, ground
truth and every answer, drawn, with the differences marked. It loads nothing from the web.
--out replaces an earlier page of this command, and says so, but no other file.

\b
With more than two files, each is compared with the first. A model with several seeds is named
by its files, joined with commas; the page has their mean and spread.

\b
Examples:
  finetune compare base.jsonl tuned.jsonl --out report.html
  finetune compare base.jsonl tuned.jsonl --names Base,Tuned --images data/images --out report.html
  finetune compare base.jsonl small.jsonl large.jsonl --out report.html
  finetune compare base.jsonl seed1.jsonl,seed2.jsonl,seed3.jsonl --out report.html
"""
)
@click.argument("files", metavar="BEFORE.jsonl AFTER.jsonl…", nargs=-1, required=True)
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
    help="Another seed of the last model; the same as joining it to the last file with a comma. May be repeated.",
)
@click.option("--names", metavar="NAME,…", help="What the models are called [default: the names of their files].")
@columns_option
@cdm_option
@run_option
@unwrap_option
def compare(
    files: tuple[str, ...],
    out: Path,
    images: Path | None,
    other_seeds: tuple[Path, ...],
    names: str | None,
    columns: dict[str, str],
    cdm: bool,
    audited: Path | None,
    unwrap: bool,
) -> None:
    """Put the predictions of two or more models side by side in one page."""
    from curate.base.atomic_files import new_file
    from curate.base.given_files import no_folder
    from curate.predictions.rows import read_predictions
    from curate.report.template import is_page_of
    from finetune.compare import blame, comparison, page, seeds, tell
    from finetune.compare.find_images import Images
    from finetune.metrics import label_errors
    from finetune.metrics.unwrapping import Unwrapping

    groups = [_seeds_of(file) for file in files]
    if len(groups) < 2:
        raise UserError(f"{files[0]}: is the only file; name at least two, the first to compare the others with")
    groups[-1].extend(other_seeds)
    if out.is_dir():
        raise UserError(f"{out}: is a folder; --out names the page, such as {out / 'report.html'}")
    for path in (path for group in groups for path in group):
        if out.exists() and path.exists() and out.samefile(path):
            raise UserError(f"{out}: would be written over the predictions; name another file with --out")
    replaced = REPLACED if has_earlier_result(_COMMAND, partial(is_page_of, _COMMAND), out) else ""
    if images is not None and not images.is_dir():
        raise UserError(f"{images}: {no_folder(images)}; --images names the one that holds the images")
    called = _names(names, [group[0] for group in groups])
    answers = [[Unwrapping.of(read_predictions(path, columns), unwrap) for path in group] for group in groups]
    with Bars() as bars:
        found = comparison.compare(
            *((name, group[0].rows) for name, group in zip(called, answers, strict=True)),
            unwrapped=[group[0] for group in answers],
            workers=cores(8),
            characters=cdm,
            progress=partial(bars, "draw"),
        )
    spread = None
    if any(len(group) > 1 for group in groups):
        others = [
            [(str(path), one.rows) for path, one in zip(paths[1:], group[1:], strict=True)]
            for paths, group in zip(groups, answers, strict=True)
        ]
        spread = seeds.spread_of(found, others, workers=cores(8), characters=cdm)
    errors = None
    if audited is not None:
        truths = label_errors.truths_of(audited, found.before.rows, cores(8))
        first, last = (
            label_errors.label_errors(one.rows, one.numbers, truths, cores(8)) for one in (found.before, found.after)
        )
        errors = first, last
    labels = blame.blame(found, errors)
    html = page.build(
        found,
        [group[0].parent for group in groups],
        images=None if images is None else Images(images),
        labels=labels,
        seeds=spread,
    )
    with new_file(out) as temporary:
        temporary.write_bytes(html)
    said = tell.headline(found, spread)
    say("\n".join([said.title, *said.sentences, ""]))
    say(tell.as_text(found, width()))
    if spread is not None:
        say("\n" + seeds.as_text(spread, width()))
    if told := blame.as_text(found, labels):
        say("\n" + told)
    say(f"\nreport    {out}{replaced}")


def _seeds_of(argument: str) -> list[Path]:
    """The files that an argument names: one, or the seeds of one model joined with commas."""
    if Path(argument).exists():
        return [Path(argument)]
    return [Path(part) for part in argument.split(",") if part] or [Path(argument)]


def _names(given: str | None, paths: list[Path]) -> list[str]:
    """What the models are called: as told, else by their files."""
    if given is None:
        return distinct_names(paths)
    names = [name.strip() for name in given.split(",")]
    if len(names) != len(paths) or not all(names) or len(set(names)) < len(names):
        raise UserError(f"--names {given}: name {len(paths)} models, each differently, with commas between the names")
    return names
