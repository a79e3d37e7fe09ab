"""How much of a benchmark's error is its labels' fault: scores before and after fixing them. Changes no label.

An audited run says what its labels should be: safe fixes of its rules, which never change what is drawn, and what
people decided (`decisions.jsonl`). docs/metrics.md defines the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.export.decide.inputs import Input, open_inputs
from curate.predictions.match import match
from curate.predictions.rows import Prediction
from curate.runs.in_force import InForce, in_force
from finetune.metrics.intervals import intervals
from finetune.metrics.scoring import Scored, score_pairs
from finetune.metrics.strings import Numbers
from rules import engine, fixing
from rules.registry import tagged

#: The states of the labels that are scored, in the order they are told.
STATES = ("as they are", "safe fixes", "decided")
#: The figures of each: exact match in canonical spelling, and of what is drawn. Not of the strings as they stand: a
#: safe fix respells labels, and predictions keep the old spelling.
FIGURES = ("canonical_exprate", "exprate_render_equal")
#: Why an answer that is no exact match may be right all the same, the first reason that holds.
REASONS = ("spelling", "drawing", "safe fix", "decision", "rejected", "wrong")


@dataclass(frozen=True)
class Truths:
    """What a run says of the truths of some predictions, in their order.

    fixed: after safe fixes. decided: after decisions too; None: the label was rejected. action: what was decided, or
    "". doubts: the rules that say the label may be wrong. rank: place in the run's list of likely label errors, from 1.
    unknown, ambiguous: predictions that no sample belongs to, or several; other: those whose sample has another label,
    which decisions say nothing about.
    """

    run: str
    fixed: list[str]
    decided: list[str | None]
    action: list[str]
    doubts: list[tuple[str, ...]]
    rank: list[int | None]
    unknown: int
    ambiguous: int
    other: int


@dataclass(frozen=True)
class LabelErrors:
    """What came of a prediction file's answers; `reasons` has one for each that is no exact match, else ""."""

    truths: Truths
    rows: Sequence[Prediction]
    reasons: list[str]
    #: Answers that were drawn as the label and aren't drawn as the decided one.
    made_wrong: int
    #: By state: how many pairs there are, and of them the FIGURES with their intervals.
    states: dict[str, dict[str, Any]] = field(default_factory=dict)


def truths_of(path: Path, rows: Sequence[Prediction], workers: int = 1) -> Truths:
    """Read a run and what was decided in it. Raises UserError where it is no run, or one of an older version."""
    (run,) = open_inputs([path])
    samples = run.run.samples.select("sample_id", "image", "label", "visual_key").collect()
    places = match(samples, rows)
    labels = samples["label"].fill_null("").to_list()
    keys = samples["visual_key"].to_list()
    found: list[tuple[int | None, InForce | None]] = []
    other = 0
    for row, place in zip(rows, places, strict=True):
        if place is None or place < 0:
            found.append((None, None))
            continue
        key = None if row.gt == labels[place] else engine.visual_keys([row.gt])[0]
        same = row.gt == labels[place] or (key is not None and key == keys[place])
        other += not same
        held = in_force(run.decisions.standing, samples["sample_id"][place], labels[place]) if same else None
        found.append((place, held if held is not None and held.action else None))
    fixed = _fixed([row.gt for row in rows], run, "safe", workers)
    doubts, rank = _doubts(run)
    ids = [None if place is None else samples["sample_id"][place] for place, _ in found]
    return Truths(
        run.name,
        fixed,
        _decided([held for _, held in found], rows, fixed, run),
        ["" if held is None else held.action or "" for _, held in found],
        [doubts.get(one or "", ()) for one in ids],
        [rank.get(one or "") for one in ids],
        sum(place is None for place in places),
        sum(place == -1 for place in places),
        other,
    )


def _fixed(labels: Sequence[str], run: Input, level: fixing.Level, workers: int = 1) -> list[str]:
    distinct = list(dict.fromkeys(labels))
    frame = fixing.fix(distinct, run.ruleset, level, workers=workers)
    new = dict(zip(distinct, frame["fixed"], strict=True))
    return [new[label] for label in labels]


def _decided(
    decided: Sequence[InForce | None], rows: Sequence[Prediction], fixed: Sequence[str], run: Input
) -> list[str | None]:
    to_fix = [held.read for held in decided if held is not None and held.left_to_fixer]
    by_fix = dict(zip(to_fix, _fixed(to_fix, run, "unsafe"), strict=True))
    new: list[str | None] = []
    for row, held, safe in zip(rows, decided, fixed, strict=True):
        if held is None:
            new.append(safe)
        elif held.action == "accept":
            new.append(row.gt)  # drawn as the sample's label, and perhaps spelled otherwise
        else:
            new.append(held.label(by_fix))
    return new


def _doubts(run: Input) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """By sample: the rules that say its label is or may be wrong; its place among the likely label errors."""
    wrong = (
        run.run.findings.filter(
            pl.col("sample_id").is_not_null()
            & (
                pl.col("rule").is_in(tagged("doubt"))
                | ((pl.col("severity") == "error") & pl.col("rule").is_in(run.label_rules))
            )
        )
        .group_by("sample_id", maintain_order=True)
        .agg(pl.col("rule").unique(maintain_order=True))
        .collect()
    )
    ranked = run.run.summary.get("predictions", {}).get("likely_label_errors", [])
    rank = {str(entry["sample_id"]): place for place, entry in enumerate(ranked, 1)}
    return {name: tuple(codes) for name, codes in wrong.iter_rows()}, rank


def label_errors(rows: Sequence[Prediction], scored: Scored, truths: Truths, workers: int = 1) -> LabelErrors:
    """Score the answers by the labels as they are (`scored`), with safe fixes, and as they were decided on."""
    fixed = _rescored([(new, row.pred) for new, row in zip(truths.fixed, rows, strict=True)], rows, scored, workers)
    left = [place for place, new in enumerate(truths.decided) if new is not None]
    decided = np.zeros_like(fixed)
    decided[left] = _rescored(
        [(str(truths.decided[place]), rows[place].pred) for place in left],
        [rows[place] for place in left],
        scored,
        workers,
        left,
    )
    before = _numbers(scored)
    reasons = []
    for place in range(len(rows)):
        exact, canonical, alike = before[place]
        if exact:
            reasons.append("")
        elif canonical:
            reasons.append("spelling")
        elif alike:
            reasons.append("drawing")
        elif truths.decided[place] is None:
            reasons.append("rejected")
        elif truths.action[place] in ("edit", "fix"):
            reasons.append("decision" if decided[place, 2] else "wrong")
        else:
            reasons.append("safe fix" if fixed[place, 2] else "wrong")
    states = {name: _figures(numbers) for name, numbers in zip(STATES, (before, fixed, decided[left]), strict=True)}
    made_wrong = sum(bool(before[place, 2]) and not decided[place, 2] for place in left)
    return LabelErrors(truths, rows, reasons, int(made_wrong), states)


def _numbers(scored: Scored) -> Numbers:
    """Exact match, and FIGURES, of every pair: each 0 or 1, and none less than the one before."""
    exact = scored.raw[:, 0]
    canonical = np.maximum(exact, scored.canonical[:, 0])
    return np.column_stack([exact, canonical, np.maximum(canonical, scored.alike)])


def _rescored(
    pairs: Sequence[tuple[str, str]],
    rows: Sequence[Prediction],
    scored: Scored,
    workers: int,
    places: Sequence[int] | None = None,
) -> Numbers:
    """`_numbers` of pairs, read anew only where the truth is another one than the row's."""
    numbers = _numbers(scored)[list(range(len(rows)) if places is None else places)]
    changed = [place for place, (pair, row) in enumerate(zip(pairs, rows, strict=True)) if pair[0] != row.gt]
    if changed:
        numbers[changed] = _numbers(score_pairs([pairs[place] for place in changed], workers=workers))
    return numbers


def _figures(numbers: Numbers) -> dict[str, Any]:
    if not len(numbers):
        return {"n": 0, **dict.fromkeys(FIGURES), "ci": dict.fromkeys(FIGURES)}
    with_n = np.column_stack([numbers[:, 1:], np.ones(len(numbers))])

    def of(sums: Numbers) -> dict[str, Numbers]:
        return {name: 100 * sums[..., place] / sums[..., -1] for place, name in enumerate(FIGURES)}

    values = {name: float(value) for name, value in of(with_n.sum(axis=0)).items()}
    return {"n": len(numbers), **values, "ci": intervals(with_n, of)}
