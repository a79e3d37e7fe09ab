"""The results of rules: findings, their severities and fix levels, and the findings frame."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import polars as pl

Severity = Literal["error", "warning", "info"]
FixLevel = Literal["safe", "unsafe", "display"]
#: What a fix is for. A repair mends a label that is wrong or damaged, or removes what no picture shows (`\label`, outer
#: delimiters, comments). Style is another spelling of the same formula.
FixKind = Literal["repair", "style"]

#: From worst to mildest.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

#: Columns of the frame that `rules.check` returns; `row` is an index into the given labels.
SCHEMA: dict[str, Any] = {
    "row": pl.UInt32,
    "rule": pl.String,
    "name": pl.String,
    "severity": pl.String,
    "start": pl.Int32,
    "end": pl.Int32,
    "message": pl.String,
    "fix": pl.String,
    "replacement": pl.String,
}


class Finding(NamedTuple):
    """One place in a label that a rule objects to.

    `start` and `end` are code point offsets into the label, end exclusive; both are None if the finding is about the
    label as a whole. `replacement` is the text that a fix would put there. `severity` and `fix` override those of the
    rule, for a place that is worse or less sure than usual.
    """

    message: str
    start: int | None = None
    end: int | None = None
    replacement: str | None = None
    severity: Severity | None = None
    fix: FixLevel | None = None
