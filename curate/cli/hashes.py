"""The command `curate hashes`: what it takes and prints. The work is done in `curate.duplicates.hashes`."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.terminal import say


@click.command(
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
@click.option("--name", help="The set's name in findings [default: the file's name].")
@click.option("--set-version", default="", metavar="TEXT", help="The version of the set.")
@click.option("--licence", default="", metavar="TEXT", help="The licence of the set.")
def hashes(run: Path, out: Path, splits: tuple[str, ...], name: str | None, set_version: str, licence: str) -> None:
    """Write hashes of the labels and images in a run.

    Others can audit their data `--against` the file without having your data: it holds no readable label.
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
