"""Counts samples and their findings, part by part. Says nothing about sources: `curate.audit.source_counts` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from rules.registry import fixing_as, mended_by, tagged
from rules.vocabulary import PREPARED

SEVERITY_RANK = {"info": 1, "warning": 2, "error": 3}


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


def _set_errors(findings: pl.DataFrame) -> pl.DataFrame:
    """What is wrong with sources as a whole. A set without any images is handled with the missing images."""
    whole = pl.col("sample_id").is_null() & (pl.col("severity") == "error")
    found = findings.filter(whole & ~pl.col("rule").is_in(tagged("unusable-image")))
    return found.select("source", "rule", "name", "message")


def _mark(samples: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Samples with a summary of their findings: the worst severity, and how they can be resolved. A row takes some 50
    bytes: names are categories, visual keys are hashes, and of an image only its existence counts."""
    error = pl.col("severity") == "error"
    fix = pl.col("fix").fill_null("")
    missing, layout, residue = (pl.col("rule").is_in(tagged(tag)) for tag in ("unusable-image", "layout", "residue"))
    apart = pl.col("rule").is_in(mended_by("realign", "export", "export-resize"))
    own = error & ~layout & ~missing & ~apart  # those are resolved in their own way and counted apart
    warning = (pl.col("severity") == "warning") & (fix != "safe")
    prepared, by_option = (pl.col("rule").is_in(mended_by(*menders)) for menders in (PREPARED[:1], PREPARED[1:]))
    fixable = fix.is_in(["safe", "unsafe"])
    stuck = own & ~fixable
    about_samples = findings.filter(pl.col("sample_id").is_not_null()).with_row_index("finding")
    repaired = _inside_repairs(about_samples.filter(stuck), about_samples)
    stuck &= ~pl.col("finding").is_in(repaired)
    per_sample = (
        about_samples.lazy()
        .select(
            "sample_id",
            pl.col("severity").replace_strict(SEVERITY_RANK, default=0, return_dtype=pl.Int8).alias("worst"),
            layout.alias("layout"),
            own.alias("own"),
            stuck.alias("stuck"),
            (own & (fix == "unsafe")).alias("unsafe"),
            (warning & ~prepared & ~by_option).alias("open_warning"),
            (warning & prepared).alias("prepared"),
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
    flags = ("layout", "own", "stuck", "unsafe", "open_warning", "prepared", "missing", "residue", "respellable")
    return (
        samples.lazy()
        .select("sample_id", *kept, *seen)
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


def _rule_counts(findings: pl.DataFrame) -> pl.DataFrame:
    """One row per source and rule, and another for what the rule only remarks on there: the worst severity given, its
    findings, samples, fixable findings, and samples with a finding that nothing fixes, that a safe fix does, or an
    unsafe one."""
    fixable = pl.col("fix").is_in(["safe", "unsafe"]).fill_null(False)
    return (
        findings.lazy()
        .group_by("source", "rule", (pl.col("severity") == "info").alias("remark"))
        .agg(
            pl.col("name").min(),
            pl.col("severity").replace_strict(SEVERITY_RANK, default=0, return_dtype=pl.Int8).max().alias("rank"),
            pl.len().alias("findings"),
            pl.col("sample_id").drop_nulls().n_unique().alias("samples"),
            fixable.sum().alias("fixable"),
            pl.col("sample_id").filter(~fixable).drop_nulls().n_unique().alias("without_fix"),
            pl.col("sample_id").filter(pl.col("fix") == "safe").drop_nulls().n_unique().alias("with_safe_fix"),
            pl.col("sample_id").filter(pl.col("fix") == "unsafe").drop_nulls().n_unique().alias("with_unsafe_fix"),
        )
        .collect()
    )


def _added(counts: pl.DataFrame) -> pl.DataFrame:
    """The counts of several parts as one."""
    sums = pl.col("findings", "samples", "fixable", "without_fix", "with_safe_fix", "with_unsafe_fix").sum()
    return counts.group_by("source", "rule", "remark").agg(pl.col("name").min(), pl.col("rank").max(), sums)
