"""The run folder of an audit: an earlier one that may be used again, and writing the new one, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.audit.earlier_run import Earlier, earlier_labels
from curate.audit.facts import Clock, config, run_facts, versions
from curate.audit.options import AuditOptions
from curate.base.atomic_files import new_file, new_folder
from curate.base.errors import UserError
from curate.runs.decisions import DECISIONS_FILE, locked_decisions
from curate.runs.folder import FINDINGS_FILE, REPORT_FILE, SAMPLES_FILE, SUMMARY_FILE, Run, is_there, load_run
from rules.registry import all_rules


def open_earlier(out: Path, options: AuditOptions) -> Earlier | None:
    """What an earlier run in `out` already judged, where this run may use it."""
    if not is_there(out):
        if not os.access(_existing_parent(out), os.W_OK):
            raise UserError(f"{out}: can't be written: no permission in {_existing_parent(out)}")
        return None
    if not options.update:
        raise UserError(
            f"{out}: already exists; use --update to judge what changed and keep its decisions, or another --out"
        )
    return earlier_labels(load_run(out), config(options), versions())


def _existing_parent(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


def write_run(
    out: Path,
    tables: dict[str, pl.DataFrame | None],
    summary: dict[str, Any],
    clock: Clock,
    options: AuditOptions,
) -> None:
    from curate.report import write_report

    with ExitStack() as locked, new_folder(out, replace=options.update, logs=(DECISIONS_FILE,)) as folder:
        with clock.stage("write"):
            for name, table in tables.items():
                if table is not None:
                    table.write_parquet(folder / name, compression="zstd", statistics=True)
        with clock.stage("report"):
            # The report looks images up from the final place, where the roots in the summary lead from.
            samples, findings = (pl.LazyFrame(tables[name]) for name in (SAMPLES_FILE, FINDINGS_FILE))
            pending = _Pending(out, summary, samples, findings)
            summary["run"] = run_facts(clock, options)
            write_report(pending, folder / REPORT_FILE, describe=describe)
        summary["run"] = run_facts(clock, options)
        with new_file(folder / SUMMARY_FILE) as file:
            file.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if options.update and is_there(out):
            # Until the new folder is in place nobody may decide: the decision would go with the old one.
            fd = locked.enter_context(locked_decisions(out))
            if os.fstat(fd).st_size:
                shutil.copy2(out / DECISIONS_FILE, folder / DECISIONS_FILE)


def describe(code: str) -> tuple[str, str, str]:
    """(name, what it means, why it is bad) of a rule, for the report."""
    rule = all_rules().get(code)
    return (rule.name, rule.doc.what, rule.doc.why) if rule else (code, "", "")


@dataclass(frozen=True)
class _Pending:
    """A run that is being written, as the report wants to see it."""

    path: Path
    summary: dict[str, Any]
    samples: pl.LazyFrame
    findings: pl.LazyFrame

    def root(self, source: str) -> Path:
        return Run(self.path, self.summary).root(source)
