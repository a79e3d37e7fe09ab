"""The command `curate audit`: its options and output. The work is done in `curate.audit`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, exit_code, say, width
from curate.cli.options import baseline_options, chosen_rules, fail_on_option, known_findings, read_project, selection
from rules.workers.cores import cores

if TYPE_CHECKING:
    from curate.audit.options import Sampling
    from curate.project import Project
    from rules import Ruleset
    from rules.sets.model_images import ImageLimits


class AuditCommand(click.Command):
    """A command whose help lists the source formats. They are looked up only when the help is shown."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from curate.sources import format_list

        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(_EPILOG.format(formats=format_list()))


_EPILOG = """
\b
SOURCE is [NAME=][FORMAT:]PATH_OR_ID[#SPLIT]. Without FORMAT, it is recognised by its content.
Without SOURCE, the project file says what to audit.
{formats}

\b
Examples:
  curate audit train_labels.txt --out run
  curate audit m2e:train.jsonl hme=hme100k:labels.txt#train --images hme=photos --out run
  curate audit labels.csv --columns label:formula,image:file --select SYN,CMD --out run
  curate audit labels.csv --out run --write-baseline known.json
  curate audit labels.csv --out run2 --baseline known.json --fail-on warning
  curate audit photos/ --for Qwen/Qwen3-VL-8B-Instruct --out run
  curate audit train.jsonl --against run-crohme --against benchmark.parquet --out run
"""


@click.command(cls=AuditCommand)
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run folder to write.")
@selection
@click.option("--images", multiple=True, metavar="[NAME=]DIR", help="Folder or archive with a source's images.")
@click.option("--columns", multiple=True, metavar="[NAME=]label:tex,image:name", help="What the columns are.")
@click.option("--first-number", multiple=True, metavar="[NAME=]0|1", help="Number of line 1, if images are numbered.")
@click.option("--no-images", is_flag=True, help="Don't open images: judge the labels alone.")
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Also find samples of another run, a file of `curate hashes`, or a hash pack (by name).",
)
@click.option("--no-cache", is_flag=True, help="Measure every image again, and keep nothing for the next audit.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Read only the first N rows of each source.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Draw N of all samples, and judge only these.")
@click.option("--seed", type=int, help="Seed of the draw [default: 0].")
@click.option(
    "--by",
    metavar="GROUP,..",
    help="What keeps its shares among the drawn samples [default: source,split,length].",
)
@click.option(
    "--predictions",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PRED.jsonl",
    help="A model's predictions, to compare with the labels; may be repeated.",
)
@click.option("--for", "model", metavar="MODEL", help="Judge images by this model's limits [default: Qwen2.5-VL].")
@click.option("--timings", is_flag=True, help="Also print the time that each stage took.")
@click.option("--update", is_flag=True, help="Audit into an existing run: keep its decisions, judge what changed.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes [default: one per core].")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where to judge labels, measure images and write parts: here, or on the Ray cluster in RAY_ADDRESS.",
)
@baseline_options
@fail_on_option
def audit(
    sources: tuple[str, ...],
    out: Path,
    config: Path | None,
    profile: str | None,
    ignore: tuple[str, ...],
    select: tuple[str, ...],
    images: tuple[str, ...],
    columns: tuple[str, ...],
    first_number: tuple[str, ...],
    no_images: bool,
    against: tuple[Path, ...],
    no_cache: bool,
    limit: int | None,
    sample: int | None,
    seed: int | None,
    by: str | None,
    predictions: tuple[Path, ...],
    model: str | None,
    timings: bool,
    update: bool,
    workers: int | None,
    engine: str,
    baseline: Path | None,
    write_baseline: Path | None,
    fail_on: str | None,
) -> int:
    """Audit data sets into a run folder.

    The folder holds samples, findings, a summary and a report. It is either complete or absent. If an update is
    stopped, it leaves either the old run or the new one, with all decisions.
    """
    one_thread_for_matrices()
    from curate.base.cache_folder import cache_folder
    from curate.sources import parse_columns, parse_first_number, parse_images, parse_source

    project = read_project(config)
    ruleset, limits = chosen_rules(project, select, ignore, profile), _family_limits(model)
    if model is not None:
        ruleset = ruleset.for_model(limits)
    if engine == "local" and not update:  # an update may find nothing new to judge
        from rules.engine import prepare

        prepare(ruleset)
    known = known_findings(project, baseline, write_baseline)
    return audit_and_say(
        [parse_source(source) for source in sources or project.sources],
        out,
        project,
        ruleset,
        images=dict(map(parse_images, images or project.images)),
        columns=dict(map(parse_columns, columns or project.columns)),
        first_numbers=dict(map(parse_first_number, first_number or project.first_number)),
        against=against or tuple(map(Path, project.against)),
        probe_images=not no_images,
        predictions=predictions,
        model=limits,
        cache=None if no_cache else cache_folder(),
        limit=limit,
        sample=_sampling(sample, seed, by),
        update=update,
        workers=workers,
        engine=engine,
        known=known,
        write_baseline=write_baseline,
        fail_on=fail_on,
        timings=timings,
    )


def _free(name: str) -> str:
    """A name that nothing in the working folder has: `curate export` overwrites nothing."""
    from os.path import lexists

    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if not lexists(one))


def _family_limits(model: str | None) -> ImageLimits:
    """The limits of a model's family. Raises UserError if the family is unknown."""
    from rules.sets.model_images import DEFAULT, LIMITS, limits_of

    found = DEFAULT if model is None else limits_of(model)
    if found is None:
        raise UserError(f"--for {model}: unknown family of models; the known ones are: {', '.join(LIMITS)}")
    return found


def _sampling(size: int | None, seed: int | None, by: str | None) -> Sampling | None:
    """What --sample, --seed and --by ask for. Raises UserError for an unknown group, or if --sample is missing."""
    from curate.audit.options import GROUPS, Sampling
    from curate.base.errors import UserError

    if size is None:
        if seed is not None or by is not None:
            raise UserError("--seed and --by say how samples are drawn; say how many with --sample N")
        return None
    names = GROUPS if by is None else tuple(name.strip() for name in by.split(",") if name.strip())
    for name in names:
        if name not in GROUPS:
            raise UserError(f"--by {by}: there is no group {name!r}; there are: {', '.join(GROUPS)}")
    return Sampling(size, seed or 0, names)


def one_thread_for_matrices() -> None:
    """Keep numpy, which isn't imported yet, from using several threads. An audit's matrices are small, and waiting
    threads would cost a quarter of its processor time."""
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def audit_and_say(
    specs: Sequence[Any],
    out: Path,
    project: Project,
    ruleset: Ruleset,
    *,
    workers: int | None,
    fail_on: str | None,
    engine: str = "local",
    write_baseline: Path | None = None,
    timings: bool = False,
    **settings: Any,
) -> int:
    """Audit, and print the results. Shared by `audit` and `demo`."""
    import os
    from contextlib import AbstractContextManager, nullcontext

    from curate import audit as auditing
    from curate.archives import cache
    from curate.audit.verdict import export_command
    from curate.base.tables import size, things
    from curate.findings.baseline import write_baseline as write_known
    from curate.report.notes import notes, suppressed_text
    from curate.report.overview import overlap_text, rules_text, sources_text, timings_text
    from curate.runs.folder import FINDINGS_FILE, REPORT_FILE

    place: AbstractContextManager[int] = nullcontext(cores())
    if engine == "ray":
        from curate.base.ray_cluster import on_ray

        place = on_ray()
    with place as processors, Bars() as bars:
        options = auditing.AuditOptions(
            ruleset=ruleset,
            weights=project.weights,
            thresholds=project.thresholds,
            licences=project.licences,
            strokes=project.strokes,
            workers=workers or processors,
            command=["curate", *map(os.fspath, sys.argv[1:])],
            **settings,
        )
        done = auditing.audit(specs, out, options, bars)
    summary = done.summary
    totals = summary["totals"]
    say(rules_text(summary, width=width()))
    for line in suppressed_text(summary["suppressed"]):
        say(line)
    say()
    shared = overlap_text(summary["sources"], width=width())
    if shared:
        say(f"{shared}\n")
    if lines := notes(summary, processors if engine == "ray" else None):
        say("\n".join(lines) + "\n")
    if timings:
        say(f"{timings_text(summary['run'])}\n")
    say(sources_text(summary["sources"], width=width()))
    say()
    seconds = sum(summary["run"]["timings"].values())
    unreadable = f", {things(totals['unreadable'], 'row')} unreadable" if totals["unreadable"] else ""
    say(
        f"{things(totals['samples'], 'sample')} ({things(totals['distinct_labels'], 'distinct label')}){unreadable}; "
        f"{seconds:.1f} s, peak memory {size(summary['run']['peak_memory_bytes'])}"
    )
    if unpacked := cache.used():
        say(f"unpacked  {cache.folder()}: {size(unpacked)} for the archives of this run, kept for the next")
    if command := export_command(summary["sources"], os.fspath(out), _free("dataset")):
        say(f"export    {command}")
    say(f"report    {out / REPORT_FILE}")
    say(f"findings  {out / FINDINGS_FILE}")
    if write_baseline is not None:
        labels = done.samples.select("sample_id", "label")
        found = done.all_findings.join(labels, on="sample_id", how="left", maintain_order="left").collect()
        pairs = write_known(write_baseline, [found])
        say(f"baseline  {write_baseline}: {things(pairs, 'known finding')}")
    return exit_code(fail_on, summary["severities"])
