"""Decides what an export holds before anything is written: labels, reasons, splits, licences. Writes no data set."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.tables import count, things
from curate.export.decide import policy, splits, stats
from curate.export.decide.inputs import Input
from curate.export.decide.licences import clashes, licence_of
from curate.export.decide.options import ExportOptions
from curate.export.decide.relabel import WINNING, Relabelled, relabel
from curate.export.decide.rows import Rows, how_many, mapped, stored, windows
from curate.export.tell.manifest import describe_inputs, sha256_of, versions
from curate.export.write.pictures import Studio, pixel_number
from curate.export.write.shards import ROW_COLUMNS, Shard, cut, rows_of, texts
from rules.sets.leaks import side_name
from rules.sets.licences import OTHER, UNKNOWN, is_clear, joint, standard

#: Called with a stage's name, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ExportPlan:
    """What is to be written. frame: one narrow row per sample (see `policy.base`) with reason, rule, detail and split;
    `kept` of them stay."""

    options: ExportOptions
    inputs: list[Input]
    labels: list[Relabelled]
    frame: Rows
    splits: list[str]
    licences: dict[str, str]
    licence: str
    clashes: list[str]
    notes: list[str]
    shards: list[Shard]
    kept: int

    @property
    def images(self) -> int:
        """How many pictures are to be made."""
        return how_many(self.frame, pl.col("has_image") & pl.col("reason").is_null())

    def hash(self) -> str:
        """A hash of everything that affects the bytes of the data set's shards."""
        return sha256_of(
            {
                "config": self.options.as_config(),
                "inputs": describe_inputs(self.inputs),
                "roots": [str(item.run.root(source["name"])) for item in self.inputs for source in item.sources],
                "versions": versions(),
                "shards": {shard.name: shard.digest for shard in self.shards},
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
) -> ExportPlan:
    """Decide on every sample. `tmp` is a folder for its rows and changed labels, which must outlive the plan.

    Raises UserError for unknown rules.
    """
    report = progress or (lambda stage, done, of: None)
    policy.dropping(options)  # reports what is wrong with --drop before any work is done
    judging = _Judging(inputs, options, tmp, workers, report)
    rows = stored(judging.windows(), tmp)
    labels = judging.labels
    rows = _with_pixels(rows, inputs, labels, options, studio, report)
    rows = policy.with_caps(rows, partial(_ids, inputs, labels), options, splits.frozen(options))
    rows = splits.with_splits(rows, options)
    licences = {source["name"]: licence_of(source, options.licences) for item in inputs for source in item.sources}
    licence, clash = _licence(licences, options)
    kept_names = splits.kept_in(rows)
    names = [name for name in splits.order(options) if name in options.splits or name in kept_names]
    shards = cut(rows, names)
    kept = sum(shard.height for shard in shards)
    plan = ExportPlan(options, list(inputs), labels, rows, names, licences, licence, clash, [], shards, kept)
    plan.notes.extend(_notes(plan, judging.curable, judging.damaged))
    if judging.wrong:
        stayed = things(judging.wrong, "sample")
        plan.notes.append(f"{stayed} stayed by people's decision despite findings that would drop them.")
    return plan


class _Judging:
    """Looks at each sample by itself, and counts on the way.

    curable: dropped samples for whose rule a repair was proposed, by its level. damaged: samples of kept test sets with
    a repair that isn't made, by rule, and all of them under "". wrong: samples that stay by people's decision despite
    findings that would drop them.
    """

    def __init__(
        self, inputs: Sequence[Input], options: ExportOptions, tmp: Path, workers: int, report: Progress
    ) -> None:
        self._inputs, self._options, self._tmp = inputs, options, tmp
        self._workers, self._report = workers, report
        self.labels: list[Relabelled] = []
        self.curable: Counter[str] = Counter()
        self.damaged: Counter[str] = Counter()
        self.wrong = 0

    def windows(self) -> Iterator[pl.DataFrame]:
        """The rows of a plan before samples are compared with each other, run after run."""
        options = self._options
        names = policy.Names.of(self._inputs)
        sides = splits.kept_sides(names.sides, options)
        frozen = splits.frozen_sides(sides)
        for item in self._inputs:
            findings = item.findings(self._tmp, policy.matters(item, options))
            done = relabel(
                item,
                options.fix,
                options.style,
                self._tmp,
                findings,
                frozen=frozen,
                workers=self._workers,
                progress=lambda at, of: self._report("fix", at, of),
            )
            self.labels.append(done)
            winning = [row for row, action in done.decided.items() if action in WINNING]
            for number, start in enumerate(item.starts):
                found = findings.read(number)
                worst = policy.worst_findings(item, done, options, found, start)
                self.wrong += worst.filter(pl.col("row").is_in(winning)).height
                window = policy.base(item, done, names, found, start)
                window = splits.with_kept(window, sides)
                window = policy.with_reasons(window, worst, options, splits.frozen(options))
                self.curable.update(policy.curable(window, found))
                self.damaged.update(policy.damaged(window, found, splits.frozen(options)))
                yield window
            findings.remove()


def _ids(inputs: Sequence[Input], labels: Sequence[Relabelled], rows: pl.DataFrame) -> Iterator[str]:
    """The sample ids of a plan's rows, in its order."""
    for item, done in zip(inputs, labels, strict=True):
        wanted = rows.filter(pl.col("run") == item.number).select("row")
        if wanted.height:
            for window in texts(item, done, [wanted], ["sample_id"], as_read=True):
                yield from window["sample_id"]


def _licence(licences: dict[str, str], options: ExportOptions) -> tuple[str, list[str]]:
    """The data set's licence, and why it can't have it."""
    if options.licence is not None:
        target = standard(options.licence)
        return target, clashes(licences, target)
    together = joint(set(licences.values()))
    if together is not None:
        return together, []
    known = sorted({name for name in licences.values() if is_clear(name)})
    least = min(known, key=lambda name: len(clashes(licences, name)))
    return OTHER, clashes(licences, least)


def _with_pixels(
    rows: Rows,
    inputs: Sequence[Input],
    labels: Sequence[Relabelled],
    options: ExportOptions,
    studio: Studio,
    report: Progress,
) -> Rows:
    """Hash the pixels of images that the audit didn't look at; an image that can't be decoded counts as missing."""
    unseen = pl.col("reason").is_null() & pl.col("has_image") & pl.col("pixels").is_null()
    total = how_many(rows, unseen)
    if not total:
        return rows
    done = itertools.count(1)

    def hashed(window: pl.DataFrame, _: int) -> pl.DataFrame:
        places = window.select(unseen).to_series().arg_true()
        found = rows_of(inputs, labels, window[places].select(ROW_COLUMNS))
        numbers = []
        place = lambda row: None if row.ref is None else (row.root, row.ref)  # noqa: E731
        for answer in studio.work(pixel_number, found, place, lambda why: None):
            numbers.append(answer[1])
            report("hash", next(done), total)
        pixels = window["pixels"].scatter(places, pl.Series(numbers, dtype=pl.UInt64))
        failed = unseen & pl.lit(pixels).is_null()
        dropped = failed & pl.lit(not options.allow_no_image)
        return window.with_columns(
            pixels,
            (pl.col("has_image") & ~failed).alias("has_image"),
            pl.when(dropped).then(pl.lit("no-image")).otherwise("reason").alias("reason"),
            pl.when(dropped).then(pl.lit("no image that can be opened")).otherwise("detail").alias("detail"),
        )

    return mapped(rows, hashed)


def _notes(plan: ExportPlan, curable: Mapping[str, int], damaged: Counter[str]) -> list[str]:
    """What a person should know besides the counts, one sentence each."""
    options = plan.options
    notes = [*_about_tests(plan.frame), *_about_residue(damaged), *_about_style(plan)]
    stale = sum(len(done.stale) for done in plan.labels)
    strangers = sum(len(done.strangers) for done in plan.labels)
    torn = sum(len(item.decisions.unreadable) for item in plan.inputs)
    if stale:
        notes.append(f"{things(stale, 'decision')} not applied: made about a label that has changed since.")
    if strangers:
        notes.append(f"{things(strangers, 'decision')} not applied: made about a sample that the run doesn't have.")
    if torn:
        notes.append(f"{things(torn, 'line')} of decisions.jsonl can't be read and were ignored.")
    for level in {"none": ("safe", "unsafe"), "safe": ("unsafe",)}.get(options.fix, ()):
        rest = curable[level]
        if rest:
            notes.append(f"{things(rest, 'sample')} left out for a finding that has a fix; see --fix {level}.")
    for source in (source for item in plan.inputs for source in item.sources):
        notes += [f"{source['name']} is unfit as it is: {found['message']}." for found in source.get("set_errors", [])]
    unclear = {source: licence for source, licence in plan.licences.items() if not is_clear(licence)}
    if unclear:
        named = ", ".join(name if licence == UNKNOWN else f"{name} ({licence})" for name, licence in unclear.items())
        notes.append(f"What the licences of {named} allow is unknown: find out before you pass the data set on.")
    return notes


def _about_tests(rows: Rows) -> Iterator[str]:
    """What happened to the sources' own test and validation sets."""
    tests = [row for row in stats.own_splits(rows) if row["is_for"] != "train"]
    kept = {side_name(row["source"], row["split"]): row["samples"] for row in tests if row["kept"]}
    if kept:
        named = ", ".join(f"{name} ({count(number)})" for name, number in kept.items())
        yield f"Kept as they are, with nothing added: {named}. To split them anew: --keep-splits [NAME=]none."
        if how_many(rows, pl.col("reason").is_null()) == sum(kept.values()):
            yield (
                "There is nothing to train on: all samples are in test and validation sets. Evaluate on this data set, "
                "or export training data with it: curate export RUN OTHER_RUN --out DIR."
            )
    anew = sum(row["samples"] for row in tests if not row["kept"])
    if anew:
        yield f"{things(anew, 'sample')} of test or validation sets were split anew, as --keep-splits asks."


def _about_residue(damaged: Counter[str]) -> Iterator[str]:
    """Which damage stays in test sets that are kept as they are."""
    if damaged[""]:
        most = ", ".join(f"{code} ({count(number)})" for code, number in damaged.most_common(4) if code)
        needing = "needs a repair and stays as it is" if damaged[""] == 1 else "need a repair and stay as they are"
        yield (
            f"{things(damaged[''], 'label')} of kept test and validation sets {needing}: {most}. "
            "`curate fix` repairs a whole source; audit what it writes, and export that."
        )


def _about_style(plan: ExportPlan) -> Iterator[str]:
    """How labels are spelled, if labels were to be changed at all."""
    respelled, others = (sum(getattr(done, name) for done in plan.labels) for name in ("respelled", "not_canonical"))
    if plan.options.style == "canonical":
        yield (
            f"{things(respelled, 'label')} respelled, in samples kept or not: every readable label is now canonical, "
            "in test sets too."
        )
    elif plan.options.fix != "none" and others:
        yield (
            f"{things(others, 'label')} could be written in canonical spelling without changing a picture; --style "
            "canonical does it for all."
        )


def dropped_rows(plan: ExportPlan) -> Iterator[pl.DataFrame]:
    """The rows of dropped.parquet, a frame at a time; labels as they were read."""
    split = pl.coalesce(pl.col("split").cast(pl.String), pl.col("own_split").cast(pl.String)).alias("split")
    columns = ("run", "row", "reason", "rule", "detail", "split", "own_split")
    for item, done in zip(plan.inputs, plan.labels, strict=True):
        dropped = (
            window.filter(pl.col("run") == item.number, pl.col("reason").is_not_null()).select(*columns[1:5], split)
            for window in windows(plan.frame, *columns)
        )
        for window in texts(item, done, dropped, ["sample_id", "source"], as_read=True):
            yield window.select(pl.col(*DROPPED).cast(pl.String))


#: Columns of dropped.parquet. split: the one that the sample was removed from, or else its source's own.
DROPPED = ("sample_id", "source", "split", "label", "reason", "rule", "detail")


def facts(plan: ExportPlan) -> dict[str, Any]:
    """The counts of a plan, for the manifest, the card and the terminal."""
    sizes = stats.split_sizes(plan.frame, plan.splits)
    return {
        "splits": sizes,
        "sources": [{**row, "licence": plan.licences[row["source"]]} for row in stats.sources(plan.frame)],
        "dropped": stats.reasons(plan.frame),
        "fixed": _sum(done.fixed for done in plan.labels),
        "respelled": sum(done.respelled for done in plan.labels),
        "not_canonical": sum(done.not_canonical for done in plan.labels),
        "refused_fixes": _sum(done.refused for done in plan.labels),
        "decisions": _decided(plan),
        "leaks": stats.leaks(plan.frame, plan.splits),
        "own_splits": stats.own_splits(plan.frame),
        "drift": stats.drift(plan.frame, plan.splits),
        "notes": [*plan.notes, *splits.about_empty(sizes, plan.options, plan.frame)],
    }


def _sum(counters: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for counter in counters:
        for code, number in counter.items():
            total[code] = total.get(code, 0) + number
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _decided(plan: ExportPlan) -> dict[str, int]:
    counts = {"accept": 0, "edit": 0, "fix": 0, "reject": 0}
    for done in plan.labels:
        for action in done.decided.values():
            counts[action] += 1
    counts["stale"] = sum(len(done.stale) for done in plan.labels)
    counts["unknown_sample"] = sum(len(done.strangers) for done in plan.labels)
    return counts
