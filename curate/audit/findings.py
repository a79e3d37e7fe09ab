"""The stages that run the rules over samples, and merge their findings with those in labels."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curate.audit.options import AuditOptions
from curate.findings import in_documents
from curate.runs.folder import FINDINGS
from curate.sources import Source
from rules import Ruleset
from rules.over_samples import FOUND, judge_samples
from rules.registry import tagged
from rules.score import scores


def with_terms(samples: pl.LazyFrame, sources: Sequence[Source], options: AuditOptions) -> pl.LazyFrame:
    """The samples as rules see them: with their source's path and licence."""
    paths = {source.name: source.path.as_posix() for source in sources}
    licences = {source.name: options.licences.get(source.name) for source in sources}
    return samples.with_columns(
        pl.col("source").replace_strict(values, default=None, return_dtype=pl.String).alias(name)
        for name, values in (("source_licence", licences), ("source_path", paths))
    )


def with_own_macros(
    samples: pl.DataFrame, found: pl.DataFrame, options: AuditOptions, documents: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A part of the samples and the findings in their labels; formulas of documents may use macros of their own.

    documents: the sources whose labels are such formulas.
    """
    if not documents:
        return samples, found
    own = samples.filter(pl.col("source").is_in(list(documents)) & pl.col("macros").is_not_null())
    of_own = found.join(own.select("order", "macros", "label"), on="order", how="inner", maintain_order="left")
    mended = in_documents.with_own_macros(of_own)
    again = scores(mended, "order", options.weights).rename({"score": "again"})
    samples = samples.join(again, on="order", how="left", maintain_order="left").with_columns(
        score=pl.when(pl.col("score").is_not_null()).then(pl.coalesce("again", "score"))
    )
    others = found.join(own.select("order"), on="order", how="anti", maintain_order="left")
    return samples.drop("again"), in_place(pl.concat([others, mended.select(found.columns)]))


def in_place(found: pl.DataFrame) -> pl.DataFrame:
    """Findings of a part, with `order`, in the order of a run."""
    return found.sort("order", "start", "rule", "end", "message", nulls_last=True, maintain_order=True)


def of_sets(found: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """An error of a whole set, for each of its samples: none can be trusted, so it counts in their scores. Missing
    images of a set are excepted, since they say nothing about its labels."""
    errors = found.filter(
        pl.col("sample_id").is_null()
        & (pl.col("severity") == "error")
        & ~pl.col("rule").is_in(tagged("unusable-image"))
    )
    of_all = errors.drop("sample_id", "order").join(samples.select("sample_id", "order", "source"), on="source")
    return of_all.select(found.columns)


def sample_findings(samples: pl.LazyFrame, ruleset: Ruleset) -> pl.DataFrame:
    """Findings of the rules over samples, with `order`; those of a whole data set (sample_id null) come before its
    first sample."""
    found = judge_samples(samples, ruleset).findings
    firsts = samples.group_by("source").agg(pl.col("order").min().alias("first")).collect(engine="streaming")
    named = found.lazy().select("sample_id").unique()
    orders = samples.select("sample_id", "order").join(named, on="sample_id", how="semi").collect(engine="streaming")
    return (
        found.join(orders, on="sample_id", how="left", maintain_order="left")
        .join(firsts, on="source", how="left", maintain_order="left")
        .select(
            pl.coalesce("order", "first").alias("order"),
            *(pl.col(name) if name in FOUND else pl.lit(None, kind).alias(name) for name, kind in FINDINGS.items()),
        )
        .sort("order", maintain_order=True)
    )


def lowered(samples: pl.DataFrame, found: pl.DataFrame, options: AuditOptions) -> pl.DataFrame:
    """A part of the samples with scores that also count the findings of rules over samples."""
    own = found.filter(pl.col("sample_id").is_not_null())
    if own.is_empty():
        return samples
    penalties = scores(own, "order", options.weights).rename({"score": "kept"})
    return (
        samples.join(penalties, on="order", how="left", maintain_order="left")
        .with_columns((pl.col("score") * pl.col("kept").fill_null(1.0)).round(4).alias("score"))
        .drop("kept")
    )
