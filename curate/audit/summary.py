"""Builds summary.json from a run's frames. Pure: no files, no clock; the `run` part (times, memory) is added by audit.

Equal frames and facts give an equal summary, to the byte when it is dumped: every list is sorted, means are made from
integers so that the order of additions doesn't show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curate import __version__
from curate.audit.thresholds import Thresholds
from curate.audit.verdict import judge
from curate.duplicates import Elsewhere
from curate.duplicates.facts import duplicates
from curate.duplicates.facts import leaks as leaks_of
from curate.sources.model import NOT_FOUND
from rules.registry import mended_by, tagged
from rules.sets import licences

#: Rows that could not be read are kept up to this number for each source; the counts are complete.
UNREADABLE_KEPT = 1000
#: A label shared by two splits or sources counts as overlap from this length on: shorter ones meet by chance.
OVERLAP_TOKENS = 10
BINS = 20

_RANK = {"info": 1, "warning": 2, "error": 3}
_SEVERITY = {rank: name for name, rank in _RANK.items()}


@dataclass(frozen=True)
class SourceFacts:
    """What the reader of a source knows and the frames don't.

    `rows` are the lines or records seen, `unreadable` how many of them gave no sample; `unreadable_rows` holds
    `{"file", "line", "reason", "excerpt"}` of them. `images_checked` is set when images were opened in this run: a
    sample that names an image and has no width then has no usable image.
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
    samples: pl.DataFrame,
    findings: pl.DataFrame,
    sources: Sequence[SourceFacts],
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    *,
    key_version: int = 1,
    thresholds: Thresholds | None = None,
    suppressed: pl.DataFrame | None = None,
    elsewhere: Elsewhere | None = None,
    images: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Aggregate a run. The frames have the schemas of `curate.runs.folder`; sources keep the order they are given in.

    `findings` are the new ones: they make the lists of rules and the counts of findings. Those of `suppressed` are
    known; they are counted apart, but they count with the new ones for what is said of samples, and for verdicts.
    `images` is what `curate.audit.image_facts` says of the sources' images.

    Raises:
        ValueError: a sample belongs to a source that `sources` doesn't name.
    """
    names = [facts.name for facts in sources]
    strangers = sorted(set(samples["source"].unique().to_list()) - set(names), key=str)
    if strangers:
        raise ValueError(f"samples of sources without facts: {strangers}")
    known = findings.clear() if suppressed is None else suppressed
    found = pl.concat([findings, known])
    marked = _mark(samples, found)
    by_source = _per_source(marked)
    counts, known_counts = _rule_counts(findings), _rule_counts(known)
    new_rules_of = _rules_by_source(counts)
    rules_of = _rules_by_source(_rule_counts(found)) if known.height else new_rules_of
    histograms = _histograms(marked)
    splits, overlap = _splits(marked)
    shared = _shared(marked)
    elsewhere = elsewhere or Elsewhere()
    twice = duplicates(samples)
    leaks = leaks_of(samples) if elsewhere.leaks is None else elsewhere.leaks
    entries = []
    for facts in sources:
        numbers = by_source.get(facts.name, _NOTHING)
        missing = numbers["no_image"] if facts.images_checked else numbers["missing_known"]
        entry = {
            "name": facts.name,
            "format": facts.format,
            "path": facts.path,
            "root": facts.root,
            "splits": splits.get(facts.name, {}),
            "rows": facts.rows,
            "samples": numbers["samples"],
            "unreadable": facts.unreadable,
            "unreadable_by_reason": dict(sorted(facts.unreadable_by_reason.items(), key=lambda kv: (-kv[1], kv[0]))),
            **{key: numbers[key] for key in _COPIED},
            "missing_image": missing,
            "split_overlap": overlap.get(facts.name, {}),
            "shared_labels": shared.get(facts.name, {}),
            "duplicates": twice.get(facts.name, _NEVER_TWICE),
            "leaks": list(leaks.get(facts.name, [])),
            "against": elsewhere.shared.get(facts.name, []),
            "images": dict((images or {}).get(facts.name, {})) or None,
            "licence": _licence(facts),
            "set_errors": _set_errors(found, facts.name),
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
        "totals": {
            "samples": samples.height,
            "distinct_labels": samples["label"].n_unique() if samples.height else 0,
            "unreadable": sum(facts.unreadable for facts in sources),
            "findings": findings.height,
            **{key: sum(entry[key] for entry in entries) for key in _TOTALLED},
        },
        "severities": _severities(findings),
        "rules": _rules(counts),
        "suppressed": {"findings": known.height, "rules": _rules(known_counts)},
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
    **dict.fromkeys((*_COPIED, "samples", "no_image", "missing_known"), 0),
    **dict.fromkeys(("mean_score", "median_tokens", "max_tokens")),
}
#: The counts of duplicates of a source without samples.
_NEVER_TWICE = {
    **dict.fromkeys(("by_string", "by_key", "by_label"), 0),
    **dict.fromkeys(("by_pixels", "by_pair", "near")),
}


def _set_errors(findings: pl.DataFrame, source: str) -> list[dict[str, str]]:
    """What is wrong with a source as a whole. That all its images are missing is counted as missing images are."""
    whole = pl.col("sample_id").is_null() & (pl.col("source") == source) & (pl.col("severity") == "error")
    found = findings.filter(whole & ~pl.col("rule").is_in(tagged("unusable-image")))
    return found.select("rule", "name", "message").unique(maintain_order=True).to_dicts()


def _licence(facts: SourceFacts) -> dict[str, str | None]:
    """The licence a source was given, and what is known of the public set that its name or path speaks of."""
    public = licences.known(facts.name, facts.path)
    return {"given": facts.licence, "public": public.licence if public else None}


def _mark(samples: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Samples with what their findings say together: the worst severity and which way out there is."""
    error = pl.col("severity") == "error"
    fix = pl.col("fix").fill_null("")
    missing, layout, residue = (pl.col("rule").is_in(tagged(tag)) for tag in ("unusable-image", "layout", "residue"))
    apart = pl.col("rule").is_in(mended_by("realign", "export", "export-resize"))
    own = error & ~layout & ~missing & ~apart  # those have a way out of their own and are counted apart
    fixable = fix.is_in(["safe", "unsafe"])
    per_sample = (
        findings.lazy()
        .filter(pl.col("sample_id").is_not_null())
        .select(
            "sample_id",
            pl.col("severity").replace_strict(_RANK, default=0, return_dtype=pl.Int8).alias("worst"),
            layout.alias("layout"),
            own.alias("own"),
            (own & ~fixable).alias("stuck"),
            (own & (fix == "unsafe")).alias("unsafe"),
            ((pl.col("severity") == "warning") & (fix != "safe")).alias("open_warning"),
            missing.alias("missing"),
            residue.alias("residue"),
            ((pl.col("severity") == "info") & fixable & ~residue).alias("respellable"),
        )
        .group_by("sample_id")
        .agg(pl.all().max())
    )
    wanted = ["sample_id", "source", "split", "visual_key", "score", "n_tokens", "image", "width"]
    flags = ("layout", "own", "stuck", "unsafe", "open_warning", "missing", "residue", "respellable")
    unread = pl.col(NOT_FOUND).is_not_null() if NOT_FOUND in samples.columns else pl.lit(False)
    return (
        samples.lazy()
        .select(*wanted, unread.alias("unread"))
        .join(per_sample, on="sample_id", how="left")
        .with_columns(pl.col("worst").fill_null(0), *(pl.col(flag).fill_null(False) for flag in flags))
        .collect()
    )


def _per_source(marked: pl.DataFrame) -> dict[str, dict[str, Any]]:
    error = pl.col("worst") == 3
    unkeyed = pl.col("visual_key").is_null()
    by_hand = pl.col("stuck")
    by_unsafe = pl.col("unsafe") & ~pl.col("stuck")
    no_image = pl.col("width").is_null() | pl.col("missing")  # or there is a header, and no pixels
    scored = (pl.col("score") * 1_000_000).round().cast(pl.Int64)
    frame = marked.group_by("source").agg(
        pl.len().alias("samples"),
        error.sum().alias("samples_with_error"),
        (pl.col("worst") == 2).sum().alias("samples_with_warning"),
        (pl.col("worst") == 1).sum().alias("samples_with_info_only"),
        (pl.col("worst") < 2).sum().alias("clean"),
        (pl.col("own") & ~pl.col("layout") & ~by_hand & ~by_unsafe).sum().alias("errors_with_safe_fix"),
        by_unsafe.sum().alias("errors_with_unsafe_fix"),
        by_hand.sum().alias("errors_without_fix"),
        (pl.col("open_warning") & ~error).sum().alias("warnings_without_safe_fix"),
        unkeyed.sum().alias("no_visual_key"),
        (unkeyed & ~error).sum().alias("no_visual_key_without_error"),
        pl.col("layout").sum().alias("layout_tokens"),
        pl.col("residue", "respellable").sum(),
        ((~unkeyed).sum() - pl.col("visual_key").drop_nulls().n_unique()).alias("duplicate_labels"),
        (scored.sum() / pl.col("score").count() / 1_000_000).round(6).alias("mean_score"),
        pl.col("n_tokens").median().alias("median_tokens"),
        pl.col("n_tokens").max().alias("max_tokens"),
        pl.col("image").is_not_null().sum().alias("with_image"),
        (pl.col("image").is_not_null() & no_image).sum().alias("no_image"),
        (pl.col("missing") | pl.col("unread")).sum().alias("missing_known"),
    )
    frame = frame.with_columns(pl.col("mean_score").fill_nan(None))  # no label with a score: no mean
    return {row["source"]: row for row in frame.to_dicts()}


def _rule_counts(findings: pl.DataFrame) -> pl.DataFrame:
    """One row a source and rule: the worst severity it was given, its findings, samples, fixable findings, and samples
    with a finding that nothing fixes."""
    fixable = pl.col("fix").is_in(["safe", "unsafe"]).fill_null(False)
    return (
        findings.lazy()
        .group_by("source", "rule")
        .agg(
            pl.col("name").min(),
            pl.col("severity").replace_strict(_RANK, default=0, return_dtype=pl.Int8).max().alias("rank"),
            pl.len().alias("findings"),
            pl.col("sample_id").drop_nulls().n_unique().alias("samples"),
            fixable.sum().alias("fixable"),
            pl.col("sample_id").filter(~fixable).drop_nulls().n_unique().alias("without_fix"),
        )
        .collect()
    )


def _ranked(counts: pl.DataFrame) -> list[dict[str, Any]]:
    severity = pl.col("rank").replace_strict(_SEVERITY, default="info", return_dtype=pl.String).alias("severity")
    order = ["rank", "samples", "findings", "rule"]
    return counts.sort(order, descending=[True, True, True, False]).with_columns(severity).to_dicts()


def _rules(counts: pl.DataFrame) -> list[dict[str, Any]]:
    # A sample belongs to one source, so samples add up over sources.
    sums = pl.col("findings", "samples", "fixable").sum()
    rows = _ranked(counts.group_by("rule").agg(pl.col("name").min(), pl.col("rank").max(), sums))
    return [{key: row[key] for key in ("rule", "name", "severity", "findings", "samples", "fixable")} for row in rows]


def _rules_by_source(counts: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for row in _ranked(counts):
        kept = {key: row[key] for key in ("rule", "name", "severity", "samples", "findings", "without_fix")}
        out.setdefault(row["source"], []).append(kept)
    return out


def _severities(findings: pl.DataFrame) -> dict[str, int]:
    counts = dict(findings.group_by("severity").len().iter_rows())
    return {name: counts.get(name, 0) for name in ("error", "warning", "info")}


def _histograms(marked: pl.DataFrame) -> dict[str, list[int]]:
    # The tiny addition keeps 0.05, 0.1, … in the bin they open although 20 × 0.05 may fall short of 1 in binary.
    where = (pl.col("score") * BINS + 1e-9).floor().clip(0, BINS - 1).cast(pl.Int32).alias("bin")
    counted = marked.filter(pl.col("score").is_not_null()).group_by("source", where).len()
    out: dict[str, list[int]] = {}
    for source, place, number in counted.iter_rows():
        out.setdefault(source, [0] * BINS)[place] = number
    return out


def _splits(marked: pl.DataFrame) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Samples of each named split, and how many of each also stand in the source's training split."""
    sizes: dict[str, dict[str, int]] = {}
    counted = marked.filter(pl.col("split").is_not_null()).group_by("source", "split").len()
    for source, split, number in counted.sort("source", "split").iter_rows():
        sizes.setdefault(source, {})[split] = number
    overlap: dict[str, dict[str, int]] = {}
    keyed = marked.lazy().filter(pl.col("visual_key").is_not_null() & (pl.col("n_tokens") >= OVERLAP_TOKENS))
    for source, split_sizes in sizes.items():
        if len(split_sizes) < 2:
            continue
        main = "train" if "train" in split_sizes else min(split_sizes, key=lambda s: (-split_sizes[s], s))
        here = keyed.filter(pl.col("source") == source)
        seen = here.filter(pl.col("split") == main).select("visual_key").unique()
        others = here.filter(pl.col("split") != main).join(seen, on="visual_key", how="semi")
        found = others.group_by("split").len().sort("split").collect()
        overlap[source] = dict(found.iter_rows())
    return sizes, overlap


def _shared(marked: pl.DataFrame) -> dict[str, dict[str, int]]:
    """For each source, how many of its samples have a label that another source holds too."""
    if marked["source"].n_unique() < 2:
        return {}
    keyed = marked.lazy().filter(pl.col("visual_key").is_not_null() & (pl.col("n_tokens") >= OVERLAP_TOKENS))
    held = keyed.group_by("source", "visual_key").len()
    # Only keys of several sources go into the join with itself: they are few, the rest is most of the data.
    common = held.filter(pl.len().over("visual_key") > 1)
    others = common.select("visual_key", pl.col("source").alias("other"))
    pairs = (
        common.join(others, on="visual_key")
        .filter(pl.col("source") != pl.col("other"))
        .group_by("source", "other")
        .agg(pl.col("len").sum())
        .sort("source", "other")
        .collect()
    )
    out: dict[str, dict[str, int]] = {}
    for source, other, number in pairs.iter_rows():
        out.setdefault(source, {})[other] = number
    return out
