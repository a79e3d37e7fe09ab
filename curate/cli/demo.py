"""The command `curate demo`: makes data with planted defects, audits and exports it, and reports what was found."""

from __future__ import annotations

from pathlib import Path

import click

from curate.base.errors import UserError
from curate.base.terminal import Bars, say, width
from curate.cli.audit import audit_and_say, one_thread_for_matrices
from curate.cli.export import say_exported
from curate.cli.options import chosen_rules
from rules.workers.cores import cores


@click.command()
@click.option("--out", default="demo", show_default=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.option("--seed", default=0, show_default=True, help="Another seed makes other formulas.")
def demo(out: Path, seed: int) -> int:
    """Make small data sets with defects, audit them, export them.

    Says which of the defects were found and how to load the exported data set. Needs no network and no data.
    """
    one_thread_for_matrices()
    from curate.demo import make_demo
    from curate.demo.results import compare_planted
    from curate.export.decide.options import ExportOptions
    from curate.export.write.job import export as write_dataset
    from curate.project import Project
    from curate.runs.folder import REPORT_FILE, load_run
    from curate.sources import parse_source

    if out.exists():
        raise UserError(f"{out}: already exists; remove it or name another folder with --out")
    say(f"Making three small data sets with planted defects in {out / 'data'} …")
    with Bars() as bars:
        data = make_demo(out / "data", seed=seed, progress=lambda done, of: bars("draw", done, of))
    project = Project()
    specs = [parse_source(source) for source in data.sources]
    audit_and_say(specs, out / "run", project, chosen_rules(project), workers=None, fail_on=None)
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
    say()
    say(f"Now open {out / 'run' / REPORT_FILE} in a browser, or decide on samples: curate browse {out / 'run'}")
    return 0
