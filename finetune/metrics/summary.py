"""Figures as the terminal shows them. Reckons nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.base.tables import Column, count, text_table
from curate.base.visible import clip, visible
from finetune.metrics.evaluation import CDM_METRICS, LAYOUT_METRICS
from finetune.metrics.plots import confusion_words
from finetune.metrics.scoring import LOOK_METRICS, STRING_METRICS

#: In the order they are shown, the headline first.
SHOWN = (LOOK_METRICS[0], *STRING_METRICS, *LOOK_METRICS[1:], *CDM_METRICS, *LAYOUT_METRICS)
_CONFUSIONS = 8


def is_share(name: str) -> bool:
    """Is the metric a percentage?"""
    return name not in ("cer", *LAYOUT_METRICS)


def figure(name: str, value: float | None) -> str:
    """A metric's value as it is shown."""
    if value is None:
        return "–"
    return f"{value:.4f} %" if is_share(name) else f"{value:.4f}"


def span(name: str, ends: list[float] | None) -> str:
    """An interval as it is shown."""
    if ends is None:
        return "–"
    digits = 1 if is_share(name) else 3
    low, high = (round(end, digits) + 0.0 for end in ends)  # -0.0 is 0.0
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


def as_text(metrics: Mapping[str, Any], width: int) -> str:
    """The metrics as a table, raw and canonical side by side, and the most frequent confusions."""
    columns = (Column("metric"), *(Column(t, "right") for t in ("raw", "95 %", "canonical", "95 % ")))
    rows = []
    canonical = metrics["canonical"]
    for name in SHOWN:
        if metrics[name] is None and name in CDM_METRICS:
            continue
        row = [name, figure(name, metrics[name]), span(name, metrics["ci"][name])]
        if name in canonical:
            row += [figure(name, canonical[name]), span(name, canonical["ci"][name])]
        rows.append([*row, *[""] * (5 - len(row))])
    n, ran = metrics["n"], metrics["runaway"]["n"]
    parts = [f"{count(n)} prediction{'s' if n != 1 else ''}", text_table(columns, rows, width=width)]
    if metrics.get("note"):
        parts.append(metrics["note"])
    if ran:
        ids = ", ".join(clip(visible(one), 40) for one in metrics["runaway"]["ids"][:3])
        parts.append(f"{count(ran)} ran away (far longer than the truth): {ids}{', …' if ran > 3 else ''}")
    for title, entries in metrics["confusions"].items():
        if entries:
            said = "   ".join(
                f"{visible(confusion_words(entry))} ×{count(entry['n'])}" for entry in entries[:_CONFUSIONS]
            )
            parts.append(f"{title}: {said}")
    return "\n\n".join(parts)
