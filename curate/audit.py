"""`curate audit`: from sources to a run folder. Reading, judging, counting and drawing meet here; others do them."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

import rules
from curate import __version__, baseline, duplicates
from curate.atomic import new_file, new_folder
from curate.decisions import DECISIONS_FILE
from curate.errors import UserError
from curate.image_cache import measured
from curate.images import MEASURED
from curate.pairs import PAIR_COLUMNS, predictions, with_pairs
from curate.pairs.orphans import ORPHANS, with_orphans
from curate.reuse import Earlier, earlier_labels
from curate.run import (
    FINDINGS,
    FINDINGS_FILE,
    PLACES,
    PLACES_FILE,
    REPORT_FILE,
    SAMPLES,
    SAMPLES_FILE,
    SUMMARY_FILE,
    SUPPRESSED_FILE,
    Run,
    load_run,
)
from curate.sources import Source, SourceSpec, read_source
from curate.summary import SourceFacts, summarise
from curate.thresholds import Thresholds
from rules import Ruleset, Weights, engine
from rules.registry import all_rules
from rules.score import scores


@dataclass(frozen=True)
class AuditOptions:
    """What an audit does. `images` and `columns` are by source name; the key None holds for every source."""

    ruleset: Ruleset
    weights: Weights = field(default_factory=Weights)
    thresholds: Thresholds = field(default_factory=Thresholds)
    images: dict[str | None, Path] = field(default_factory=dict)
    #: Runs and files of hashes to hold the samples against.
    against: Sequence[Path] = ()
    #: Licences by source name.
    licences: Mapping[str, str] = field(default_factory=dict)
    columns: dict[str | None, dict[str, str]] = field(default_factory=dict)
    probe_images: bool = True
    #: Prediction files to hold against the labels.
    predictions: Sequence[Path] = ()
    #: Folder where measures of images are kept from run to run; None: nowhere.
    cache: Path | None = None
    limit: int | None = None
    update: bool = False
    workers: int = 1
    #: Known findings, as `curate.baseline` reads them; None: there is no baseline.
    known: pl.DataFrame | None = None
    command: Sequence[str] = ()


#: Called with a stage's name, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


def audit(specs: Sequence[SourceSpec], out: Path, options: AuditOptions, progress: Progress | None = None) -> Run:
    """Audit sources and write the run folder `out`, whole or not at all.

    Raises UserError where `out` exists without `update`, two sources have one name, or a source can't be read at all.
    """
    report = progress or (lambda stage, done, of: None)
    clock = _Clock()
    _check_names(specs, options)
    earlier = _open_earlier(out, options)
    known = duplicates.load_known(options.against)
    predicted = predictions.read(options.predictions)

    with clock.stage("read"):
        sources = _read(specs, options, report)
    samples = pl.concat([source.frame for source in sources], how="diagonal")
    with clock.stage("images"):
        samples = _with_images(samples, sources, options, report)
    with clock.stage("labels"):
        judged = _judge(samples, options, earlier, report)
    with clock.stage("collect"):
        samples = _with_labels(samples, judged)
    with clock.stage("pairs"):
        samples = _with_pairs(samples, sources, options, report)
        samples, matched = predictions.with_predictions(samples, predicted)
        ranked = predictions.ranked(samples) if predicted else []
    with clock.stage("duplicates"):
        samples, seen, elsewhere = duplicates.join(samples, known)
    with clock.stage("collect"):
        seen = _with_terms(seen, sources, options)
        samples, findings = _collect(samples, seen, judged, options)
    suppressed = None
    if options.known is not None:
        labelled = findings.join(
            samples.select("sample_id", "label"), on="sample_id", how="left", maintain_order="left"
        )
        new, old = baseline.split(labelled, options.known)
        findings, suppressed = new.drop("label"), old.drop("label")
    with clock.stage("summary"):
        facts = [_facts(source, out, options) for source in sources]
        summary = summarise(
            samples,
            findings,
            facts,
            _config(options),
            _versions(),
            key_version=rules.KEY_VERSION,
            thresholds=options.thresholds,
            suppressed=suppressed,
            elsewhere=elsewhere,
        )
        for entry, source in zip(summary["sources"], sources, strict=True):
            entry["notes"] = dict(sorted(source.notes.items()))
        if predicted:
            summary["predictions"] = predictions.facts(matched, ranked)
    report("write", 0, 1)
    places = pl.concat(
        [source.places.select(pl.col(name).cast(kind) for name, kind in PLACES.items()) for source in sources]
    )
    _write(
        out,
        {SAMPLES_FILE: samples, FINDINGS_FILE: findings, SUPPRESSED_FILE: suppressed, PLACES_FILE: places},
        summary,
        clock,
        options,
    )
    return load_run(out)


#: Formats whose rows have places, not names.
_NAMELESS = frozenset({"text", "hme100k", "mlhme38k", "unimer"})


# Before the work ------------------------------------------------------------------------------------------------------


def _check_names(specs: Sequence[SourceSpec], options: AuditOptions) -> None:
    if not specs:
        raise UserError("no source given; name at least one file or folder, as in: curate audit train.jsonl --out RUN")
    seen: dict[str, SourceSpec] = {}
    for spec in specs:
        if spec.name in seen:
            raise UserError(
                f"two sources are called {spec.name!r}: {seen[spec.name].target} and {spec.target}; "
                f"give one a name of its own: NAME={spec.target}"
            )
        seen[spec.name] = spec
    for flag, names in (("--images", options.images), ("--columns", options.columns)):
        for name in names:
            if name is not None and name not in seen:
                raise UserError(f"{flag} names a source {name!r}, and there is none; there are: {', '.join(seen)}")


def _open_earlier(out: Path, options: AuditOptions) -> Earlier | None:
    """What an earlier run in `out` already judged, where this run may use it."""
    if not out.exists():
        if not os.access(_existing_parent(out), os.W_OK):
            raise UserError(f"{out}: can't be written: no permission in {_existing_parent(out)}")
        return None
    if not options.update:
        raise UserError(
            f"{out}: already exists; use --update to judge what changed and keep its decisions, or another --out"
        )
    return earlier_labels(load_run(out), _config(options), _versions())


def _existing_parent(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


# The stages -----------------------------------------------------------------------------------------------------------


def _read(specs: Sequence[SourceSpec], options: AuditOptions, report: Progress) -> list[Source]:
    sources = []
    for number, spec in enumerate(specs):
        report("read", number, len(specs))
        images = options.images.get(spec.name, options.images.get(None))
        columns = options.columns.get(spec.name, options.columns.get(None))
        source = read_source(spec, images=images, columns=columns, limit=options.limit)
        if spec.name in options.columns and source.format in _NAMELESS:
            raise UserError(f"--columns {spec.name}=…: {source.format} files have no named columns")
        sources.append(source)
    report("read", len(specs), len(specs))
    return sources


#: What is known of an image, and of it and its label as a pair, while rules run. Only what SAMPLES names outlives them.
_FACTS = [
    name
    for name in (*MEASURED, "image_error", *PAIR_COLUMNS, *predictions.PREDICTED, *ORPHANS)
    if name not in ("image", "pair_score")
]
#: Stands before the name of a source's own column while a fact about the image has that name.
_ASIDE = "\0"


def _with_images(
    samples: pl.DataFrame, sources: Sequence[Source], options: AuditOptions, report: Progress
) -> pl.DataFrame:
    """What the header of every image says, what its pixels say where a rule asks, and why some can't be opened.

    Joins the columns of `curate.images.PROBE`, `error` as `image_error`, and those of MEASURES. Where images are not
    looked at, only those that samples.parquet has are there, all null.
    """
    nothing = [pl.lit(None, SAMPLES[name]).alias(name) for name in ("width", "height", "image_sha256", "image_phash")]
    needs = {need for rule in options.ruleset.rules("samples") for need in rule.needs}
    measures = "pixels" in needs
    # What no rule of this run reads is measured for the next one, where it is kept for that.
    strokes = "pairs" in needs or options.cache is not None
    samples = samples.rename({name: _ASIDE + name for name in _FACTS if name in samples.columns})
    if not options.probe_images:
        return samples.with_columns(nothing)
    refs = samples.lazy().select("source", "image").filter(pl.col("image").is_not_null()).unique(maintain_order=True)
    probed = []
    by_source = refs.collect().partition_by("source", as_dict=True, maintain_order=True)
    done, total = 0, sum(frame.height for frame in by_source.values())
    for source in sources:
        frame = by_source.get((source.name,))
        if frame is None:
            continue
        report("images", done, total)
        names = frame["image"].to_list()
        for found in measured(
            source.root, names, measures=measures, strokes=strokes, cache=options.cache, workers=options.workers
        ):
            probed.append(found.with_columns(pl.lit(source.name).alias("source")))
            done += found.height
            report("images", done, total)
    if not probed:
        return samples.with_columns(*nothing, pl.lit(None, pl.String).alias("image_error"))
    facts = pl.concat(probed).rename({"error": "image_error"})
    samples = samples.join(facts, on=["source", "image"], how="left", maintain_order="left")
    return samples if measures else samples.with_columns(nothing[2:])


def _with_pairs(
    samples: pl.DataFrame, sources: Sequence[Source], options: AuditOptions, report: Progress
) -> pl.DataFrame:
    """What is known of each sample's label and image as a pair, and of images that have no row, where a rule asks."""
    needs = {need for rule in options.ruleset.rules("samples") for need in rule.needs}
    if "orphans" in needs and options.probe_images and options.limit is None:
        samples = with_orphans(samples, [(source.name, source.root) for source in sources])
    if "pairs" not in needs:
        return samples.with_columns(pl.lit(None, pl.Float64).alias("pair_score"))
    return with_pairs(
        samples, workers=options.workers, cache=options.cache, progress=lambda done, of: report("pairs", done, of)
    )


def _judge(samples: pl.DataFrame, options: AuditOptions, earlier: Earlier | None, report: Progress) -> engine.Judged:
    """Judge every distinct label once; those that an earlier run judged the same way are taken from it."""
    distinct = samples.select(pl.col("label").unique(maintain_order=True))
    fresh = (
        distinct if earlier is None else distinct.join(earlier.labels, on="label", how="anti", maintain_order="left")
    )
    done = distinct.height - fresh.height
    report("labels", done, distinct.height)

    def step(count: int) -> None:
        nonlocal done
        done += count
        report("labels", done, distinct.height)

    judged = engine.judge(
        fresh["label"].to_list(), options.ruleset, weights=options.weights, workers=options.workers, progress=step
    )
    return judged if earlier is None else earlier.joined(distinct, judged)


def _with_labels(samples: pl.DataFrame, judged: engine.Judged) -> pl.DataFrame:
    """The samples in `order` with what is known of their labels: key, canonical form, tokens, score, `label_row`."""
    labels = judged.labels.with_row_index("label_row")
    return samples.join(labels, on="label", how="left", maintain_order="left").with_row_index("order")


def _with_terms(samples: pl.DataFrame, sources: Sequence[Source], options: AuditOptions) -> pl.DataFrame:
    """The samples as rules see them: with their source's path and the licence that it was given."""
    terms = [(source.name, options.licences.get(source.name), source.path.as_posix()) for source in sources]
    names = ("source", "source_licence", "source_path")
    facts = pl.DataFrame(terms, schema=dict.fromkeys(names, pl.String), orient="row")
    return samples.drop(names[1:], strict=False).join(facts, on="source", how="left", maintain_order="left")


def _collect(
    samples: pl.DataFrame, seen: pl.DataFrame, judged: engine.Judged, options: AuditOptions
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The samples and findings tables: labels' findings spread over their samples, rules over samples run.

    `seen` are the samples as rules see them: with more columns than are kept.
    """
    of_labels = (
        samples.lazy()
        .select("order", "sample_id", "source", pl.col("label_row"))
        .join(judged.findings.lazy().rename({"row": "label_row"}), on="label_row", maintain_order="left_right")
        .select("order", *FINDINGS)
    )
    of_samples = _sample_findings(seen, options.ruleset)
    findings = (
        pl.concat([of_labels, of_samples.lazy()])
        .sort("order", "start", "rule", "end", "message", nulls_last=True, maintain_order=True)
        .select(*FINDINGS)
        .collect()
    )
    penalties = scores(of_samples, "sample_id", options.weights).rename({"score": "kept"})
    samples = samples.join(penalties, on="sample_id", how="left", maintain_order="left").with_columns(
        (pl.col("score") * pl.col("kept").fill_null(1.0)).round(4).alias("score"),
    )
    gone = {"order", "label_row", "kept", *_FACTS} - {*SAMPLES}
    samples = samples.drop(gone, strict=False).rename(lambda name: name.removeprefix(_ASIDE))
    extra = [name for name in samples.columns if name not in SAMPLES]
    return samples.select(*(pl.col(name).cast(dtype) for name, dtype in SAMPLES.items()), *extra), findings


def _sample_findings(samples: pl.DataFrame, ruleset: Ruleset) -> pl.DataFrame:
    """Findings of the rules over samples; those of a whole data set (sample_id null) stand before its first sample."""
    frames = [pl.DataFrame(schema={"order": pl.UInt32, **FINDINGS})]
    places = samples.select("sample_id", "order")
    firsts = samples.group_by("source").agg(pl.col("order").min())
    for rule in ruleset.rules("samples"):
        found = rule.judge(samples, ruleset.option_values(rule))
        if not found.height:
            continue
        whole = found.filter(pl.col("sample_id").is_null()).join(firsts, on="source", maintain_order="left")
        single = found.filter(pl.col("sample_id").is_not_null()).join(places, on="sample_id", maintain_order="left")
        frames.append(
            pl.concat([whole, single], how="diagonal").select(
                "order",
                "sample_id",
                "source",
                pl.lit(rule.code).alias("rule"),
                pl.lit(rule.name).alias("name"),
                pl.lit(ruleset.severity(rule)).alias("severity"),
                pl.lit(None, pl.Int32).alias("start"),
                pl.lit(None, pl.Int32).alias("end"),
                "message",
                pl.lit(rule.fix, pl.String).alias("fix"),
                pl.lit(None, pl.String).alias("replacement"),
            )
        )
    return pl.concat(frames)


# Facts and files ------------------------------------------------------------------------------------------------------


def _relative(path: Path, folder: Path) -> str:
    """`path` as seen from the run folder where one leads to the other, else as it is."""
    if not path.is_absolute():
        return path.as_posix()  # a hub id
    try:
        return Path(os.path.relpath(path, folder.absolute())).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _facts(source: Source, out: Path, options: AuditOptions) -> SourceFacts:
    bad = [
        {"file": row.file, "line": row.line, "reason": row.reason, "excerpt": row.excerpt}
        for row in source.unreadable.rows
    ]
    return SourceFacts(
        name=source.name,
        format=source.format,
        path=_relative(source.path, out),
        root=_relative(source.root, out),
        rows=source.rows,
        unreadable=source.unreadable.total,
        unreadable_by_reason=dict(source.unreadable.by_reason),
        unreadable_rows=bad,
        images_checked=options.probe_images,
        licence=options.licences.get(source.name),
    )


def _config(options: AuditOptions) -> dict[str, Any]:
    """Everything that decides what a label's judgement is, and what the run was asked for."""
    ruleset = options.ruleset
    return {
        "profile": ruleset.profile,
        "rules": list(ruleset.codes),
        "options": {code: dict(values) for code, values in sorted(ruleset.options.items())},
        "severities": dict(sorted(ruleset.severities.items())),
        "fixes": dict(sorted(ruleset.fixes.items())),
        "score": {
            "error": options.weights.error,
            "warning": options.weights.warning,
            "info": options.weights.info,
            "rules": dict(sorted(options.weights.rules.items())),
            "remarks": dict(sorted(options.weights.remarks.items())),
        },
        "images": options.probe_images,
        "limit": options.limit,
        "known_findings": None if options.known is None else options.known.unique().height,
        "licences": dict(sorted(options.licences.items())),
    }


def _versions() -> dict[str, str]:
    packages = ("polars", "math-core", "pylatexenc", "pillow", "datasets", "quickjax", "resvg-py")
    return {"texsieve": __version__, "python": sys.version.split()[0], **{name: version(name) for name in packages}}


def _write(
    out: Path,
    tables: dict[str, pl.DataFrame | None],
    summary: dict[str, Any],
    clock: _Clock,
    options: AuditOptions,
) -> None:
    from curate.report import write_report

    with new_folder(out, replace=options.update) as folder:
        with clock.stage("write"):
            for name, table in tables.items():
                if table is not None:
                    table.write_parquet(folder / name, compression="zstd", statistics=True)
        with clock.stage("report"):
            # The report looks images up from the final place, where the roots in the summary lead from.
            samples, findings = (pl.LazyFrame(tables[name]) for name in (SAMPLES_FILE, FINDINGS_FILE))
            pending = _Pending(out, summary, samples, findings)
            summary["run"] = _run_facts(clock, options)
            write_report(pending, folder / REPORT_FILE, describe=describe)
        summary["run"] = _run_facts(clock, options)
        with new_file(folder / SUMMARY_FILE) as file:
            file.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if (out / DECISIONS_FILE).is_file():
            shutil.copy2(out / DECISIONS_FILE, folder / DECISIONS_FILE)


def _run_facts(clock: _Clock, options: AuditOptions) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(options.command),
        "timings": clock.seconds,
        "peak_memory_bytes": peak_memory(),
    }


def peak_memory() -> int:
    """The largest resident size of this process or of one of its workers so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    )


def describe(code: str) -> tuple[str, str, str]:
    """(name, what it means, why it is bad) of a rule, for the report."""
    rule = all_rules().get(code)
    return (rule.name, rule.doc.what, rule.doc.why) if rule else (code, "", "")


@dataclass(frozen=True)
class _Pending:
    """A run that is being written, as the report wants to see it."""

    path: Path
    summary: dict[str, Any]
    samples: pl.LazyFrame
    findings: pl.LazyFrame

    def root(self, source: str) -> Path:
        return Run(self.path, self.summary).root(source)
