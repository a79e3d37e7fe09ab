"""Finds the metrics, including those of other packages: the one place that lists them. Scores nothing."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from finetune.metrics import each
from finetune.metrics.metric import READS, Metric
from rules import plugins

#: The keys of metrics.json and of its groups that are not metrics.
OTHER_KEYS = frozenset(
    (
        *("texsieve", "key_version", "file", "unwrapped", "predicted", "n", "ci", "canonical"),
        *("runaway", "short", "empty", "note", "faults", "groups", "confusions", "labels", "name"),
    )
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@cache
def all_metrics() -> Mapping[str, Metric]:
    """Every metric by name, in the order of tables: the headline first."""
    found: list[Metric] = []
    for module in pkgutil.iter_modules(each.__path__, f"{each.__name__}."):
        found += importlib.import_module(module.name).METRICS

    def take(plugin: plugins.Plugin) -> None:
        nonlocal found
        brought = plugin.load()
        if not isinstance(brought, Sequence) or not all(isinstance(metric, Metric) for metric in brought):
            raise TypeError(
                "the entry point must name a tuple of finetune.metrics.metric.Metric, as in my_package:METRICS"
            )
        ordered([*found, *brought])  # raises if one doesn't fit in with the others
        found = [*found, *brought]

    for _ in plugins.each(plugins.METRICS, take):
        pass
    return ordered(found)


def ordered(metrics: Iterable[Metric]) -> Mapping[str, Metric]:
    """Metrics by name, sorted by `order`. Raises ValueError for invalid ones: two with one name, no function, …"""
    by_name: dict[str, Metric] = {}
    for metric in sorted(metrics, key=lambda metric: (metric.order, metric.name)):
        problem = _problem(metric)
        if metric.name in by_name:
            problem = "another metric has this name"
        if problem:
            raise ValueError(f"metric {metric.name!r}: {problem}")
        by_name[metric.name] = metric
    for metric in by_name.values():
        others = (other for other in by_name.values() if other.function is metric.function)
        if len({other.failed for other in others if other.failed}) > 1:
            raise ValueError(f"metric {metric.name!r}: metrics with the same function must have the same `failed`")
    return by_name


def _problem(metric: Metric) -> str | None:
    if not _NAME.fullmatch(metric.name) or metric.name in OTHER_KEYS:
        return "the name must be lower-case letters, digits and `_`, and not another key of metrics.json"
    if (metric.of_tokens is None) == (metric.of_pairs is None):
        return "name one function that returns its columns, `of_tokens` or `of_pairs`"
    if metric.of_tokens is not None and metric.reads != "text":
        return f"tokens are text; a metric that reads {metric.reads} needs `of_pairs`"
    if not metric.columns or "n" in metric.columns:
        return "name the columns that are summed; `n` is always included"
    if metric.yes_or_no and len(metric.columns) != 1:
        return "with `yes_or_no`, it must have a single column of zeros and ones"
    if not metric.higher_is_better and metric.failed is None:
        return "if lower is better, 0 doesn't mean wrong; `failed` says how a pair counts on which the metric fails"
    return None


def as_written(metrics: Iterable[Metric]) -> list[Metric]:
    """The order of metrics.json: first those of both spellings, last those that are null without a drawing."""
    return sorted(metrics, key=lambda metric: (not metric.of_both_spellings, READS.index(metric.reads)))


def in_words(metrics: Iterable[Metric], of: str = "") -> str:
    """Metrics as reports of a fault name them: `the metric cdm`, `the metrics structure and symbols`."""
    names = [metric.name for metric in sorted(metrics, key=lambda metric: (metric.order, metric.name))]
    joined = " and ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])
    return f"the metric{'s' if len(names) > 1 else ''} {joined}{of}"


def headline() -> Metric:
    """The first metric."""
    return next(iter(all_metrics().values()))
