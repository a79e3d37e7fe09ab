"""Decides what an export holds before anything is written: labels, reasons, splits, licences. Writes no data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.export import policy, splits, stats
from curate.export.inputs import Input
from curate.export.manifest import describe_inputs, sha256_of, versions
from curate.export.options import ExportOptions
from curate.export.pictures import Studio, pixel_number
from curate.export.relabel import WINNING, Relabelled, relabel
from curate.export.shards import ROW_COLUMNS, Shard, cut, rows_of, windows
from curate.licences import OTHER, UNKNOWN, clashes, combined, is_clear, licence_of, standard
from curate.tables import things

#: Called with a stage's name, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """What is to be written. frame: a narrow row a sample (see `policy.base`) with split, reason, rule and detail."""

    options: ExportOptions
    inputs: list[Input]
    labels: list[Relabelled]
    frame: pl.DataFrame
    splits: list[str]
    licences: dict[str, str]
    licence: str
    clashes: list[str]
    notes: list[str]

    @cached_property
    def shards(self) -> list[Shard]:
        return cut(self.frame, self.splits)

    @property
    def kept(self) -> int:
        return self.frame["reason"].null_count()

    @property
    def images(self) -> int:
        """How many pictures are to be made."""
        return int(self.frame.filter(pl.col("reason").is_null())["has_image"].sum())

    def hash(self) -> str:
        """A hash of everything that decides the bytes of the data set's shards."""
        return sha256_of(
            {
                "config": self.options.as_config(),
                "inputs": describe_inputs(self.inputs),
                "roots": [str(item.run.root(source["name"])) for item in self.inputs for source in item.sources],
                "versions": versions(),
                "shards": {shard.name: shard.digest() for shard in self.shards},
            }
        )


def make_plan(
    inputs: Sequence[Input],
    options: ExportOptions,
    tmp: Path,
    studio: Studio,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Plan:
    """Decide on every sample. `tmp` is a folder for changed labels, which must outlive the plan.

    Raises UserError for rules that aren't there.
    """
    report = progress or (lambda stage, done, of: None)
    policy.dropping(options)  # says what is wrong with --drop before any work is done
    labels: list[Relabelled] = []
    frames: list[pl.DataFrame] = []
    wrong = 0
    names = policy.Names.of(inputs)
    for item in inputs:
        own = item.run.samples.select("split").unique().collect()["split"]
        kept = splits.kept_split(own, options)
        frozen_names = own.filter(kept.is_in(["test", "validation"])).to_list()
        done = relabel(
            item,
            options.fix,
            tmp,
            frozen=pl.col("split").is_in(frozen_names),
            workers=workers,
            progress=lambda at, of: report("fix", at, of),
        )
        worst = policy.worst_findings(item, done, options)
        wanted = [row for row, action in done.decided.items() if action in WINNING]
        wrong += worst.filter(pl.col("row").is_in(wanted)).height
        for window in policy.bases(item, done, names):
            window = window.with_columns(splits.kept_split(window["own_split"], options))
            frames.append(policy.with_reasons(window, worst, options, splits.frozen(options)))
        labels.append(done)
    frame = pl.concat(frames)
    frame = _with_pixels(frame, list(inputs), labels, options, studio, report)
    if options.max_repeats is not None:
        frame = policy.with_caps(frame, partial(_ids, inputs, labels), options, splits.frozen(options))
    frame = splits.with_splits(frame, options)
    licences = {source["name"]: licence_of(source, options.licences) for item in inputs for source in item.sources}
    licence, clash = _licence(licences, options)
    plan = Plan(options, list(inputs), labels, frame, splits.order(options), licences, licence, clash, [])
    plan.notes.extend(_notes(plan))
    if wrong:
        plan.notes.append(f"{things(wrong, 'sample')} with findings that leave others out stayed, as people decided.")
    return plan


def _ids(inputs: Sequence[Input], labels: Sequence[Relabelled], rows: pl.DataFrame) -> Iterator[str]:
    """The sample ids of rows of a plan's frame, in its order."""
    for item, done in zip(inputs, labels, strict=True):
        wanted = rows.filter(pl.col("run") == item.number).select("row")
        if wanted.height:
            for window in windows(item, done, wanted, ["sample_id"], as_read=True):
                yield from window["sample_id"]


def _licence(licences: dict[str, str], options: ExportOptions) -> tuple[str, list[str]]:
    """The data set's licence, and why it can't have it."""
    if options.licence is not None:
        target = standard(options.licence)
        return target, clashes(licences, target)
    joint = combined(licences)
    if joint is not None:
        return joint, []
    known = sorted({name for name in licences.values() if is_clear(name)})
    least = min(known, key=lambda name: len(clashes(licences, name)))
    return OTHER, clashes(licences, least)


def _with_pixels(
    frame: pl.DataFrame,
    inputs: list[Input],
    labels: list[Relabelled],
    options: ExportOptions,
    studio: Studio,
    report: Progress,
) -> pl.DataFrame:
    """Hash the pixels of images that the audit didn't look at; an image that can't be decoded is no image."""
    unseen = frame.select(pl.col("reason").is_null() & pl.col("has_image") & pl.col("pixels").is_null()).to_series()
    places = unseen.arg_true().to_numpy()
    if not len(places):
        return frame
    rows = rows_of(inputs, labels, frame.lazy().select(ROW_COLUMNS).filter(unseen).collect())
    hashed, failed = np.zeros(frame.height, np.uint64), np.zeros(frame.height, bool)
    answers = studio.work(pixel_number, rows, lambda row: None if row.ref is None else (row.root, row.ref))
    for done, (place, (_, number)) in enumerate(zip(places, answers, strict=True), start=1):
        hashed[place], failed[place] = number or 0, number is None
        report("hash", done, len(places))
    dropped = pl.col("failed") & pl.lit(not options.allow_no_image)
    return (
        frame.with_columns(pl.Series("hashed", hashed), pl.Series("failed", failed), unseen.alias("unseen"))
        .with_columns(
            pl.when(pl.col("unseen") & ~pl.col("failed")).then("hashed").otherwise("pixels").alias("pixels"),
            (pl.col("has_image") & ~pl.col("failed")).alias("has_image"),
            pl.when(dropped).then(pl.lit("no-image")).otherwise("reason").alias("reason"),
            pl.when(dropped).then(pl.lit("no image that can be opened")).otherwise("detail").alias("detail"),
        )
        .drop("hashed", "failed", "unseen")
    )


def _notes(plan: Plan) -> list[str]:
    """What a person should know besides the counts, a sentence each."""
    notes: list[str] = []
    options, frame = plan.options, plan.frame
    stale = sum(len(done.stale) for done in plan.labels)
    strangers = sum(len(done.strangers) for done in plan.labels)
    torn = sum(len(item.decisions.unreadable) for item in plan.inputs)
    if stale:
        notes.append(f"{things(stale, 'decision')} not applied: made about another label than the sample has now.")
    if strangers:
        notes.append(f"{things(strangers, 'decision')} not applied: made about a sample that the run doesn't have.")
    if torn:
        notes.append(f"{things(torn, 'line')} of decisions.jsonl can't be read and count for nothing.")
    if options.keep_splits == "none":
        tested = _own_tests(frame)
        if tested:
            notes.append(
                f"{things(tested, 'sample')} of test or validation sets that sources have of their own were placed "
                "anew; --keep-splits test leaves them where they are."
            )
    for level in {"none": ("safe", "unsafe"), "safe": ("unsafe",)}.get(options.fix, ()):
        rest = _curable(plan, level)
        if rest:
            notes.append(f"{things(rest, 'sample')} left out for a finding that has a fix; see --fix {level}.")
    unclear = {source: licence for source, licence in plan.licences.items() if not is_clear(licence)}
    if unclear:
        named = ", ".join(name if licence == UNKNOWN else f"{name} ({licence})" for name, licence in unclear.items())
        notes.append(f"Not known what the licences allow of {named}: find out before you pass the data set on.")
    return notes


def _own_tests(frame: pl.DataFrame) -> int:
    names = [
        name
        for name in frame["own_split"].unique().drop_nulls()
        if splits.standard_name(name) in ("test", "validation")
    ]
    return int(frame.select((pl.col("own_split").is_in(names) & pl.col("reason").is_null()).sum()).item())


def _curable(plan: Plan, level: str) -> int:
    """Samples left out for a rule that proposed a fix of that level."""
    total = 0
    for item in plan.inputs:
        dropped = plan.frame.filter((pl.col("run") == item.number) & (pl.col("reason") == "rule")).select(
            "row", pl.col("rule").cast(pl.String)
        )
        if not dropped.height:
            continue
        fixes = item.run.all_findings.filter(pl.col("fix") == level).select("sample_id", "rule").unique().collect()
        total += dropped.join(item.numbered(fixes), on=["row", "rule"], how="semi").height
    return total


def dropped_rows(plan: Plan) -> Any:
    """The rows of dropped.parquet, a frame at a time; labels as they were read."""
    for item, done in zip(plan.inputs, plan.labels, strict=True):
        wanted = plan.frame.filter((pl.col("run") == item.number) & pl.col("reason").is_not_null()).select(
            "row",
            "reason",
            "rule",
            "detail",
            pl.coalesce(pl.col("split").cast(pl.String), pl.col("own_split").cast(pl.String)).alias("split"),
        )
        if wanted.height:
            for window in windows(item, done, wanted, ["sample_id", "source"], as_read=True):
                yield window.select(pl.col(*DROPPED).cast(pl.String))


#: Columns of dropped.parquet. split: the one that a sample left, or else its source's own.
DROPPED = ("sample_id", "source", "split", "label", "reason", "rule", "detail")


def facts(plan: Plan) -> dict[str, Any]:
    """The counts of a plan, for the manifest, the card and the terminal."""
    return {
        "splits": stats.split_sizes(plan.frame, plan.splits),
        "sources": [{**row, "licence": plan.licences[row["source"]]} for row in stats.sources(plan.frame)],
        "dropped": stats.reasons(plan.frame),
        "fixed": _sum(done.fixed for done in plan.labels),
        "refused_fixes": _sum(done.refused for done in plan.labels),
        "decisions": _decided(plan),
        "leaks": stats.leaks(plan.frame, plan.splits),
        "drift": stats.drift(plan.frame, plan.splits),
        "notes": plan.notes,
    }


def _sum(counters: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for counter in counters:
        for code, number in counter.items():
            total[code] = total.get(code, 0) + number
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _decided(plan: Plan) -> dict[str, int]:
    counts = {"accept": 0, "edit": 0, "fix": 0, "reject": 0}
    for done in plan.labels:
        for action in done.decided.values():
            counts[action] += 1
    counts["stale"] = sum(len(done.stale) for done in plan.labels)
    counts["unknown_sample"] = sum(len(done.strangers) for done in plan.labels)
    return counts
