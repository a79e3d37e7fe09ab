"""The stage that judges each distinct label once, and writes the results. The rules are in `rules`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.audit.earlier_run import Earlier
from curate.audit.findings import in_place, with_own_macros
from curate.audit.folder import Tables
from curate.audit.options import AuditOptions, Progress
from curate.audit.parts import PartFile, Parts, Written
from curate.base.hashing import hashes
from curate.runs.folder import FINDINGS
from rules import engine
from rules.sets.same_label import with_label_groups
from rules.workers.spread import are_jobs_spread, spread_jobs


@dataclass(frozen=True)
class LabelsJudged:
    """distinct: how many labels differ. reused: how many of them an earlier run had judged. wrong: those with an error,
    if asked for."""

    distinct: int
    reused: int
    wrong: list[str]


def judge_labels(
    tables: Tables,
    options: AuditOptions,
    earlier: Earlier | None,
    report: Progress,
    documents: Sequence[str] = (),
    *,
    wrong: bool = False,
) -> LabelsJudged:
    """Judge every distinct label; results of an earlier run with the same configuration are reused.

    The samples get the columns OWN (label_row numbers distinct labels in their order), n_tokens, canonical, visual_key,
    score and label_group; `tables.found` gets the findings in their labels, with `order`. documents: the sources whose
    labels may use macros of their documents. wrong: also return which labels have an error.

    One part of the samples is read at a time. The results for a label stay in memory until the last part that contains
    it. If parts go to other machines, a label is judged again in each part that contains it.
    """
    samples = tables.samples
    rows, distinct = _numbered(samples)
    if earlier is None or distinct > earlier.index.height:  # there is something new
        engine.prepare(options.ruleset)
    asked = _Asked(replace(options, known=None), tuple(documents), wrong, samples.schema())
    reused = done = 0
    erring: list[str] = []

    def step(count: int) -> None:
        nonlocal done
        done += count
        report("labels", done, distinct)

    step(0)
    parts = _parts(tables, rows, earlier)
    if are_jobs_spread():
        far = replace(asked, options=replace(asked.options, workers=1))
        results = spread_jobs(partial(_judge_far, far), map(_with_its_own_past, parts))
    else:
        results = _judge_here(parts, tables, rows, distinct, asked, step)
    for number, result in enumerate(results):
        if result.files is not None:
            for table, file in zip((samples, tables.found), result.files, strict=True):
                table.take(number, file)
            step(result.new)
        reused += result.reused
        erring += result.wrong
    return LabelsJudged(distinct, reused, erring)


@dataclass(frozen=True)
class _Asked:
    """Settings that apply to all parts. schema: the columns of all parts of the samples together."""

    options: AuditOptions
    documents: Sequence[str]
    wrong: bool
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class _Part:
    """A part of the samples. start: its first sample's number. rows: the number of each sample's label. new: labels
    from this number on are in no earlier part."""

    samples: PartFile
    found: PartFile
    start: int
    rows: npt.NDArray[np.uint32]
    new: int
    earlier: Earlier | None


@dataclass(frozen=True)
class _Known:
    """Judged labels, with `label_row`, and the findings in them."""

    labels: pl.DataFrame
    findings: pl.DataFrame

    def kept(self, rows: npt.NDArray[np.bool_]) -> _Known:
        """The results for some labels. rows: whether each label, by its number, is one of them."""
        return _Known(*(it.filter(pl.Series(rows[it["label_row"].to_numpy()])) for it in (self.labels, self.findings)))


@dataclass(frozen=True)
class _Result:
    """The result of a part. new: labels that are in no earlier part. reused: those that an earlier run had judged.
    wrong: those with an error. files: samples and findings, if they were written on another machine."""

    new: int
    reused: int
    wrong: list[str]
    files: tuple[Written, Written] | None = None


def _parts(tables: Tables, rows: npt.NDArray[np.uint32], earlier: Earlier | None) -> Iterator[_Part]:
    new = 0
    for number, (start, end) in enumerate(tables.samples.spans()):
        own = rows[start:end]
        yield _Part(tables.samples.file(number), tables.found.file(number), start, own, new, earlier)
        new = max(new, int(own.max()) + 1) if own.size else new


def _judge_here(
    parts: Iterable[_Part],
    tables: Tables,
    rows: npt.NDArray[np.uint32],
    distinct: int,
    asked: _Asked,
    step: Callable[[int], None],
) -> Iterator[_Result]:
    """Judge one part after another, each label in the first part that contains it."""
    last = np.zeros(distinct, np.uint32)
    for number, (start, end) in enumerate(tables.samples.spans()):
        last[rows[start:end]] = number
    known = _NOTHING
    for number, part in enumerate(parts):
        samples, found, known, result = _judged(part, asked, known, step)
        tables.samples.put(number, samples)
        tables.found.append(found)
        known = known.kept(last > number)
        yield result


def _with_its_own_past(part: _Part) -> _Part:
    """The part, with the results of the earlier run for its labels."""
    if part.earlier is None:
        return part
    return replace(part, earlier=part.earlier.of(pl.read_parquet(part.samples.path, columns=["label"])))


def _judge_far(asked: _Asked, part: _Part) -> _Result:
    """Judge a part, and all labels in it, on another machine."""
    samples, found, _, result = _judged(part, asked, None, lambda count: None)
    return replace(result, files=(part.samples.write(samples), part.found.write(found)))


def _judged(
    part: _Part, asked: _Asked, known: _Known | None, step: Callable[[int], None]
) -> tuple[pl.DataFrame, pl.DataFrame, _Known, _Result]:
    """A part of the samples, its findings, the results for its labels, and its counts.

    known: results for labels of earlier parts; None if there are none.
    """
    options, schema = asked.options, asked.schema
    samples = part.samples.read()
    samples = samples.with_columns(
        pl.int_range(part.start, part.start + samples.height, dtype=pl.UInt32).alias("order"),
        pl.Series("label_row", part.rows),
    )
    fresh = samples.select("label", "label_row").unique("label_row", keep="first", maintain_order=True)
    new = pl.col("label_row") >= part.new
    if known is not None:
        fresh = fresh.filter(new)
    fresh = fresh.with_row_index("row")
    before = None if part.earlier is None else part.earlier.judged(fresh)
    unknown = fresh if before is None else fresh.join(before.labels, on="row", how="anti", maintain_order="left")
    reused = fresh.filter(new).height - unknown.filter(new).height
    step(fresh.height - unknown.height)
    judged = engine.judge(
        unknown["label"].to_list(),
        options.ruleset,
        weights=options.weights,
        workers=options.workers,
        progress=step,
        check_fixes=True,
    )
    labels = judged.labels.with_columns(unknown["label_row"]).select(_NOTHING.labels.columns)
    findings = _with_label_rows(judged.findings, unknown)
    if before is not None:
        old = before.labels.with_columns(fresh["label_row"].gather(before.labels["row"]))
        labels = pl.concat([labels, old.select(labels.columns)])
        findings = pl.concat([findings, _with_label_rows(before.findings, fresh)])
    wrong = []
    if asked.wrong:
        errors = findings.filter(pl.col("severity") == "error").select("label_row").unique()
        wrong = fresh.filter(new).join(errors, on="label_row", how="semi", maintain_order="left")["label"].to_list()
    if known is not None:
        labels, findings = pl.concat([known.labels, labels]), pl.concat([known.findings, findings])
    samples = samples.join(labels, on="label_row", how="left", maintain_order="left")
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in samples.columns]
    found = (
        samples.select("order", "sample_id", "source", "label_row")
        .join(findings, on="label_row", maintain_order="left_right")
        .select("order", *FINDINGS)
    )
    samples, found = with_own_macros(samples.with_columns(missing), in_place(found), options, asked.documents)
    # All parts have the same columns in one order, so that they are scanned as one table.
    samples = with_label_groups(samples).select(*schema, pl.exclude(*schema))
    return samples, found, _Known(labels, findings), _Result(fresh.filter(new).height, reused, wrong)


def _with_label_rows(findings: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Findings with `label_row` in place of `row`, which is a row of `labels`."""
    return findings.with_columns(labels["label_row"].gather(findings["row"])).select(_NOTHING.findings.columns)


_NOTHING = _Known(
    pl.DataFrame(
        schema={
            "n_tokens": pl.Int32,
            "canonical": pl.String,
            "visual_key": pl.String,
            "score": pl.Float64,
            "label_row": pl.UInt32,
        }
    ),
    pl.DataFrame(
        schema={"label_row": pl.UInt32, **{k: v for k, v in FINDINGS.items() if k not in ("sample_id", "source")}}
    ),
)


def _numbered(samples: Parts) -> tuple[npt.NDArray[np.uint32], int]:
    """For each sample the number of its label, in order of first occurrence, and how many labels differ."""
    every = samples.scan().select(hashes("label")).collect(engine="streaming")
    distinct = every.unique(maintain_order=True).with_row_index("label_row")
    if distinct.height == every.height:
        return np.arange(every.height, dtype=np.uint32), every.height
    rows = every.join(distinct, on=every.columns, how="left", maintain_order="left")["label_row"]
    return rows.to_numpy(), distinct.height
