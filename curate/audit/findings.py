"""The stage that makes the findings table of what labels were judged and what the rules over samples say."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from curate.audit.images import ASIDE, FACTS
from curate.audit.options import AuditOptions
from curate.findings import in_documents
from curate.runs.folder import FINDINGS, SAMPLES
from curate.sources import Source
from rules import Ruleset, engine
from rules.over_samples import FOUND, judge_samples
from rules.registry import tagged
from rules.score import scores


def with_terms(samples: pl.DataFrame, sources: Sequence[Source], options: AuditOptions) -> pl.DataFrame:
    """The samples as rules see them: with their source's path and the licence that it was given."""
    terms = [(source.name, options.licences.get(source.name), source.path.as_posix()) for source in sources]
    names = ("source", "source_licence", "source_path")
    facts = pl.DataFrame(terms, schema=dict.fromkeys(names, pl.String), orient="row")
    return samples.drop(names[1:], strict=False).join(facts, on="source", how="left", maintain_order="left")


def collect(
    samples: pl.DataFrame,
    seen: pl.DataFrame,
    judged: engine.Judged,
    options: AuditOptions,
    documents: Collection[str] = (),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The samples and findings tables: labels' findings spread over their samples, rules over samples run.

    `seen` are the samples as rules see them: with more columns than are kept. `documents` are the sources whose labels
    may use macros of their documents.
    """
    of_labels = (
        samples.lazy()
        .select("order", "sample_id", "source", pl.col("label_row"))
        .join(judged.findings.lazy().rename({"row": "label_row"}), on="label_row", maintain_order="left_right")
        .select("order", *FINDINGS)
    )
    if documents:
        samples, of_labels = _with_own_macros(samples, of_labels.collect(), options, documents)
    of_samples = _sample_findings(seen, options.ruleset)
    counted = pl.concat([of_samples, _of_sets(of_samples, samples)])
    findings = (
        pl.concat([of_labels, of_samples.lazy()])
        .sort("order", "start", "rule", "end", "message", nulls_last=True, maintain_order=True)
        .select(*FINDINGS)
        .collect()
    )
    penalties = scores(counted, "sample_id", options.weights).rename({"score": "kept"})
    samples = samples.join(penalties, on="sample_id", how="left", maintain_order="left").with_columns(
        (pl.col("score") * pl.col("kept").fill_null(1.0)).round(4).alias("score"),
    )
    gone = {"order", "label_row", "kept", *FACTS} - {*SAMPLES}
    samples = samples.drop(gone, strict=False).rename(lambda name: name.removeprefix(ASIDE))
    extra = [name for name in samples.columns if name not in SAMPLES]
    return samples.select(*(pl.col(name).cast(dtype) for name, dtype in SAMPLES.items()), *extra), findings


def _with_own_macros(
    samples: pl.DataFrame, found: pl.DataFrame, options: AuditOptions, documents: Collection[str]
) -> tuple[pl.DataFrame, pl.LazyFrame]:
    """The samples and the findings in their labels, where formulas of documents may use macros of their own."""
    own = samples.filter(pl.col("source").is_in(list(documents)) & pl.col("macros").is_not_null())
    of_own = found.join(own.select("order", "macros", "label"), on="order", how="inner", maintain_order="left")
    mended = in_documents.with_own_macros(of_own)
    again = scores(mended, "order", options.weights).rename({"score": "again"})
    samples = samples.join(again, on="order", how="left", maintain_order="left").with_columns(
        score=pl.when(pl.col("score").is_not_null()).then(pl.coalesce("again", "score"))
    )
    others = found.join(own.select("order"), on="order", how="anti", maintain_order="left")
    return samples.drop("again"), pl.concat([others, mended.select(found.columns)]).lazy()


def _of_sets(found: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """An error of a whole set, for each of its samples: none of them can be trusted, so their scores count it. Not that
    a set's images are missing, which says nothing of its labels."""
    errors = found.filter(
        pl.col("sample_id").is_null()
        & (pl.col("severity") == "error")
        & ~pl.col("rule").is_in(tagged("unusable-image"))
    )
    of_all = errors.drop("sample_id").join(samples.select("sample_id", "source"), on="source", how="inner")
    return of_all.select(found.columns)


def _sample_findings(samples: pl.DataFrame, ruleset: Ruleset) -> pl.DataFrame:
    """Findings of the rules over samples; those of a whole data set (sample_id null) stand before its first sample."""
    found = judge_samples(samples, ruleset).findings
    firsts = samples.group_by("source").agg(pl.col("order").min().alias("first"))
    return (
        found.join(samples.select("sample_id", "order"), on="sample_id", how="left", maintain_order="left")
        .join(firsts, on="source", how="left", maintain_order="left")
        .select(
            pl.coalesce("order", "first").alias("order"),
            *(pl.col(name) if name in FOUND else pl.lit(None, kind).alias(name) for name, kind in FINDINGS.items()),
        )
    )
