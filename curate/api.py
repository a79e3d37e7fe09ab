"""Data sets judged with one call: what `import curate` offers. The work is done in `audit`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from curate.audit import AuditOptions, audit
from curate.base.cache_folder import cache_folder
from curate.base.errors import UserError
from curate.result import Result
from curate.runs.folder import is_there, load_run
from curate.sources.in_memory import sources_of
from rules import select
from rules.workers.cores import cores

#: A path or SOURCE as for `curate audit`, a polars frame, a `datasets.Dataset` or `DatasetDict`, or several by name.
Data = str | Path | pl.DataFrame | pl.LazyFrame | Mapping[str, Any] | Any


def judge(
    data: Data,
    *,
    out: str | Path | None = None,
    include: Iterable[str] = (),
    ignore: Iterable[str] = (),
    profile: str = "default",
    images: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    against: Iterable[str | Path] = (),
    predictions: Iterable[str | Path] = (),
    limit: int | None = None,
    update: bool = False,
    workers: int | None = None,
) -> Result:
    """Audit a data set, or several, as `curate audit` does.

    data: a path, or a SOURCE as on the command line (`"hme=hme100k:train_labels.txt#train"`); a polars frame with a
    column of labels and optionally one of images (paths or bytes); a `datasets.Dataset` or `DatasetDict`; or a mapping
    from names to any of these, which are then judged together. Data in memory is first written beside the run.

    out: the run folder to write, which must not exist without `update`; None: a temporary one, deleted with the result.
    include, ignore, profile: rules, as for `rules.check`. images: the folder that image paths are relative to.
    columns: what the columns are, such as {"label": "tex", "image": "name"}. against: earlier runs, files of hashes, or
    names of hash packs. predictions: prediction files to compare with the labels. workers: processes; None: one per
    core.

    Raises UserError if the data can't be judged, and SelectionError if a rule doesn't exist.
    """
    temporary = TemporaryDirectory(prefix="texsieve-") if out is None else None
    run = Path(temporary.name) / "run" if temporary else Path(out or "")
    if not update and is_there(run):  # before anything is written beside it
        raise UserError(f"{run}: already exists; update=True judges what changed and keeps its decisions")
    given = sources_of(data, run.parent / f"{run.name}.data", (columns or {}).get("image"))
    roots: dict[str | None, Path] = {one.spec.name: one.images for one in given if one.images is not None}
    options = AuditOptions(
        ruleset=select(list(include), list(ignore), profile=profile),
        images=roots if images is None else {None: Path(images)},
        columns={} if columns is None else {None: dict(columns)},
        against=tuple(map(Path, against)),
        predictions=tuple(map(Path, predictions)),
        limit=limit,
        update=update,
        workers=workers or cores(),
        cache=cache_folder(),
        command=("curate.judge",),
    )
    return Result(audit([one.spec for one in given], run, options), temporary)


def open_run(path: str | Path) -> Result:
    """A run folder that `curate audit` or `judge` wrote. Raises UserError if it is missing or incomplete."""
    return Result(load_run(Path(path)))
