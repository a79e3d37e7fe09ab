"""Chooses the examples a report shows for each rule: spread over sources and the data, never random. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

#: Candidates per rule and source, spread evenly over it; the examples are picked from them.
CANDIDATES = 24
#: How many findings of the same rule are marked in one label.
SPANS = 12
#: How many findings about whole sources are shown for each rule.
WHOLE = 12
#: A label up to this length makes a better example than a longer one.
HANDY = 160


@dataclass(frozen=True)
class FlaggedSample:
    """A sample with everything that one rule said about it."""

    rule: str
    sample_id: str
    source: str
    image: str | None
    label: str
    spans: tuple[tuple[int | None, int | None], ...]
    message: str
    fix: str | None
    replacement: str | None


def choose(
    samples: pl.LazyFrame, findings: pl.LazyFrame, rules: Sequence[str], each: int
) -> dict[str, list[FlaggedSample]]:
    """At most `each` examples for each of `rules`, in a fixed order for equal frames.

    Sources take turns; labels that are short, have an image and haven't been shown for the rule go first.
    """
    numbered = findings.with_row_index("row")
    about = numbered.filter(pl.col("sample_id").is_not_null() & pl.col("rule").is_in(list(rules)))
    place, size = pl.int_range(pl.len()).over("rule", "source"), pl.len().over("rule", "source")
    candidates = (
        about.select("row", pl.col("rule", "source").cast(pl.Categorical))
        # Evenly spaced: the n-th candidate is the first finding past n/CANDIDATES of the rule's findings.
        .filter((place * CANDIDATES) // size != ((place - 1) * CANDIDATES) // size)
        .select("row")
        .collect()
    )
    picked = (
        numbered.join(candidates.lazy(), on="row", how="semi")
        .sort("row")
        .select("rule", "source", "sample_id")
        .unique(["rule", "sample_id"], keep="first", maintain_order=True)
        .collect(engine="streaming")
    )
    if picked.is_empty():
        return {}
    texts = _labels(samples, picked)
    told = _told(about, picked)
    waiting: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    for order, (rule, source, sample_id) in enumerate(picked.iter_rows()):
        if sample_id not in texts:
            continue  # a finding about a missing sample: the report doesn't judge that
        image, label = texts[sample_id]
        rank = (len(label) > HANDY, image is None, order)
        waiting.setdefault(rule, {}).setdefault(source or "", []).append((rank, sample_id, source, image, label))
    return {
        rule: [
            _example(rule, candidate, told.get((rule, candidate[1]), []))
            for candidate in _take_turns(waiting[rule], each)
        ]
        for rule in rules
        if rule in waiting
    }


def of_whole_sources(findings: pl.LazyFrame, rules: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """(source, message) of the findings about sources as a whole, at most WHOLE for each of `rules`."""
    found = (
        findings.filter(pl.col("sample_id").is_null() & pl.col("rule").is_in(list(rules)))
        .filter(pl.int_range(pl.len()).over("rule") < WHOLE)
        .select("rule", "source", "message")
        .collect()
    )
    told: dict[str, list[tuple[str, str]]] = {}
    for rule, source, message in found.iter_rows():
        told.setdefault(rule, []).append((source or "", message or ""))
    return told


def _labels(samples: pl.LazyFrame, picked: pl.DataFrame) -> dict[str, tuple[str | None, str]]:
    wanted = picked.lazy().select("sample_id").unique()
    found = (
        samples.select("sample_id", "image", "label")
        .join(wanted, on="sample_id", how="semi")
        .collect(engine="streaming")
    )
    return {sample_id: (image, label or "") for sample_id, image, label in found.iter_rows()}


def _told(about: pl.LazyFrame, picked: pl.DataFrame) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    found = (
        about.join(picked.lazy().select("rule", "sample_id"), on=["rule", "sample_id"], how="semi")
        .select("rule", "sample_id", "start", "end", "message", "fix", "replacement")
        .sort("rule", "sample_id", "start", "end", "message", nulls_last=True)
        .collect(engine="streaming")
    )
    told: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for rule, sample_id, *rest in found.iter_rows():
        told.setdefault((rule, sample_id), []).append(tuple(rest))
    return told


def _take_turns(by_source: dict[str, list[tuple[Any, ...]]], each: int) -> list[tuple[Any, ...]]:
    queues = [sorted(queue, key=lambda candidate: candidate[0]) for _, queue in sorted(by_source.items())]
    taken: list[tuple[Any, ...]] = []
    shown: set[str] = set()
    spare: list[tuple[Any, ...]] = []
    while len(taken) < each and any(queues):
        for queue in queues:
            while queue:
                candidate = queue.pop(0)
                if candidate[4] in shown:
                    spare.append(candidate)
                    continue
                shown.add(candidate[4])
                taken.append(candidate)
                break
    return (taken + spare)[:each]


def _example(rule: str, candidate: tuple[Any, ...], told: list[tuple[Any, ...]]) -> FlaggedSample:
    _, sample_id, source, image, label = candidate
    first = told[0] if told else (None, None, "", None, None)
    message = first[2] or ""
    if len(told) > 1:
        message += f" (and {len(told) - 1} more in this label)"
    spans = tuple((start, end) for start, end, *_ in told[:SPANS])
    return FlaggedSample(rule, sample_id, source or "", image, label, spans, message, first[3], first[4])
