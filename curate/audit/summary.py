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
from curate.audit.thresholds import Thresholds
from curate.audit.verdict import judge
from curate.duplicates import Elsewhere
from curate.sources.model import NOT_FOUND
from rules.registry import fixing_as, mended_by, tagged
from rules.sets import licences

#: How many unreadable rows are kept for each source; the counts are complete.
UNREADABLE_KEPT = 1000
#: A label shared by two splits or sources counts as overlap from this length on: shorter ones coincide by chance.
OVERLAP_TOKENS = 10
BINS = 20

_RANK = {"info": 1, "warning": 2, "error": 3}
_SEVERITY = {rank: name for name, rank in _RANK.items()}


@dataclass(frozen=True)
class SourceFacts:
    """What the reader of a source knows and the frames don't.

    `rows` are the lines or records seen, `unreadable` how many of them gave no sample; `unreadable_rows` holds
    `{"file", "line", "reason", "excerpt"}` for them. `images_checked` is set if images were opened in this run: then a
    sample that names an image but has no width has no usable image.
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


@dataclass(frozen=True)
class Tally:
    """What a summary needs from samples and findings, or from a part of them: little per sample, and counts.

    samples: one row per sample, see `_mark`. counts: of new findings, of known ones, and of both, see `_rule_counts`.
    severities: severity and len of the new ones. whole: errors of sources as a whole.
    """

    samples: pl.DataFrame
    counts: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]
    severities: pl.DataFrame
    whole: pl.DataFrame


def tally(samples: pl.DataFrame, findings: pl.DataFrame, suppressed: pl.DataFrame | None = None) -> Tally:
    """Count samples and all their findings. The frames have the schemas of `curate.runs.folder`.

    `findings` are the new ones: they make the lists of rules and the counts of findings. Those in `suppressed` are
    known and counted apart, but both count for what is said about samples, and for verdicts.
    """
    known = findings.clear() if suppressed is None else suppressed
    found = pl.concat([findings, known])
    return Tally(
        _mark(samples, found),
        (_rule_counts(findings), _rule_counts(known), _rule_counts(found)),
        findings.group_by("severity").len(),
        _set_errors(found),
    )


def together(parts: Sequence[Tally]) -> Tally:
    """The tally of all parts, each of which has all findings of its samples."""
    new, known, both = (_added(pl.concat(counts)) for counts in zip(*(part.counts for part in parts), strict=True))
    return Tally(
        pl.concat([part.samples for part in parts], rechunk=False),
        (new, known, both),
        pl.concat([part.severities for part in parts]).group_by("severity").agg(pl.col("len").sum()),
        pl.concat([part.whole for part in parts]),
    )


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
    by_source = _per_source(marked)
    counts, known_counts, all_counts = tallied.counts
    new_rules_of = _rules_by_source(counts)
    rules_of = _rules_by_source(all_counts) if known_counts.height else new_rules_of
    set_errors = tallied.whole.unique(maintain_order=True)
    histograms = _histograms(marked)
    splits, overlap = _splits(marked)
    shared = _shared(marked)
    elsewhere = elsewhere or Elsewhere()
    leaks = elsewhere.leaks
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
        "rules": _rules(counts),
        "suppressed": {"findings": int(known_counts["findings"].sum()), "rules": _rules(known_counts)},
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
#: The duplicate counts of a source without samples.
_NEVER_TWICE = {
    **dict.fromkeys(("by_string", "by_key", "by_label"), 0),
    **dict.fromkeys(("by_pixels", "by_pair", "near")),
}


def _set_errors(findings: pl.DataFrame) -> pl.DataFrame:
    """What is wrong with sources as a whole. A set without any images is handled with the missing images."""
    whole = pl.col("sample_id").is_null() & (pl.col("severity") == "error")
    found = findings.filter(whole & ~pl.col("rule").is_in(tagged("unusable-image")))
    return found.select("source", "rule", "name", "message")


def _licence(facts: SourceFacts) -> dict[str, str | None]:
    """The licence given for a source, and what is known about the public set that its name or path mentions."""
    public = licences.known(facts.name, facts.path)
    return {"given": facts.licence, "public": public.licence if public else None}


def _mark(samples: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Samples with a summary of their findings: the worst severity, and how they can be resolved. A row takes some 50
    bytes: names are categories, visual keys are hashes, and of an image only its existence counts."""
    error = pl.col("severity") == "error"
    fix = pl.col("fix").fill_null("")
    missing, layout, residue = (pl.col("rule").is_in(tagged(tag)) for tag in ("unusable-image", "layout", "residue"))
    apart = pl.col("rule").is_in(mended_by("realign", "export", "export-resize"))
    own = error & ~layout & ~missing & ~apart  # those are resolved in their own way and counted apart
    fixable = fix.is_in(["safe", "unsafe"])
    stuck = own & ~fixable
    about_samples = findings.filter(pl.col("sample_id").is_not_null()).with_row_index("finding")
    repaired = _inside_repairs(about_samples.filter(stuck), about_samples)
    stuck &= ~pl.col("finding").is_in(repaired)
    per_sample = (
        about_samples.lazy()
        .select(
            "sample_id",
            pl.col("severity").replace_strict(_RANK, default=0, return_dtype=pl.Int8).alias("worst"),
            layout.alias("layout"),
            own.alias("own"),
            stuck.alias("stuck"),
            (own & (fix == "unsafe")).alias("unsafe"),
            ((pl.col("severity") == "warning") & (fix != "safe")).alias("open_warning"),
            missing.alias("missing"),
            residue.alias("residue"),
            ((fix == "safe") & pl.col("rule").is_in(fixing_as("style"))).alias("respellable"),
        )
        .group_by("sample_id")
        .agg(pl.all().max())
    )
    key = pl.when(pl.col("visual_key").is_not_null()).then(pl.col("visual_key").hash()).alias("visual_key")
    kept = (pl.col("source", "split").cast(pl.Categorical), key, "score", "n_tokens")
    seen = (pl.col("image").is_not_null(), pl.col("width").is_null().alias("unmeasured"))
    flags = ("layout", "own", "stuck", "unsafe", "open_warning", "missing", "residue", "respellable")
    unread = pl.col(NOT_FOUND).is_not_null() if NOT_FOUND in samples.columns else pl.lit(False)
    return (
        samples.lazy()
        .select("sample_id", *kept, *seen, unread.alias("unread"))
        .join(per_sample, on="sample_id", how="left", maintain_order="left")
        .drop("sample_id")
        .with_columns(pl.col("worst").fill_null(0), *(pl.col(flag).fill_null(False) for flag in flags))
        .collect()
    )


def _inside_repairs(stuck: pl.DataFrame, findings: pl.DataFrame) -> list[int]:
    """Which findings without a fix (`finding`) touch characters that a safe repair of another rule rewrites.

    In `x &lt; y` the `&` is an alignment mark outside of a table; repairing the entity removes it.
    """
    if stuck.is_empty():
        return []
    repairs = findings.filter((pl.col("fix") == "safe") & pl.col("rule").is_in(fixing_as("repair")))
    places = repairs.select("sample_id", first="start", after="end")
    both = stuck.select("sample_id", "finding", "start", "end").join(places, on="sample_id")
    inside = both.filter((pl.col("first") < pl.col("end")) & (pl.col("start") < pl.col("after")))
    return inside["finding"].unique().to_list()


def _per_source(marked: pl.DataFrame) -> dict[str, dict[str, Any]]:
    error = pl.col("worst") == 3
    unkeyed = pl.col("visual_key").is_null()
    by_hand = pl.col("stuck")
    by_unsafe = pl.col("unsafe") & ~pl.col("stuck")
    no_image = pl.col("unmeasured") | pl.col("missing")  # or there is a header, but no pixels
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
        pl.col("image").sum().alias("with_image"),
        (pl.col("image") & no_image).sum().alias("no_image"),
        (pl.col("missing") | pl.col("unread")).sum().alias("missing_known"),
    )
    frame = frame.with_columns(pl.col("mean_score").fill_nan(None))  # no label with a score: no mean
    return {row["source"]: row for row in frame.to_dicts()}


def _rule_counts(findings: pl.DataFrame) -> pl.DataFrame:
    """One row per source and rule: the worst severity given, its findings, samples, fixable findings, and samples with
    a finding that nothing fixes."""
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


def _added(counts: pl.DataFrame) -> pl.DataFrame:
    """The counts of several parts as one."""
    sums = pl.col("findings", "samples", "fixable", "without_fix").sum()
    return counts.group_by("source", "rule").agg(pl.col("name").min(), pl.col("rank").max(), sums)


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


def _severities(counted: pl.DataFrame) -> dict[str, int]:
    counts = dict(counted.iter_rows())
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
    """Samples of each named split, and how many of each also occur in the source's training split."""
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
    # Only keys of several sources go into the self-join: they are few, the rest is most of the data.
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
