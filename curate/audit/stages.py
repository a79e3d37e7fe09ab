"""Runs the stages of an audit in order, from sources to a run folder. Each stage is in the module of its name.

Labels and findings are on disk, in parts (`curate.audit.parts`); only data that compares samples is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

import rules
from curate import duplicates
from curate.audit.earlier_run import Earlier
from curate.audit.facts import Clock, config, source_facts, versions
from curate.audit.findings import in_place, lowered, of_sets, sample_findings, with_terms
from curate.audit.folder import Tables, open_earlier, unfinished_run, write_run
from curate.audit.image_facts import image_facts
from curate.audit.images import ASIDE, FACTS, OWN, check_found, join_images, join_pairs
from curate.audit.labels import judge_labels
from curate.audit.options import AuditOptions, Progress
from curate.audit.parts import PartFile, Written
from curate.audit.sampling import draw
from curate.audit.sources import check_names, read_sources
from curate.audit.summary import summarise
from curate.audit.tally import Tally, tally, together
from curate.duplicates.facts import duplicates as repeated
from curate.duplicates.hashes import hash64
from curate.findings import baseline
from curate.predictions import contradicted
from curate.predictions.rows import Prediction
from curate.runs import decision_counts
from curate.runs.decisions import DECISIONS_FILE, Decisions, read_decisions
from curate.runs.folder import FINDINGS, SAMPLES, SAMPLES_FILE, Run, load_run
from curate.sources import FORMATS, SourceSpec
from curate.sources.model import NOT_FOUND
from rules import faults
from rules.workers.spread import spread_jobs


def audit(specs: Sequence[SourceSpec], out: Path, options: AuditOptions, progress: Progress | None = None) -> Run:
    """Audit sources and write the run folder `out`, whole or not at all.

    Failures of rules are caught, and counted in the summary under `faults`, with the first sample that each failed on.
    Raises UserError if `out` exists without `update`, two sources have the same name, or a source can't be read at all.
    """
    report = progress or (lambda stage, done, of: None)
    check_names(specs, options)
    earlier = open_earlier(out, options)
    known = duplicates.load_known(options.against)
    predicted = contradicted.read(options.predictions)
    with faults.passed_on() as caught:
        clock = Clock()
        with unfinished_run(out, options) as folder:
            tables = Tables(folder)
            summary, reused = _make(tables, specs, out, options, report, clock, earlier, known, predicted)
            caught.name(_first_sample(pl.scan_parquet(folder / SAMPLES_FILE)))
            summary["faults"] = [fault.as_json() for fault in caught.all()]
            write_run(folder, out, summary, clock, options, reused if options.update else None)
        return load_run(out)


def _make(
    tables: Tables,
    specs: Sequence[SourceSpec],
    out: Path,
    options: AuditOptions,
    report: Progress,
    clock: Clock,
    earlier: Earlier | None,
    known: Sequence[duplicates.KnownSet],
    predicted: Sequence[tuple[Path, list[Prediction]]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make the tables of a run. Returns its summary, and counts of what was reused."""
    with clock.stage("read"):
        sources = read_sources(specs, options, report, tables)
        clock.rows["read"] = sum(source.rows for source in sources)
    drawn = None
    if options.sample is not None:
        with clock.stage("draw"):
            drawn = draw(tables, options.sample)
    documents = [source.name for source in sources if FORMATS[source.format].in_documents]
    with clock.stage("images"):
        cached: list[int] = []
        pictured = _pictured(tables, options)
        check_found(pictured, sources, options)  # before minutes are spent on the images of other sources
        pictured = join_images(pictured, sources, options, report, cached.append)
        check_found(pictured, sources, options)
    with clock.stage("labels"):
        judged = judge_labels(tables, options, earlier, report, documents, wrong=bool(predicted))
    clock.rows |= {"images": pictured.height, "labels": judged.distinct, "pairs": pictured.height}
    clock.rows |= dict.fromkeys(("duplicates", "collect", "summary", "write"), tables.samples.height)
    with clock.stage("pairs"):
        rows = pictured.lazy().select("order")
        labels = tables.samples.scan().select("order", "label", "visual_key").join(rows, on="order", how="semi")
        pictured = pictured.join(labels.collect(engine="streaming"), on="order", how="left")
        pictured = join_pairs(pictured.sort("order"), sources, options, report).drop("label", "visual_key")
    with clock.stage("duplicates"):
        pictured, near = duplicates.with_image_groups(
            pictured,
            {source.name: source.root for source in sources},
            workers=options.workers,
            cache=options.cache,
            progress=lambda done, of: report("copies", done, of),
        )
        tables.add(pictured.drop("source", "split", "image", NOT_FOUND, strict=False))
    with clock.stage("pairs"):
        predictions, matched, ranked = _predictions(tables, predicted, judged.wrong)
        tables.add(predictions)
    with clock.stage("collect"):
        seen = with_terms(duplicates.with_known(tables.samples.scan(), known), sources, options)
        seen = seen.with_columns(hash64("label_group").alias("label_group"))
        pictures = image_facts(seen, options.model)
    with clock.stage("duplicates"):
        elsewhere = duplicates.elsewhere(seen, known, near)
        twice = repeated(seen.with_columns(pl.col("label_row").alias("label"), _hashed("visual_key")))
    with clock.stage("collect"):
        tallied = _finish(tables, sample_findings(seen, options.ruleset), options, report)
    with clock.stage("summary"):
        summary = summarise(
            tallied,
            [source_facts(source, out, options) for source in sources],
            config(options),
            versions(),
            distinct=judged.distinct,
            duplicates=twice,
            key_version=rules.KEY_VERSION,
            thresholds=options.thresholds,
            elsewhere=elsewhere,
            images=pictures,
            drawn=drawn,
        )
        decisions = read_decisions(out / DECISIONS_FILE) if options.update else Decisions()
        decided = decision_counts.by_source(decisions, tables.samples.scan())
        summary["decisions"] = decision_counts.totals(decisions, decided)
        for entry, source in zip(summary["sources"], sources, strict=True):
            entry["notes"] = dict(sorted(source.notes.items()))
            entry["decisions"] = decided.get(source.name, dict(decision_counts.NONE))
        summary["faults"] = []  # some may still come
        if predicted:
            summary["predictions"] = contradicted.facts(matched, ranked)
    report("write", 0, 1)
    with clock.stage("write"):
        tables.write()
    images = pictured.select("source", "image").drop_nulls().n_unique()
    reused = {"same_rules": earlier is not None, "labels": [judged.reused, judged.distinct]}
    return summary, {**reused, "images": [sum(cached), images]}


def _pictured(tables: Tables, options: AuditOptions) -> pl.DataFrame:
    """The samples of the sources that name images, if images are to be opened: order, source, split, image."""
    samples = tables.samples.scan()
    named = samples.filter(pl.col("image").is_not_null()).select("source").unique().collect()["source"]
    wanted = [name for name in ("source", "split", "image", NOT_FOUND) if name in tables.samples.schema()]
    rows = samples.select(wanted).with_row_index("order")
    return rows.filter(pl.col("source").is_in(named.implode()) & options.probe_images).collect(engine="streaming")


def _predictions(
    tables: Tables, files: Sequence[tuple[Path, list[Prediction]]], wrong: Sequence[str]
) -> tuple[pl.DataFrame, list[contradicted.Matched], list[dict[str, Any]]]:
    """Predictions for each sample, by `order`; a summary of their files; the samples that they contradict."""
    wanted = ("order", "sample_id", "image", "label", "canonical", "visual_key", "pair_score")
    rows = tables.samples.scan().select(wanted)
    samples = (rows if files else rows.clear()).collect()
    samples, matched = contradicted.with_predictions(samples, files, wrong)
    ranked = contradicted.ranked(samples) if files else []
    return samples.select("order", *contradicted.PREDICTED, contradicted.RANK), matched, ranked


def _hashed(column: str) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null()).then(pl.col(column).hash()).alias(column)


def _finish(tables: Tables, of_samples: pl.DataFrame, options: AuditOptions, report: Progress) -> Tally:
    """Put the findings of rules over samples in their places, bring all parts into their final form, and count."""
    tallies = []
    of_all = of_samples.filter(pl.col("sample_id").is_null())
    orders = of_samples["order"]
    spans = tables.samples.spans()
    parts = (
        _Unfinished(
            tables.samples.file(number),
            tables.found.file(number),
            tables.suppressed.file(number),
            of_samples[orders.search_sorted(start, "left") : orders.search_sorted(end, "left")],
        )
        for number, (start, end) in enumerate(spans)
    )
    for number, done in enumerate(spread_jobs(partial(_finished, of_all, options), parts)):
        tables.samples.take(number, done.samples)
        tables.found.take(number, done.found)
        if done.suppressed is not None:
            tables.suppressed.take(number, done.suppressed)
        tallies.append(done.tally)
        report("collect", spans[number][1], tables.samples.height)
    tables.samples.unfill()  # each part has the null columns that stay
    return together(tallies)


@dataclass(frozen=True)
class _Unfinished:
    """The files of a part, and the findings of rules over samples in it."""

    samples: PartFile
    found: PartFile
    suppressed: PartFile
    own: pl.DataFrame


@dataclass(frozen=True)
class _Finished:
    samples: Written
    found: Written
    suppressed: Written | None
    tally: Tally


def _finished(of_all: pl.DataFrame, options: AuditOptions, part: _Unfinished) -> _Finished:
    """Bring a part into its final form. of_all: the findings of rules over samples in whole data sets."""
    own = part.own
    samples = part.samples.read()
    samples = lowered(samples, pl.concat([own, of_sets(of_all, samples)]), options)
    findings = part.found.read()
    findings = (in_place(pl.concat([findings, own])) if own.height else findings).select(*FINDINGS)
    known = None
    if options.known is not None:
        labels = samples.select("sample_id", "label")
        labelled = findings.join(labels, on="sample_id", how="left", maintain_order="left")
        new, old = baseline.split(labelled, options.known)
        findings, known = new.drop("label"), old.drop("label")
    counted = tally(samples, findings, known)
    samples = samples.drop({*FACTS, *OWN} - {*SAMPLES}, strict=False).rename(lambda name: name.removeprefix(ASIDE))
    extra = [name for name in samples.columns if name not in SAMPLES]
    samples = samples.select(*(pl.col(name).cast(dtype) for name, dtype in SAMPLES.items()), *extra)
    suppressed = None if known is None else part.suppressed.write(known)
    return _Finished(part.samples.write(samples), part.found.write(findings), suppressed, counted)


def _first_sample(samples: pl.LazyFrame) -> Callable[[str | tuple[str, str]], str | None]:
    """Gives the id of the first sample with a label."""

    def name(label: str | tuple[str, str]) -> str | None:
        if not isinstance(label, str):
            return None
        return next(iter(samples.filter(pl.col("label") == label).head(1).collect()["sample_id"]), None)

    return name
