"""Decides what an export holds before anything is written: labels, reasons, splits, licences. Writes no data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.tables import things
from curate.export.decide import policy, splits, stats
from curate.export.decide.inputs import Input
from curate.export.decide.licences import clashes, licence_of
from curate.export.decide.options import ExportOptions
from curate.export.decide.relabel import WINNING, Relabelled, relabel
from curate.export.decide.rows import Rows, how_many, mapped, stored, windows
from curate.export.tell.manifest import describe_inputs, sha256_of, versions
from curate.export.write.pictures import Studio, pixel_number
from curate.export.write.shards import ROW_COLUMNS, Shard, cut, rows_of, texts
from rules.sets import split_names
from rules.sets.licences import OTHER, UNKNOWN, is_clear, joint, standard

#: Called with a stage's name, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ExportPlan:
    """What is to be written. frame: a narrow row a sample (see `policy.base`) with reason, rule, detail and split;
    kept of them stay."""

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
        """A hash of everything that decides the bytes of the data set's shards."""
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

    Raises UserError for rules that aren't there.
    """
    report = progress or (lambda stage, done, of: None)
    policy.dropping(options)  # says what is wrong with --drop before any work is done
    judging = _Judging(inputs, options, tmp, workers, report)
    rows = stored(judging.windows(), tmp)
    labels = judging.labels
    rows = _with_pixels(rows, inputs, labels, options, studio, report)
    rows = policy.with_caps(rows, partial(_ids, inputs, labels), options, splits.frozen(options))
    rows = splits.with_splits(rows, options)
    licences = {source["name"]: licence_of(source, options.licences) for item in inputs for source in item.sources}
    licence, clash = _licence(licences, options)
    names = splits.order(options)
    shards = cut(rows, names)
    kept = sum(shard.height for shard in shards)
    plan = ExportPlan(options, list(inputs), labels, rows, names, licences, licence, clash, [], shards, kept)
    plan.notes.extend(_notes(plan, judging.curable))
    if judging.wrong:
        stayed = things(judging.wrong, "sample")
        plan.notes.append(f"{stayed} with findings that leave others out stayed, as people decided.")
    return plan


class _Judging:
    """Looks at each sample for itself, and counts on the way.

    curable: samples left out for a rule that proposed a fix, by the fix's level. wrong: samples that stay, as people
    decided, with findings that leave others out.
    """

    def __init__(
        self, inputs: Sequence[Input], options: ExportOptions, tmp: Path, workers: int, report: Progress
    ) -> None:
        self._inputs, self._options, self._tmp = inputs, options, tmp
        self._workers, self._report = workers, report
        self.labels: list[Relabelled] = []
        self.curable: Counter[str] = Counter()
        self.wrong = 0

    def windows(self) -> Iterator[pl.DataFrame]:
        """The rows of a plan before samples are compared with each other, those of a run after those of another."""
        options = self._options
        names = policy.Names.of(self._inputs)
        own = names.own_split.categories
        kept = own.filter(splits.kept_split(own, options).is_in(["test", "validation"])).to_list()
        for item in self._inputs:
            findings = item.findings(self._tmp, policy.matters(item, options))
            done = relabel(
                item,
                options.fix,
                self._tmp,
                findings,
                frozen=pl.col("split").is_in(kept),
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
                window = window.with_columns(splits.kept_split(window["own_split"], options))
                window = policy.with_reasons(window, worst, options, splits.frozen(options))
                self.curable.update(policy.curable(window, found))
                yield window
            findings.remove()


def _ids(inputs: Sequence[Input], labels: Sequence[Relabelled], rows: pl.DataFrame) -> Iterator[str]:
    """The sample ids of rows of a plan, in its order."""
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
    """Hash the pixels of images that the audit didn't look at; an image that can't be decoded is no image."""
    unseen = pl.col("reason").is_null() & pl.col("has_image") & pl.col("pixels").is_null()
    total = how_many(rows, unseen)
    if not total:
        return rows
    done = count(1)

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


def _notes(plan: ExportPlan, curable: Mapping[str, int]) -> list[str]:
    """What a person should know besides the counts, a sentence each."""
    notes: list[str] = []
    options = plan.options
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
        tested = _own_tests(plan.frame)
        if tested:
            notes.append(
                f"{things(tested, 'sample')} of test or validation sets that sources have of their own were placed "
                "anew; --keep-splits test leaves them where they are."
            )
    else:
        mixed = _placed_beside_kept(plan.frame)
        if mixed:
            notes.append(
                f"{things(mixed, 'sample')} of other sets were placed in the test and validation splits that are kept; "
                "--splits train=1 places none there."
            )
    for level in {"none": ("safe", "unsafe"), "safe": ("unsafe",)}.get(options.fix, ()):
        rest = curable[level]
        if rest:
            notes.append(f"{things(rest, 'sample')} left out for a finding that has a fix; see --fix {level}.")
    for source in (source for item in plan.inputs for source in item.sources):
        notes += [f"{source['name']} is unfit as it is: {found['message']}." for found in source.get("set_errors", [])]
    unclear = {source: licence for source, licence in plan.licences.items() if not is_clear(licence)}
    if unclear:
        named = ", ".join(name if licence == UNKNOWN else f"{name} ({licence})" for name, licence in unclear.items())
        notes.append(f"Not known what the licences allow of {named}: find out before you pass the data set on.")
    return notes


def _placed_beside_kept(rows: Rows) -> int:
    columns = ("reason", "split", "kept_split")
    kept, placed = set[str](), Counter[str]()
    for window in windows(rows, *columns):
        staying = window.filter(pl.col("reason").is_null())
        kept.update(staying["kept_split"].drop_nulls().unique())
        placed.update(dict(staying.filter(pl.col("kept_split").is_null())["split"].value_counts().iter_rows()))
    return sum(placed[name] for name in kept & {"test", "validation"})


def _own_tests(rows: Rows) -> int:
    staying = (w.filter(pl.col("reason").is_null()) for w in windows(rows, "reason", "own_split"))
    counts = pl.concat(window["own_split"].value_counts() for window in staying)
    return sum(number for name, number in counts.iter_rows() if split_names.standard(name) in ("test", "validation"))


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


#: Columns of dropped.parquet. split: the one that a sample left, or else its source's own.
DROPPED = ("sample_id", "source", "split", "label", "reason", "rule", "detail")


def facts(plan: ExportPlan) -> dict[str, Any]:
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


def _decided(plan: ExportPlan) -> dict[str, int]:
    counts = {"accept": 0, "edit": 0, "fix": 0, "reject": 0}
    for done in plan.labels:
        for action in done.decided.values():
            counts[action] += 1
    counts["stale"] = sum(len(done.stale) for done in plan.labels)
    counts["unknown_sample"] = sum(len(done.strangers) for done in plan.labels)
    return counts
