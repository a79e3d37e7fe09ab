"""The command `curate hashes`: its options and output. The work is done in `curate.duplicates`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import say, width


@click.command(
    epilog="""
\b
Examples:
  curate hashes run-crohme --out crohme.parquet
  curate hashes run --split test --out benchmark.parquet --name benchmark --licence CC-BY-4.0
  curate hashes --list
"""
)
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The file to write.")
@click.option("--split", "splits", multiple=True, metavar="SPLIT", help="Only samples of this split; may be repeated.")
@click.option("--name", help="The set's name in findings [default: the file's name].")
@click.option("--set-version", default="", metavar="TEXT", help="The version of the set.")
@click.option("--licence", default="", metavar="TEXT", help="The licence of the set.")
@click.option("--source", default="", metavar="TEXT", help="Where the set is published: an address, a paper.")
@click.option("--list", "list_packs", is_flag=True, help="List the hash packs that --against finds by name.")
def hashes(
    run: Path | None,
    out: Path | None,
    splits: tuple[str, ...],
    name: str | None,
    set_version: str,
    licence: str,
    source: str,
    list_packs: bool,
) -> None:
    """Write hashes of the labels and images in a run.

    Others can audit their data `--against` the file without having your data: the file has no readable labels.
    """
    if list_packs:
        if run is not None or out is not None:
            raise UserError("--list lists the available packs, and takes no RUN and no --out")
        _list()
        return
    if run is None or out is None:
        raise UserError("name a run folder and, with --out, the file to write; --list lists the available packs")
    from curate.base.tables import count
    from curate.duplicates.hashes import write_hashes
    from curate.runs.folder import load_run

    name = name or out.name.split(".")[0]
    written = write_hashes(
        load_run(run), out, name=name, version=set_version, licence=licence, source=source, splits=splits
    )
    say(
        f"hashes    {out}: {count(written['labels'])} different labels and {count(written['images'])} images "
        f"of {count(written['rows'])} samples"
    )


def _list() -> None:
    """Print a table of the packs; if there are none, the folders that were searched."""
    from curate.base.tables import Column, count, text_table
    from curate.duplicates.packs import folders, packs
    from rules import KEY_VERSION

    titles = ("pack", "version", "labels", "images", "licence", "source", "file")
    columns = [Column(title, "right" if title in ("labels", "images") else "left") for title in titles]
    rows, notes = [], []
    for pack in packs():
        facts = pack.facts
        counts = [count(int(facts[kind])) if facts.get(kind, "").isdecimal() else "–" for kind in ("labels", "images")]
        texts = [facts.get(key) or "–" for key in ("version", "licence", "source")]
        rows.append([pack.name, texts[0], *counts, *texts[1:], str(pack.path)])
        key = facts.get("key_version")
        old = f"has visual keys of version {key}, not {KEY_VERSION}: get a newer one, or make it again"
        notes.append([pack.wrong] if pack.wrong else [] if key == str(KEY_VERSION) else [old])
    say(text_table(columns, rows, width=width(), notes=notes) if rows else "no packs")
    if not rows:
        say("looked in " + ", ".join(map(str, folders())))
