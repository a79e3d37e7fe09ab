"""The run folder of an audit: finds an earlier one to reuse, and writes the new one, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.audit.earlier_run import Earlier, earlier_labels
from curate.audit.facts import Clock, config, run_facts, versions
from curate.audit.options import AuditOptions
from curate.audit.parts import ROWS, PartFile, Parts, Written
from curate.base.atomic_files import new_file, new_folder
from curate.base.errors import UserError
from curate.base.leftovers import clear_away, real
from curate.base.locks import MOVABLE
from curate.runs.decisions import DECISIONS_FILE, locked_decisions
from curate.runs.folder import (
    FINDINGS_FILE,
    HASHES,
    PLACES_FILE,
    REPORT_FILE,
    RUN_FILES,
    SAMPLES_FILE,
    SUMMARY_FILE,
    SUPPRESSED_FILE,
    Run,
    is_there,
    load_run,
    table_hashes,
)
from rules.registry import all_rules
from rules.workers.spread import spread_jobs


def open_earlier(out: Path, options: AuditOptions) -> Earlier | None:
    """The labels that an earlier run in `out` already judged, if this run may use them."""
    if not is_there(out):
        if not os.access(_existing_parent(out), os.W_OK):
            raise UserError(f"{out}: can't be written: no permission in {_existing_parent(out)}")
        return None
    if not options.update:
        clear_away(real(out), (DECISIONS_FILE,))
        raise UserError(
            f"{out}: already exists; use --update to judge what changed and keep its decisions, or another --out"
        )
    # Absolute, as it may be read from another machine.
    return earlier_labels(load_run(out.absolute()), config(options), versions())


def _existing_parent(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


class Tables:
    """The tables of an unfinished run, in parts in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._work = folder / "parts"
        self._work.mkdir()
        self.samples, self.places, self.found, self.suppressed = (
            Parts(self._work / name) for name in ("samples", "places", "found", "suppressed")
        )

    def add(self, columns: pl.DataFrame) -> None:
        """Give the samples more columns. Values are by ascending `order`; samples without a value get null."""
        if columns.is_empty():
            self.samples.fill(columns.drop("order").schema)
            return
        orders = columns["order"]
        parts = (
            (self.samples.file(number), columns[orders.search_sorted(start) : orders.search_sorted(end)])
            for number, (start, end) in enumerate(self.samples.spans())
        )
        for number, written in enumerate(spread_jobs(_with_columns, parts)):
            self.samples.take(number, written)

    def write(self) -> None:
        """Put the parts of each table together, and remove them."""
        for name, parts in (
            (SAMPLES_FILE, self.samples),
            (FINDINGS_FILE, self.found),
            (SUPPRESSED_FILE, self.suppressed),
            (PLACES_FILE, self.places),
        ):
            if len(parts):
                parts.scan().sink_parquet(
                    self.folder / name,
                    compression="zstd",
                    compression_level=1,
                    statistics=True,
                    row_group_size=ROWS,
                    engine="streaming",
                )
                parts.remove()
        shutil.rmtree(self._work)


def _with_columns(part: tuple[PartFile, pl.DataFrame]) -> Written:
    """Write a part with columns of some of its samples beside its own."""
    file, columns = part
    samples = file.read()
    if columns.height == samples.height:
        return file.write(pl.concat([samples, columns.drop("order")], how="horizontal"))
    return file.write(samples.join(columns, on="order", how="left", maintain_order="left"))


@contextmanager
def unfinished_run(out: Path, options: AuditOptions) -> Iterator[Path]:
    """Yield the folder in which a run is made. It becomes `out` when the block ends without an error.

    With `update`, it gets the earlier run's decisions, and whatever else somebody put into that folder.
    """
    with ExitStack() as locked, new_folder(out, replace=options.update, logs=(DECISIONS_FILE,)) as folder:
        yield folder
        if options.update and is_there(out):
            # Until the new folder is in place, nobody may decide: the decision would be lost with the old one.
            fd = locked.enter_context(locked_decisions(out))
            if os.fstat(fd).st_size:
                shutil.copy2(out / DECISIONS_FILE, folder / DECISIONS_FILE)
            for entry in out.iterdir():
                if entry.name not in RUN_FILES:
                    _carry_over(entry, folder / entry.name)
            if not MOVABLE:  # Windows renames no folder in which a file is open
                locked.close()


def _carry_over(entry: Path, to: Path) -> None:
    """Put a file or folder into a second place, without copying what is in it where the system can do that."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.copytree(entry, to, symlinks=True, copy_function=_link)
    else:
        _link(entry, to)


def _link(file: str | Path, to: str | Path) -> None:
    try:
        os.link(file, to, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(file, to, follow_symlinks=False)


def write_run(
    folder: Path,
    out: Path,
    summary: dict[str, Any],
    clock: Clock,
    options: AuditOptions,
    reused: Mapping[str, Any] | None,
) -> None:
    """Write the report and the summary beside a run's tables in `folder`, which becomes `out`. reused: see
    `curate.audit.facts.run_facts`."""
    from curate.report.page import write_report

    with clock.stage("write"):
        summary[HASHES] = table_hashes(folder)
    with clock.stage("report"):
        # The report looks images up from the final place, where the roots in the summary lead from.
        pending = _Pending(out, summary, *(pl.scan_parquet(folder / name) for name in (SAMPLES_FILE, FINDINGS_FILE)))
        summary["run"] = run_facts(clock, options, reused)
        write_report(pending, folder / REPORT_FILE, describe=describe)
    summary["run"] = run_facts(clock, options, reused)
    with new_file(folder / SUMMARY_FILE) as file:
        file.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def describe(code: str) -> tuple[str, str, str]:
    """(name, what it means, why it is bad) of a rule, for the report."""
    rule = all_rules().get(code)
    return (rule.name, rule.doc.paragraphs[0], rule.doc.why) if rule else (code, "", "")


@dataclass(frozen=True)
class _Pending:
    """An unfinished run in the form that the report needs."""

    path: Path
    summary: dict[str, Any]
    samples: pl.LazyFrame
    findings: pl.LazyFrame

    def root(self, source: str) -> Path:
        return Run(self.path, self.summary).root(source)
