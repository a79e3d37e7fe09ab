"""A run for Python code and notebooks: tables as frames, and an overview as HTML. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from curate.audit.verdict import verdict_text
from curate.base.tables import count, share, things
from curate.base.visible import visible
from curate.report.overview import sources_text
from curate.runs.folder import REPORT_FILE, Run

_RULES_SHOWN, _REASONS_SHOWN = 10, 3
_VERDICTS: dict[str, Any] = {
    "source": pl.String,
    "verdict": pl.String,
    "samples": pl.Int64,
    "with_error": pl.Int64,
    "with_warning": pl.Int64,
    "score": pl.Float64,
    "reasons": pl.List(pl.String),
}


class Result:
    """The result of an audit. Each table is read from the run folder on first use.

    A result without a folder of its own (`judge(..., out=None)`) has a temporary one, which is deleted with it.
    """

    def __init__(self, run: Run, temporary: TemporaryDirectory[str] | None = None) -> None:
        self.run = run
        self._temporary = temporary

    @property
    def path(self) -> Path:
        """The run folder, as `curate browse` and `curate export` take it."""
        return self.run.path

    @property
    def summary(self) -> dict[str, Any]:
        """The contents of summary.json: totals, counts by rule and by source, versions."""
        return self.run.summary

    @cached_property
    def samples(self) -> pl.DataFrame:
        """One row per sample: label, canonical, visual_key, score, data about its image. `run.samples` is lazy."""
        return self.run.samples.collect()

    @cached_property
    def findings(self) -> pl.DataFrame:
        """One row per finding: sample_id, rule, severity, start, end, message, fix, replacement. `run.findings` is
        lazy."""
        return self.run.findings.collect()

    @cached_property
    def verdicts(self) -> pl.DataFrame:
        """One row per source: source, verdict, samples, with_error, with_warning, score and the reasons."""
        rows = [
            {
                "source": entry["name"],
                "verdict": entry["verdict"],
                "samples": entry["samples"],
                "with_error": entry["samples_with_error"],
                "with_warning": entry["samples_with_warning"],
                "score": entry["mean_score"],
                "reasons": entry["reasons"],
            }
            for entry in self.summary["sources"]
        ]
        return pl.DataFrame(rows, schema=_VERDICTS)

    def report(self, *, show: bool = False) -> Path:
        """The run's report.html, one file that needs no network. show: open it in the browser."""
        path = self.path / REPORT_FILE
        if show:
            import webbrowser

            webbrowser.open(path.absolute().as_uri())
        return path

    def __repr__(self) -> str:
        return f"{self._first_line()}\n{sources_text(self.summary['sources'], width=100)}"

    def _first_line(self) -> str:
        return f"{things(self.summary['totals']['samples'], 'sample')} in {self.path}"

    def _repr_html_(self) -> str:
        """Verdicts with their first reasons, and the most frequent rules, for a notebook."""
        total = self.summary["totals"]["samples"]
        sources = [
            (
                entry["name"],
                verdict_text(entry),
                count(entry["samples"]),
                share(entry["samples_with_error"], entry["samples"]),
                "–" if entry["mean_score"] is None else f"{entry['mean_score']:.3f}",
                "\n".join(entry["reasons"][:_REASONS_SHOWN]),
            )
            for entry in self.summary["sources"]
        ]
        rules = [
            (row["rule"], row["name"], row["severity"], count(row["samples"]), share(row["samples"], total))
            for row in self.summary["rules"]
        ]
        left = len(rules) - _RULES_SHOWN
        return (
            f"<p>{_text(self._first_line())}</p>"
            + _table(("source", "verdict", "samples", "errors", "score", "why"), sources)
            + _table(("rule", "name", "severity", "samples", "share"), rules[:_RULES_SHOWN])
            + (f"<p>… and {things(left, 'rule')} more in <code>report.html</code></p>" if left > 0 else "")
        )


def _text(text: str) -> str:
    return escape(visible(text))


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{title}</th>" for title in titles)
    body = "".join(
        "<tr>" + "".join(f"<td>{'<br>'.join(map(_text, cell.split(chr(10))))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
