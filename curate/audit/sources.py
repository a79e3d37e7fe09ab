"""An audit's sources: do their names fit the options, and what do they hold? `curate.sources` reads formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from curate.audit.folder import Tables
from curate.audit.images import ASIDE, FACTS, OWN
from curate.audit.options import AuditOptions, Progress
from curate.audit.parts import part_rows
from curate.base.errors import UserError
from curate.runs.folder import PLACES
from curate.sources import FORMATS, Source, SourceSpec, read_source
from rules.workers.spread import are_jobs_spread


def check_names(specs: Sequence[SourceSpec], options: AuditOptions) -> None:
    if not specs:
        raise UserError("no source given; name at least one file or folder, as in: curate audit train.jsonl --out RUN")
    seen: dict[str, SourceSpec] = {}
    for spec in specs:
        if spec.name in seen:
            raise UserError(
                f"two sources are called {spec.name!r}: {seen[spec.name].target} and {spec.target}; "
                f"give one a name of its own: NAME={spec.target}"
            )
        seen[spec.name] = spec
    for flag, names in (
        ("--images", options.images),
        ("--columns", options.columns),
        ("--first-number", options.first_numbers),
    ):
        for name in names:
            if name is not None and name not in seen:
                raise UserError(f"{flag} names a source {name!r}, which doesn't exist; there are: {', '.join(seen)}")


def read_sources(specs: Sequence[SourceSpec], options: AuditOptions, report: Progress, tables: Tables) -> list[Source]:
    """Read the sources. Their samples and places go to `tables` and are removed from the result."""
    sources = []
    for number, spec in enumerate(specs):
        report("read", number, len(specs))
        images = options.images.get(spec.name, options.images.get(None))
        columns = options.columns.get(spec.name, options.columns.get(None))
        first = options.first_numbers.get(spec.name, options.first_numbers.get(None))
        source = read_source(
            spec, images=images, columns=columns, limit=options.limit, strokes=options.strokes, first_number=first
        )
        if spec.name in options.columns and not FORMATS[source.format].columns:
            raise UserError(f"--columns {spec.name}=…: {source.format} files have no named columns")
        aside = {name: ASIDE + name for name in (*FACTS, *OWN) if name in source.frame.columns}
        rows = part_rows(source.frame.height, options.workers if are_jobs_spread() else 0)
        for start in range(0, max(source.frame.height, 1), rows):
            tables.samples.append(source.frame.slice(start, rows).rename(aside))
            tables.places.append(source.places.slice(start, rows).select(pl.col(n).cast(t) for n, t in PLACES.items()))
        sources.append(replace(source, frame=source.frame.clear(), places=source.places.clear()))
    report("read", len(specs), len(specs))
    return sources
