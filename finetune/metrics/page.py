"""The list of metrics, from the catalogue, for docs/metrics.md and `finetune evaluate --help`. Scores nothing."""

from __future__ import annotations

from finetune.metrics.catalogue import all_metrics
from finetune.metrics.metric import Metric


def as_markdown() -> str:
    """A table with one row per metric, in the order of tables."""
    rows = [["metric", "meaning", "unit", "better", "of"], ["---"] * 5, *map(_row, all_metrics().values())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(metric: Metric) -> list[str]:
    of = {"text": "pairs", "layout": "layout trees", "drawing": "drawings"}[metric.reads]
    return [
        f"`{metric.name}`",
        metric.meaning.replace("|", "\\|"),
        metric.unit.name,
        "higher" if metric.higher_is_better else "lower",
        "raw and canonical tokens" if metric.of_both_spellings else of,
    ]


def as_help() -> str:
    """Names and titles, one line per metric."""
    width = max(map(len, all_metrics()))
    return "\n".join(f"{name:{width}}  {metric.title_with_unit}" for name, metric in all_metrics().items())
