"""The command `curate export`: its options and output. The work is done in `curate.export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, say, width
from curate.cli.options import config_option, read_project, split_commas
from curate.export.registry import FORMATS, format_list
from rules.workers.cores import cores

if TYPE_CHECKING:
    from curate.export.write.job import Exported

MISMATCH = 1
#: The formats with a prompt.
_ASKING = [name for name, form in FORMATS.items() if form.asks]


def _commas(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    return tuple(split_commas(values)) or None


@click.command(
    name="export",
    epilog=f"""
\b
The formats of --format:
{format_list()}

\b
Without --fix, labels stay as they were read. Samples with an error that no fix repairs are left out, and so are
samples that people rejected. Samples that people accepted or edited stay. dropped.parquet lists the samples left
out, with reasons.

\b
Exit code of --check: 0 all files match the manifest, 1 files are missing, changed or extra, 2 no manifest.

\b
Examples:
  curate export run --out dataset
  curate export run --out dataset --fix safe --drop DUP,warning --keep ENV005 --max-repeats 20
  curate export run --out dataset --fix safe --style canonical
  curate export run-a run-b --out dataset --splits train=.8,test=.2 --keep-splits none --format sharegpt
  curate export run --out dataset --push-to-hub me/formulas --dry-run
  curate export --check dataset
""",
)
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder to write.")
@click.option("--format", type=click.Choice(list(FORMATS)), help="What to write [default: hf].")
@click.option(
    "--drop",
    metavar="C,..",
    multiple=True,
    callback=_commas,
    help="Besides errors, leave out samples with these rules (codes, names, families) or severities.",
)
@click.option(
    "--keep", metavar="C,..", multiple=True, callback=_commas, help="Rules or severities that leave no sample out."
)
@click.option("--min-score", type=float, metavar="X", help="Leave out samples with a lower score.")
@click.option("--fix", type=click.Choice(["none", "safe", "unsafe"]), help="Repairs to make first [default: none].")
@click.option(
    "--style",
    type=click.Choice(["none", "canonical"]),
    help="Write every label in its one canonical spelling [default: none: as read].",
)
@click.option("--max-repeats", type=int, metavar="N", help="Keep at most N samples whose labels look the same.")
@click.option(
    "--languages",
    metavar="L,..",
    multiple=True,
    callback=_commas,
    help="Languages to keep among labels with letters beyond Latin and Greek (zh, ja, ko, ru, …, none).",
)
@click.option("--min-tokens", type=int, metavar="N", help="Shortest label, in tokens.")
@click.option("--max-tokens", type=int, metavar="N", help="Longest label, in tokens.")
@click.option("--min-chars", type=int, metavar="N", help="Shortest label, in characters.")
@click.option("--max-chars", type=int, metavar="N", help="Longest label, in characters.")
@click.option("--splits", metavar="NAME=SHARE,..", help="The splits [default: train=.9,validation=.05,test=.05].")
@click.option(
    "--keep-splits",
    metavar="[NAME=]none|test|all",
    multiple=True,
    callback=_commas,
    help="What to keep of the sources' own splits, or of one source's; the rest is cleaned against it [default: test].",
)
@click.option(
    "--near-duplicates",
    type=click.Choice(["leave", "keep"]),
    help="Leave out or keep samples whose picture is a copy (scaled, recompressed …) of one in a split with "
    "precedence, such as test [default: leave].",
)
@click.option("--seed", type=int, metavar="N", help="Another seed gives other splits [default: 0].")
@click.option(
    "--resize",
    type=click.Choice(["upscale", "pad", "none"]),
    help="What to do with images too small or large for models [default: upscale].",
)
@click.option("--crop", type=click.Choice(["ink", "none"]), help="Cut images to their ink [default: none].")
@click.option("--invert", is_flag=True, default=None, help="Make light ink on dark paper dark ink on light paper.")
@click.option("--drawn", is_flag=True, default=None, help="Add a column of pictures: each label as it is drawn.")
@click.option("--allow-no-image", is_flag=True, default=None, help="Keep labels without an image, with a null image.")
@click.option("--licence", metavar="ID", help="The data set's licence [default: what the sources' licences allow].")
@click.option("--allow-licence-clash", is_flag=True, default=None, help="Go on even if licences don't go together.")
@click.option("--prompt", metavar="TEXT", help=f"What {' and '.join(_ASKING)} ask of the model.")
@click.option("--name", metavar="TEXT", help="The data set's name on its card.")
@config_option
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes [default: one per core].")
@click.option("--push-to-hub", metavar="ID", help="Send the data set to the Hugging Face hub.")
@click.option("--public", is_flag=True, help="Make the hub's repository public if it is new [default: private].")
@click.option("--dry-run", is_flag=True, help="Say what would be kept, left out and sent; write nothing.")
@click.option("--check", "check_dir", type=click.Path(path_type=Path), metavar="DIR", help="Verify a data set instead.")
def export(
    runs: tuple[Path, ...],
    out: Path | None,
    config: Path | None,
    workers: int | None,
    push_to_hub: str | None,
    public: bool,
    dry_run: bool,
    check_dir: Path | None,
    **flags: Any,
) -> int:
    """Write a data set to train on.

    RUN is a folder that `curate audit` wrote. All runs become one data set, with a card and a manifest. Errors are
    fixed or left out, and no label or picture is in two splits. If an export is stopped, run it again to continue.
    The folder is either complete or absent.
    """
    if check_dir is not None:
        if runs or out is not None:
            raise UserError("--check verifies a data set and takes no RUN and no --out")
        return _check(check_dir, push_to_hub, public=public, dry_run=dry_run)
    if out is None:
        raise UserError("say where to write with --out DIR, or what to verify with --check DIR")
    from curate.export.decide.options import make_options
    from curate.export.write.job import export as make

    project = read_project(config)
    options = make_options(project.export, flags, project.licences, where=project.file)
    if push_to_hub is not None:
        from curate.export.tell.hub import check_id

        check_id(push_to_hub)
    with Bars() as bars:
        made = make(runs, out, options, workers=workers or cores(), dry_run=dry_run, progress=bars)
    say_exported(made, dry_run=dry_run)
    if push_to_hub is not None:
        _push(made, push_to_hub, public=public, dry_run=dry_run)
    return 0


def say_exported(made: Exported, *, dry_run: bool = False) -> None:
    """Print how many samples were kept or left out and why, and how to load the data set."""
    from curate.export.tell.overview import overview

    for line in overview(made, width(), dry_run=dry_run):
        say(line)


def _check(folder: Path, push_to_hub: str | None, *, public: bool, dry_run: bool) -> int:
    from curate.base.tables import things
    from curate.export.tell.manifest import check

    wrong, files = check(folder)
    for line in wrong:
        say(line)
    if wrong:
        say(f"{folder}: {things(len(wrong), 'file')} not as in manifest.json")
        return MISMATCH
    say(f"{folder}: {things(files, 'file')} as in manifest.json")
    if push_to_hub is not None:
        from curate.export.tell.hub import listing, push

        if dry_run:
            for line in listing(folder, push_to_hub, public=public):
                say(line)
        else:
            say(push(folder, push_to_hub, public=public))
    return 0


def _push(made: Exported, repo_id: str, *, public: bool, dry_run: bool) -> None:
    from curate.export.tell.hub import planned, push

    if dry_run:
        for line in planned(made, repo_id, public=public):
            say(line)
        return
    try:
        say(push(made.out, repo_id, public=public))
    except UserError as error:
        raise UserError(
            f"{error}. The data set is in {made.out}; try again: "
            f"curate export --check {made.out} --push-to-hub {repo_id}"
        ) from error
