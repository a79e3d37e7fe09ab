"""Sources of one or more runs side by side, best first: which set is worth training on. Renders nothing itself.

A summary is as old as its audit. Decisions come after it, so they are counted in the run's current file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from curate.base.distinct_names import distinct_names
from curate.base.errors import UserError
from curate.base.tables import things
from curate.report.overview import overlap_markdown, overlap_text, rank, sources_markdown, sources_text
from curate.runs import decision_counts
from curate.runs.decisions import DECISIONS_FILE, read_decisions

#: What a row of the comparison holds: the contract of `curate compare --format json`.
FIELDS = (
    "name",
    "format",
    "path",
    "verdict",
    "reasons",
    "advice",
    "rows",
    "samples",
    "unreadable",
    "samples_with_error",
    "samples_with_warning",
    "samples_with_info_only",
    "clean",
    "errors_with_safe_fix",
    "errors_with_unsafe_fix",
    "errors_without_fix",
    "layout_tokens",
    "no_visual_key",
    "duplicate_labels",
    "duplicates",
    "leaks",
    "against",
    "licence",
    "with_image",
    "missing_image",
    "mean_score",
    "median_tokens",
    "max_tokens",
    "splits",
    "rules",
)


class ComparedRun(Protocol):
    """What is needed from a run: its path, its summary and, if there are decisions, its samples."""

    @property
    def path(self) -> Path: ...
    @property
    def summary(self) -> dict[str, Any]: ...
    @property
    def samples(self) -> pl.LazyFrame: ...


def compare(runs: Sequence[ComparedRun]) -> list[dict[str, Any]]:
    """One row per source and run with the `FIELDS` of its summary entry and `decisions`, best first.

    `decisions` counts what people decided on samples of the source, by `decision_counts.KINDS`. With more than one run,
    each row has a `run` too: the folder's name, with as many folders above it as tell it from the others.

    Raises:
        UserError: no run, or a summary of another version that lacks a field.
    """
    if not runs:
        raise UserError("nothing to compare: name one or more run folders")
    rows = []
    for run, label in zip(runs, distinct_names([run.path for run in runs]), strict=True):
        decisions = read_decisions(run.path / DECISIONS_FILE)
        decided = decision_counts.by_source(decisions, run.samples)
        for entry in run.summary.get("sources", []):
            lacking = [field for field in FIELDS if field not in entry]
            if lacking:
                raise UserError(f"{run.path}: its summary.json has no {lacking[0]!r}; audit the sources again")
            row = {field: entry[field] for field in FIELDS}
            row["images"] = entry.get("images")
            row["decisions"] = decided.get(entry["name"], dict(decision_counts.NONE))
            rows.append({"run": label, **row} if len(runs) > 1 else row)
    rows.sort(key=lambda row: (*rank(row), row.get("run", "")))
    return rows


def to_text(rows: Sequence[dict[str, Any]], *, width: int = 120) -> str:
    """A table for the terminal, with verdict and first reasons below each source."""
    parts = [sources_text(rows, width=width), overlap_text(rows, width=width), _decided_text(rows)]
    return "\n\n".join(filter(None, parts))


def to_markdown(rows: Sequence[dict[str, Any]], *, width: int = 120) -> str:
    """A markdown table and the reasons as lists. `width` is there so that all presenters have the same signature."""
    shared, decided = overlap_markdown(rows), _decided_text(rows)
    return sources_markdown(rows) + (f"\n{shared}\n" if shared else "") + (f"\n{decided}\n" if decided else "")


def _decided_text(rows: Sequence[dict[str, Any]]) -> str:
    """That the verdicts ignore decisions; "" if there are none."""
    number = sum(decision_counts.decided(row["decisions"]) for row in rows)
    if not number:
        return ""
    said = f"People have decided on {things(number, 'sample')}. {decision_counts.HOW_APPLIED}. "
    return said + decision_counts.HOW_TO_APPLY


def to_json(rows: Sequence[dict[str, Any]], *, width: int = 120) -> str:
    """The rows as a JSON list with nothing left out."""
    return json.dumps(list(rows), ensure_ascii=False, indent=2) + "\n"


#: The presenters by their names for `--format`.
FORMATS: dict[str, Callable[..., str]] = {"text": to_text, "json": to_json, "markdown": to_markdown}
