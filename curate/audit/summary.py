"""Builds summary.json from a run's frames. Pure: no files, no clock; audit adds the `run` part (times, memory).

Equal frames and facts give an equal summary, to the byte when it is dumped: every list is sorted, and means are
computed from integers so that the order of additions doesn't show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curate import __version__
from curate.audit.sampling import Drawn
from curate.audit.source_counts import (
    BINS,
    rules_by_source,
    rules_in_all,
    score_histograms,
    shared_labels,
    source_counts,
    splits_and_overlap,
)
from curate.audit.tally import Tally
from curate.audit.thresholds import Thresholds
from curate.audit.verdict import judge
from curate.duplicates import Elsewhere
from rules.sets import licences

#: How many unreadable rows are kept for each source; the counts are complete.
UNREADABLE_KEPT = 1000


@dataclass(frozen=True)
class SourceFacts:
    """What the reader of a source knows and the frames don't.

    `rows` are the lines or records seen, `unreadable` how many of them gave no sample; `unreadable_rows` holds
    `{"file", "line", "reason", "excerpt"}` for them. `images_checked` is set if images were opened in this run: then a
    sample that names an image but has no width has no usable image. Else nothing is said of any image.
    """

    name: str
    format: str
    path: str
    root: str
    rows: int
    unreadable: int = 0
    unreadable_by_reason: Mapping[str, int] = field(default_factory=dict)
    unreadable_rows: Sequence[Mapping[str, Any]] = ()
    images_checked: bool = False
    licence: str | None = None


def summarise(
    tallied: Tally,
    sources: Sequence[SourceFacts],
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    *,
    distinct: int,
    duplicates: Mapping[str, Mapping[str, int | None]],
    key_version: int = 1,
    thresholds: Thresholds | None = None,
    elsewhere: Elsewhere | None = None,
    images: Mapping[str, Mapping[str, Any]] | None = None,
    drawn: Drawn | None = None,
) -> dict[str, Any]:
    """Aggregate a run. Sources keep the given order. distinct: number of distinct labels. duplicates: the facts of
    `curate.duplicates.facts`. images: those of `curate.audit.image_facts` about the sources' images. drawn: set if the
    samples are a part of what was read.

    Raises:
        ValueError: a sample belongs to a source that `sources` doesn't name.
    """
    marked = tallied.samples
    names = [facts.name for facts in sources]
    strangers = sorted(set(marked["source"].unique().to_list()) - set(names), key=str)
    if strangers:
        raise ValueError(f"samples of sources without facts: {strangers}")
    by_source = source_counts(marked)
    counts, known_counts, all_counts = tallied.counts
    new_rules_of = rules_by_source(counts)
    rules_of = rules_by_source(all_counts) if known_counts.height else new_rules_of
    set_errors = tallied.whole.unique(maintain_order=True)
    histograms = score_histograms(marked)
    splits, overlap = splits_and_overlap(marked)
    shared = shared_labels(marked)
    elsewhere = elsewhere or Elsewhere()
    leaks = elsewhere.leaks
    entries = []
    for facts in sources:
        numbers = by_source.get(facts.name, _NOTHING)
        missing = numbers["no_image"] if facts.images_checked else 0
        entry = {
            "name": facts.name,
            "format": facts.format,
            "path": facts.path,
            "root": facts.root,
            "splits": splits.get(facts.name, {}),
            "rows": facts.rows,
            "samples": numbers["samples"],
            "drawn_from": numbers["samples"] if drawn is None else drawn.of_source.get(facts.name, 0),
            "unreadable": facts.unreadable,
            "unreadable_by_reason": dict(sorted(facts.unreadable_by_reason.items(), key=lambda kv: (-kv[1], kv[0]))),
            **{key: numbers[key] for key in _COPIED},
            "missing_image": missing,
            "split_overlap": overlap.get(facts.name, {}),
            "shared_labels": shared.get(facts.name, {}),
            "duplicates": duplicates.get(facts.name, _NEVER_TWICE),
            "leaks": list(leaks.get(facts.name, [])),
            "against": elsewhere.shared.get(facts.name, []),
            "images": dict((images or {}).get(facts.name, {})) or None,
            "licence": _licence(facts),
            "set_errors": set_errors.filter(pl.col("source") == facts.name).drop("source").to_dicts(),
            "rules": rules_of.get(facts.name, []),
        }
        entry["verdict"], advice = judge(entry, thresholds)
        entry["reasons"] = [point.sentence for point in advice]
        entry["advice"] = [point.as_json() for point in advice]
        entry["rules"] = new_rules_of.get(facts.name, [])
        entry["score_histogram"] = histograms.get(facts.name, [0] * BINS)
        entries.append(entry)
    return {
        "texsieve": __version__,
        "key_version": key_version,
        "config": dict(config),
        "sample": drawn and drawn.as_json(),
        "totals": {
            "samples": marked.height,
            "distinct_labels": distinct,
            "unreadable": sum(facts.unreadable for facts in sources),
            "findings": int(counts["findings"].sum()),
            **{key: sum(entry[key] for entry in entries) for key in _TOTALLED},
        },
        "severities": _severities(tallied.severities),
        "rules": rules_in_all(counts),
        "suppressed": {"findings": int(known_counts["findings"].sum()), "rules": rules_in_all(known_counts)},
        "sources": entries,
        "against": [dict(item) for item in elsewhere.sets],
        "near_duplicates": elsewhere.near and dict(elsewhere.near),
        "score_histogram": [sum(entry["score_histogram"][i] for entry in entries) for i in range(BINS)],
        "unreadable": [
            {"source": facts.name, **{key: row.get(key) for key in ("file", "line", "reason", "excerpt")}}
            for facts in sources
            for row in facts.unreadable_rows[:UNREADABLE_KEPT]
        ],
        "versions": dict(sorted(versions.items())),
    }


_TOTALLED = ("samples_with_error", "samples_with_warning", "samples_with_info_only", "clean")
_COPIED = (
    *_TOTALLED,
    "errors_with_safe_fix",
    "errors_with_unsafe_fix",
    "errors_without_fix",
    "warnings_without_safe_fix",
    "warnings_mended_by_export",
    "no_visual_key",
    "no_visual_key_without_error",
    "layout_tokens",
    "residue",
    "respellable",
    "duplicate_labels",
    "mean_score",
    "median_tokens",
    "max_tokens",
    "with_image",
)
_NOTHING: dict[str, Any] = {
    **dict.fromkeys((*_COPIED, "samples", "no_image"), 0),
    **dict.fromkeys(("mean_score", "median_tokens", "max_tokens")),
}
#: The duplicate counts of a source without samples.
_NEVER_TWICE = {
    **dict.fromkeys(("by_string", "by_key", "by_label"), 0),
    **dict.fromkeys(("by_pixels", "by_pair", "near")),
}


def _licence(facts: SourceFacts) -> dict[str, str | None]:
    """The licence given for a source, and what is known about the public set that its name or path mentions."""
    public = licences.known(facts.name, facts.path)
    return {"given": facts.licence, "public": public.licence if public else None}


def _severities(counted: pl.DataFrame) -> dict[str, int]:
    counts = dict(counted.iter_rows())
    return {name: counts.get(name, 0) for name in ("error", "warning", "info")}
