"""The stages of an audit in their order, from sources to a run folder. What each does is in the module of its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

import rules
from curate import duplicates
from curate.audit.facts import Clock, config, source_facts, versions
from curate.audit.findings import collect, with_terms
from curate.audit.folder import open_earlier, write_run
from curate.audit.image_facts import image_facts
from curate.audit.images import check_found, join_images, join_pairs
from curate.audit.labels import join_labels, judge_labels, wrong_labels
from curate.audit.options import AuditOptions, Progress
from curate.audit.sources import check_names, read_sources
from curate.audit.summary import summarise
from curate.duplicates.facts import leaks
from curate.findings import baseline
from curate.predictions import contradicted
from curate.runs import decision_counts
from curate.runs.decisions import DECISIONS_FILE, Decisions, read_decisions
from curate.runs.folder import FINDINGS_FILE, PLACES, PLACES_FILE, SAMPLES_FILE, SUPPRESSED_FILE, Run, load_run
from curate.sources import FORMATS, SourceSpec
from rules import faults


def audit(specs: Sequence[SourceSpec], out: Path, options: AuditOptions, progress: Progress | None = None) -> Run:
    """Audit sources and write the run folder `out`, whole or not at all.

    What fails in a rule is caught, and counted in the summary under `faults` with the first sample that it failed on.
    Raises UserError where `out` exists without `update`, two sources have one name, or a source can't be read at all.
    """
    with faults.passed_on() as caught:
        return _audit(specs, out, options, progress or (lambda stage, done, of: None), caught)


def _audit(
    specs: Sequence[SourceSpec], out: Path, options: AuditOptions, report: Progress, caught: faults.Faults
) -> Run:
    clock = Clock()
    check_names(specs, options)
    earlier = open_earlier(out, options)
    known = duplicates.load_known(options.against)
    predicted = contradicted.read(options.predictions)

    with clock.stage("read"):
        sources = read_sources(specs, options, report)
    samples = pl.concat([source.frame for source in sources], how="diagonal")
    with clock.stage("images"):
        samples = join_images(samples, sources, options, report)
        check_found(samples, sources, options)
    with clock.stage("labels"):
        judged = judge_labels(samples, options, earlier, report)
    with clock.stage("collect"):
        samples = join_labels(samples, judged)
    with clock.stage("pairs"):
        samples = join_pairs(samples, sources, options, report)
        samples, matched = contradicted.with_predictions(samples, predicted, wrong_labels(judged))
        ranked = contradicted.ranked(samples) if predicted else []
    with clock.stage("duplicates"):
        samples, seen, elsewhere = duplicates.join(samples, known)
    with clock.stage("collect"):
        seen = with_terms(seen, sources, options)
        pictures = image_facts(seen, options.model)
        elsewhere = replace(elsewhere, leaks=leaks(seen))  # of the very frame that the rules see: made once
        documents = [source.name for source in sources if FORMATS[source.format].in_documents]
        samples, findings = collect(samples, seen, judged, options, documents)
    suppressed = None
    if options.known is not None:
        labelled = findings.join(
            samples.select("sample_id", "label"), on="sample_id", how="left", maintain_order="left"
        )
        new, old = baseline.split(labelled, options.known)
        findings, suppressed = new.drop("label"), old.drop("label")
    with clock.stage("summary"):
        facts = [source_facts(source, out, options) for source in sources]
        summary = summarise(
            samples,
            findings,
            facts,
            config(options),
            versions(),
            key_version=rules.KEY_VERSION,
            thresholds=options.thresholds,
            suppressed=suppressed,
            elsewhere=elsewhere,
            images=pictures,
        )
        decisions = read_decisions(out / DECISIONS_FILE) if options.update else Decisions()
        decided = decision_counts.by_source(decisions, samples.lazy())
        summary["decisions"] = decision_counts.totals(decisions, decided)
        for entry, source in zip(summary["sources"], sources, strict=True):
            entry["notes"] = dict(sorted(source.notes.items()))
            entry["decisions"] = decided.get(source.name, dict(decision_counts.NONE))
        caught.name(_first_sample(samples))
        summary["faults"] = [fault.as_json() for fault in caught.all()]
        if predicted:
            summary["predictions"] = contradicted.facts(matched, ranked)
    report("write", 0, 1)
    places = pl.concat(
        [source.places.select(pl.col(name).cast(kind) for name, kind in PLACES.items()) for source in sources]
    )
    write_run(
        out,
        {SAMPLES_FILE: samples, FINDINGS_FILE: findings, SUPPRESSED_FILE: suppressed, PLACES_FILE: places},
        summary,
        clock,
        options,
    )
    return load_run(out)


def _first_sample(samples: pl.DataFrame) -> Callable[[str | tuple[str, str]], str | None]:
    """Gives the id of the first sample with a label."""

    def name(label: str | tuple[str, str]) -> str | None:
        if not isinstance(label, str):
            return None
        return next(iter(samples.filter(pl.col("label") == label)["sample_id"]), None)

    return name
