"""The command line `curate`. Every command reads its arguments here and has its work done elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from curate import __version__
from curate.base.errors import UserError
from curate.base.terminal import Bars, exit_code, run, say, width
from curate.cli.export import export, say_exported
from rules.workers.cores import cores

if TYPE_CHECKING:
    import polars as pl

    from curate.project import Project
    from rules import Ruleset

# Heavy modules (polars, the rules, the renderer) are imported by the commands that need them, so that help is instant.

F = TypeVar("F", bound=Callable[..., Any])
_LABEL_FILES = (".txt", ".tex", ".lst", ".jsonl", ".json", ".csv", ".tsv")
_FORMATS = "m2e hme100k mlhme38k im2latex crohme unimer mathwriting hf imagefolder jsonl csv tsv parquet text"


def _selection(command: F) -> F:
    """The options that say which rules run."""
    for option in (
        click.option(
            "--config", type=click.Path(path_type=Path), help="Project file [default: texsieve.toml, if there]."
        ),
        click.option("--profile", metavar="P", help="default, handwritten, printed, m2e or canonical."),
        click.option("--ignore", metavar="C,..", multiple=True, help="Rules not to run."),
        click.option(
            "--select",
            metavar="C,..",
            multiple=True,
            help="Rules to run: codes, names or family letters; see `curate rules`.",
        ),
    ):
        command = option(command)
    return command


def _fail_on(command: F) -> F:
    return click.option(
        "--fail-on", type=click.Choice(["error", "warning"]), help="Exit with 1 where a finding is that bad or worse."
    )(command)


def _baseline(command: F) -> F:
    """The options that say which findings are known."""
    for option in (
        click.option(
            "--write-baseline",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write all that is found, known or new, to a baseline.",
        ),
        click.option(
            "--baseline",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Report only what is not in this baseline.",
        ),
    ):
        command = option(command)
    return command


def _known(project: Project, baseline: Path | None, write: Path | None) -> pl.DataFrame | None:
    """Known findings: the baseline's, the flag's or else the project file's, and the project file's suppressions."""
    import polars as pl

    from curate.findings.baseline import check_target, read_baseline, suppressed

    if write is not None:
        check_target(write)
    file = baseline or project.baseline
    known = [read_baseline(file)] if file is not None else []
    known += [suppressed(project.suppress)] if project.suppress else []
    return pl.concat(known) if known else None


def _ruleset(
    project: Project, select: Sequence[str], ignore: Sequence[str], profile: str | None, config: Path | None
) -> Ruleset:
    """The rules to run: what flags say, else what the project file says. An error of the file's names the file."""
    from curate.project import PROJECT_FILE
    from rules import SelectionError
    from rules import select as choose

    def rules_of(include: Sequence[str], without: Sequence[str], of: str) -> Ruleset:
        return choose(
            include,
            without,
            profile=of,
            options=project.options,
            severities=project.severity,
            fixes=project.fixes,
        )

    try:
        rules_of(project.select, project.ignore, project.profile)
    except SelectionError as error:
        raise UserError(f"{config or PROJECT_FILE}: {error}") from error
    try:
        return rules_of(_split(select) or project.select, _split(ignore) or project.ignore, profile or project.profile)
    except SelectionError as error:
        raise UserError(str(error)) from error


def _split(values: Sequence[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="texsieve")
def main_group() -> None:
    """Find and show what is wrong in image-to-LaTeX data sets.

    An error is one line on standard error and exit code 2; --debug shows the traceback.
    """


main_group.add_command(export)


@main_group.command(
    epilog=f"""
\b
SOURCE is [NAME=][FORMAT:]PATH_OR_ID[#SPLIT]. Without FORMAT it is recognised by content;
without SOURCE the project file says what to audit.
FORMAT: {_FORMATS[:64].rsplit(" ", 1)[0]}
        {_FORMATS[len(_FORMATS[:64].rsplit(" ", 1)[0]) + 1 :]}

\b
Examples:
  curate audit train_labels.txt --out run
  curate audit m2e:train.jsonl hme=hme100k:labels.txt#train --images hme=photos --out run
  curate audit labels.csv --columns label:formula,image:file --select SYN,CMD --out run
  curate audit labels.csv --out run --write-baseline known.json
  curate audit labels.csv --out run2 --baseline known.json --fail-on warning
  curate audit train.jsonl --against run-crohme --against benchmark.parquet --out run
"""
)
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run folder to write.")
@_selection
@click.option("--images", multiple=True, metavar="[NAME=]DIR", help="Where a source's images lie.")
@click.option("--columns", multiple=True, metavar="[NAME=]label:tex,image:name", help="Which columns are what.")
@click.option("--no-images", is_flag=True, help="Don't open images.")
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Find what stands in another run, or file of `curate hashes`, too.",
)
@click.option("--no-cache", is_flag=True, help="Measure every image anew, and keep nothing for the next audit.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Read only the first N rows of each source.")
@click.option(
    "--predictions",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PRED.jsonl",
    help="A model's predictions, to be held against the labels; may be repeated.",
)
@click.option("--update", is_flag=True, help="Audit into an existing run: keep its decisions, judge what changed.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes [default: one a core].")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where labels are judged and images measured: here, or on the Ray cluster that RAY_ADDRESS names.",
)
@_baseline
@_fail_on
def audit(
    sources: tuple[str, ...],
    out: Path,
    config: Path | None,
    profile: str | None,
    ignore: tuple[str, ...],
    select: tuple[str, ...],
    images: tuple[str, ...],
    columns: tuple[str, ...],
    no_images: bool,
    against: tuple[Path, ...],
    no_cache: bool,
    limit: int | None,
    predictions: tuple[Path, ...],
    update: bool,
    workers: int | None,
    engine: str,
    baseline: Path | None,
    write_baseline: Path | None,
    fail_on: str | None,
) -> int:
    """Audit data sets into a run folder.

    The folder holds samples, findings, a summary and a report to look at. It is complete or it isn't there.
    """
    _one_thread_for_matrices()
    from curate.base.cache_folder import cache_folder
    from curate.project import load_project
    from curate.sources import parse_columns, parse_images, parse_source

    project = load_project(config)
    ruleset = _ruleset(project, select, ignore, profile, config)
    known = _known(project, baseline, write_baseline)
    return _audit(
        [parse_source(source) for source in sources or project.sources],
        out,
        project,
        ruleset,
        images=dict(map(parse_images, images or project.images)),
        columns=dict(map(parse_columns, columns or project.columns)),
        against=against or tuple(map(Path, project.against)),
        probe_images=not no_images,
        predictions=predictions,
        cache=None if no_cache else cache_folder(),
        limit=limit,
        update=update,
        workers=workers,
        engine=engine,
        known=known,
        write_baseline=write_baseline,
        fail_on=fail_on,
    )


def _one_thread_for_matrices() -> None:
    """Keep numpy, which isn't imported yet, from multiplying in several threads: an audit's matrices are small, and
    threads that wait for each other cost it a quarter of its processor time."""
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _audit(
    specs: Sequence[Any],
    out: Path,
    project: Project,
    ruleset: Ruleset,
    *,
    workers: int | None,
    fail_on: str | None,
    engine: str = "local",
    write_baseline: Path | None = None,
    **settings: Any,
) -> int:
    """Audit, and print what came of it. Shared by `audit` and `demo`."""
    import os
    from contextlib import AbstractContextManager, nullcontext

    from curate import audit as auditing
    from curate.base.tables import count, size, things
    from curate.base.visible import visible
    from curate.findings.baseline import write_baseline as write_known
    from curate.report.overview import near_text, overlap_text, rules_text, sources_text, suppressed_text
    from curate.runs import decision_counts
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
    say(sources_text(summary["sources"], width=width()))
    say()
    shared = overlap_text(summary["sources"], width=width())
    if shared:
        say(f"{shared}\n")
    near = near_text(summary)
    if near:
        say(near)
    decided = decision_counts.text(summary["decisions"])
    if decided:
        say(decided)
    for entry in summary["sources"]:
        for note, number in entry["notes"].items():
            if number:
                say(f"{entry['name']}: {count(number)} × {note}")
    for file in summary.get("predictions", {}).get("files", ()):
        kinds = {"unknown": "unknown", "ambiguous": "ambiguous", "other_label": "with another truth than the label"}
        lost = [f"{count(file[kind])} {words}" for kind, words in kinds.items() if file[kind]]
        say(
            f"{visible(file['file'])}: {things(file['rows'], 'prediction')}" + (f" ({', '.join(lost)})" if lost else "")
        )
    seconds = sum(summary["run"]["timings"].values())
    unreadable = f", {things(totals['unreadable'], 'row')} unreadable" if totals["unreadable"] else ""
    say(
        f"{things(totals['samples'], 'sample')} ({things(totals['distinct_labels'], 'distinct label')}){unreadable}; "
        f"{seconds:.1f} s, peak memory {size(summary['run']['peak_memory_bytes'])}"
    )
    say(f"report    {out / REPORT_FILE}")
    say(f"findings  {out / FINDINGS_FILE}")
    if write_baseline is not None:
        labels = done.samples.select("sample_id", "label")
        found = done.all_findings.join(labels, on="sample_id", how="left", maintain_order="left").collect()
        pairs = write_known(write_baseline, [found])
        say(f"baseline  {write_baseline}: {things(pairs, 'known finding')}")
    return exit_code(fail_on, summary["severities"])


@main_group.command(
    epilog="""
\b
Examples:
  curate check labels.txt
  curate check --latex '\\frac{a}{b'
  cat labels.jsonl | curate check - --format jsonl
"""
)
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--latex", multiple=True, metavar="TEXT", help="A label to check; may be repeated.")
@click.option("--format", "form", type=click.Choice(["text", "jsonl", "sarif"]), default="text", show_default=True)
@_selection
@_baseline
@_fail_on
def check(
    file: str | None,
    latex: tuple[str, ...],
    form: str,
    config: Path | None,
    profile: str | None,
    ignore: tuple[str, ...],
    select: tuple[str, ...],
    baseline: Path | None,
    write_baseline: Path | None,
    fail_on: str | None,
) -> int:
    """Check labels quickly, without writing files.

    FILE has one label a line, or is JSON lines with `latex` and perhaps `id`; - is standard input.
    """
    from curate.findings.baseline import write_baseline as write_known
    from curate.findings.checking import as_jsonl, as_sarif, as_text, given_labels, read_labels
    from curate.findings.checking import check as judge
    from curate.project import load_project

    if (file is None) == (not latex):
        raise UserError("give a file, - for standard input, or labels with --latex" + (", not both" if latex else ""))
    project = load_project(config)
    ruleset = _ruleset(project, select, ignore, profile, config)
    known = _known(project, baseline, write_baseline)
    ids, labels = given_labels(latex) if latex else read_labels(file or "-")
    checked = judge(ids, labels, ruleset, known=known)
    if write_baseline is not None:
        write_known(write_baseline, [checked.findings, checked.suppressed])
    name = "latex" if latex else "stdin" if file == "-" else str(file)
    if form == "jsonl":
        for line in as_jsonl(checked):
            say(line.encode())
    elif form == "sarif":
        read = None if latex or file == "-" else file
        for piece in as_sarif(checked, read, ruleset.codes, Path.cwd()):
            say(piece.removesuffix("\n").encode())
    else:
        for line in as_text(checked, name):
            say(line)
    return exit_code(fail_on, checked.severities())


@main_group.command(
    epilog="""
\b
Examples:
  curate fix train_labels.txt --diff
  curate fix labels.jsonl --out fixed.jsonl --select DLM,WSP
  curate fix m2e:train.jsonl --out fixed.jsonl --profile m2e --unsafe-fixes
"""
)
@click.argument("source", metavar="SOURCE")
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH", help="File (of a folder: folder) to write.")
@click.option("--unsafe-fixes", is_flag=True, help="Make unsafe fixes too: they may change what is drawn.")
@click.option("--diff", is_flag=True, help="Print a unified diff and write nothing.")
@click.option("--columns", metavar="label:tex", help="Which column is the label.")
@_selection
def fix(
    source: str,
    out: Path | None,
    unsafe_fixes: bool,
    diff: bool,
    columns: str | None,
    config: Path | None,
    profile: str | None,
    ignore: tuple[str, ...],
    select: tuple[str, ...],
) -> int:
    """Fix the labels of a data set, in its own format.

    A safe fix is made only where it is proven not to change what is drawn. The source is never overwritten; PATH gets
    the fixed labels, PATH.journal.jsonl what was done to each, and which fixes were refused and why. Images beside the
    labels are not copied.
    """
    from curate.fix.job import check_out, fix_source, journal_of, report_lines, write
    from curate.project import load_project
    from curate.sources import parse_columns, parse_source

    if out is None and not diff:
        raise UserError("say where to write with --out PATH, or print the changes with --diff")
    if out is not None and not diff:
        check_out(out)
    project = load_project(config)
    ruleset = _ruleset(project, select, ignore, profile, config)
    spec = parse_source(source)
    given = dict(map(parse_columns, [columns] if columns else project.columns))
    with Bars() as bars:
        fixed = fix_source(
            spec,
            ruleset,
            "unsafe" if unsafe_fixes else "safe",
            columns={**given.get(None, {}), **given.get(spec.name, {})},
            workers=cores(),
            progress=lambda done, of: bars("fix", done, of),
        )
    if diff or out is None:
        for line in fixed.diff(out):
            click.echo(line, nl=False)
        return 0
    write(fixed, out)
    for text in report_lines(fixed, width()):
        say(text)
    say(f"fixed     {out}")
    say(f"journal   {journal_of(out)}")
    return 0


@main_group.command(
    epilog="""
\b
Examples:
  curate findings run --severity error
  curate findings run --select SYN,ESC001 --format jsonl
  curate findings run --format sarif > findings.sarif
"""
)
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--format", "form", type=click.Choice(["text", "jsonl", "sarif"]), default="text", show_default=True)
@click.option("--select", metavar="C,..", multiple=True, help="Only findings of these rules.")
@click.option(
    "--severity",
    type=click.Choice(["error", "warning", "info"]),
    default="info",
    show_default=True,
    help="Only findings that bad or worse.",
)
@_fail_on
def findings(run_folder: Path, form: str, select: tuple[str, ...], severity: str, fail_on: str | None) -> int:
    """Print what a run found.

    jsonl has a line for every sample with findings, as `check` prints them; sarif (2.1.0) is for code scanning and
    editors: it points into the data set's own text files where they still hold the labels.
    """
    from curate.findings import of_run
    from curate.runs.folder import load_run
    from rules.registry import SelectionError, expand

    try:
        codes = sorted(set(expand(_split(select)))) if select else None
    except SelectionError as error:
        raise UserError(str(error)) from error
    loaded = load_run(run_folder)
    found = of_run.found(loaded, codes, severity)
    if form == "text":
        for line in of_run.as_text(found):
            say(line)
    else:
        pieces = of_run.as_jsonl(found) if form == "jsonl" else of_run.as_sarif(loaded, found, Path.cwd())
        for piece in pieces:
            say(piece.removesuffix("\n").encode())
    return exit_code(fail_on, dict(found.group_by("severity").len().iter_rows()))


@main_group.command(
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
    """List the rules or those of a family, or explain one."""
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


@main_group.command(
    epilog="""
\b
Example:
  curate compare run-im2latex run-hme100k
"""
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def compare(runs: tuple[Path, ...], form: str) -> None:
    """Say which source is worth training on, and why not the others.

    Takes the run folders that `curate audit` wrote, and puts their sources side by side, best first.
    """
    from curate.report.comparison import FORMATS
    from curate.report.comparison import compare as side_by_side
    from curate.runs.folder import load_run

    text = FORMATS[form](side_by_side([load_run(path) for path in runs]), width=width()).rstrip("\n")
    say(text.encode() if form == "json" else text)


@main_group.command(
    epilog="""
\b
Examples:
  curate hashes run-crohme --out crohme.parquet
  curate hashes run --split test --out benchmark.parquet --name benchmark --licence CC-BY-4.0
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option("--split", "splits", multiple=True, metavar="SPLIT", help="Only samples of this split; may be repeated.")
@click.option("--name", help="What the set is called in findings [default: the file's name].")
@click.option("--set-version", default="", metavar="TEXT", help="Which version of the set it is.")
@click.option("--licence", default="", metavar="TEXT", help="The licence of the set.")
def hashes(run: Path, out: Path, splits: tuple[str, ...], name: str | None, set_version: str, licence: str) -> None:
    """Write which labels and images a run holds, as hashes.

    Others can then audit their data `--against` the file without having yours: no label can be read out of it.
    """
    from curate.base.tables import count
    from curate.duplicates.hashes import write_hashes
    from curate.runs.folder import load_run

    written = write_hashes(
        load_run(run), out, name=name or out.name.split(".")[0], version=set_version, licence=licence, splits=splits
    )
    say(
        f"hashes    {out}: {count(written['labels'])} different labels and {count(written['images'])} images "
        f"of {count(written['rows'])} samples"
    )


@main_group.command(
    epilog="""
\b
Examples:
  curate render '\\frac{a}{b}' --out pictures
  curate render labels.txt --out pictures --format svg
"""
)
@click.argument("label", metavar="LABEL|FILE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the pictures.")
@click.option("--format", "form", type=click.Choice(["png", "svg"]), default="png", show_default=True)
def render(label: str, out: Path, form: str) -> None:
    """Draw labels with the embedded renderer.

    A FILE holds one label a line; .tex is one label, .jsonl has labels in `latex` and names in `id`. What can't be
    drawn is named on standard error; where nothing can, the exit code is 2.
    """
    from curate.base.visible import visible
    from curate.render import render_to_folder

    if label.endswith(_LABEL_FILES) and not Path(label).exists() and "\\" not in label:
        raise UserError(f"{label}: no such file (and too much like a file's name to be a label)")
    report = render_to_folder(label, out, form)
    failures = [f"{name}: can't be drawn: {visible(message)}" for name, message in report.failed]
    if not report.written:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise UserError(failures[0] + more if failures else f"{label}: holds no labels")
    say(f"{len(report.written)} drawn in {report.out}")
    for failure in failures:
        click.echo(failure, err=True)


@main_group.command(
    epilog="""
\b
Examples:
  curate browse run
  curate browse run --port 5152 --no-open
"""
)
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Port of the App [default: 5151, or a free one]."
)
@click.option("--no-open", is_flag=True, help="Open no browser; print the address only.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Show the N worst samples at most [default: 200,000]."
)
@click.option("--who", metavar="NAME", help="Whose decisions are made in the App [default: the user's].")
def browse(run_folder: Path, port: int | None, no_open: bool, limit: int | None, who: str | None) -> None:
    """Show a run's samples in FiftyOne's App, to decide on them.

    Image and drawn label side by side, what the rules found, saved views; what is decided is appended to the run's
    decisions.jsonl. Goes on until Ctrl-C. The App answers on this machine only (127.0.0.1) and has no login.
    """
    if sys.platform == "win32":
        raise UserError("curate browse runs on Linux and macOS; on Windows use it inside WSL")
    from curate.browse.dataset.fields import MOST
    from curate.browse.process.session import browse as show

    show(run_folder, port=port, most=limit or MOST, who=who, opened=not no_open, say=say)


@main_group.command()
@click.option("--out", default="demo", show_default=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.option("--seed", default=0, show_default=True, help="Another seed makes other formulas.")
def demo(out: Path, seed: int) -> int:
    """Make small data sets with defects, audit them, export them.

    Says which of the defects were found, and how to load the exported data set. Needs no network and no data.
    """
    _one_thread_for_matrices()
    from curate.demo import make_demo
    from curate.demo.results import compare_planted
    from curate.export.decide.options import ExportOptions
    from curate.export.write.job import export as write_dataset
    from curate.project import Project
    from curate.runs.folder import load_run
    from curate.sources import parse_source

    if out.exists():
        raise UserError(f"{out}: already there; remove it or name another folder with --out")
    say(f"Making three small data sets with planted defects in {out / 'data'} …")
    with Bars() as bars:
        data = make_demo(out / "data", seed=seed, progress=lambda done, of: bars("draw", done, of))
    project = Project()
    specs = [parse_source(source) for source in data.sources]
    _audit(specs, out / "run", project, _ruleset(project, (), (), None, None), workers=None, fail_on=None)
    say(f"planted   {data.planted_file}")
    say(f"data      {data.root}")
    say()
    say(compare_planted(data, load_run(out / "run"), width()))
    say()
    say(f"The same audit again: curate audit {' '.join(data.sources)} --out {out / 'run2'}")
    say()
    say("Exporting what is right, with safe fixes made and splits drawn by label …")
    with Bars() as bars:
        made = write_dataset([out / "run"], out / "dataset", ExportOptions(fix="safe"), workers=cores(), progress=bars)
    say_exported(made)
    return 0


@main_group.command()
def doctor() -> int:
    """Say whether this machine has what texsieve needs.

    Names what is missing and how to install it. Exit code 2 where the core can't run.
    """
    from curate.doctor import checks, is_fit, lines

    found = checks()
    for line in lines(found):
        say(line)
    return 0 if is_fit(found) else 2


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run("curate", main_group))


if __name__ == "__main__":
    main()
