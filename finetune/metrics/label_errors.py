"""How much of a benchmark's error is due to its labels: scores before and after fixing them. Changes no label.

An audit run says what its labels should be: it has the safe fixes of its rules, which never change the picture, and
people's decisions (`decisions.jsonl`). docs/metrics.md defines the figures.
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
from curate.predictions.readings import sure_rule
from curate.predictions.rows import Prediction
from curate.runs.in_force import InForce, in_force
from finetune.metrics.each.exprate import EXPRATE
from finetune.metrics.each.exprate_render_equal import RENDER_EQUAL
from finetune.metrics.intervals import intervals
from finetune.metrics.metric import Numbers
from finetune.metrics.pair_numbers import CANONICAL, PairNumbers, measure
from finetune.metrics.pairs import read_pairs
from rules import engine, fixing
from rules.registry import tagged

#: The states of the labels that are scored, in the order of the report.
STATES = ("as they are", "safe fixes", "decided")
#: The figures for each state, by key: exact match in canonical spelling, and of the drawings. Not of the raw strings,
#: since a safe fix changes the spelling of labels and predictions keep the old one.
CANONICAL_EXACT, DRAWN_THE_SAME = f"canonical_{EXPRATE.name}", RENDER_EQUAL.name
FIGURES = {CANONICAL_EXACT: EXPRATE, DRAWN_THE_SAME: RENDER_EQUAL}
#: Why an answer that isn't an exact match may still be right. The first reason that applies counts.
REASONS = ("spelling", "drawing", "safe fix", "decision", "rejected", "wrong")


@dataclass(frozen=True)
class Truths:
    """What a run says about the truths of some predictions, in their order.

    fixed: after safe fixes. decided: also after decisions; None if the label was rejected. action: the decision, or "".
    sure: the message of the rule for labels that sure predictions contradict, if there is no decision; else None.
    doubts: the rules by which the label may be wrong. rank: the place in the run's list of likely label errors, from 1.
    unknown, ambiguous: the predictions that match no sample, or several. other: those whose sample has a different
    label, to which decisions don't apply.
    """

    run: str
    fixed: list[str]
    decided: list[str | None]
    action: list[str]
    doubts: list[tuple[str, ...]]
    sure: list[str | None]
    rank: list[int | None]
    unknown: int
    ambiguous: int
    other: int


@dataclass(frozen=True)
class LabelErrors:
    """The results for the answers in a file. `reasons` has one for each answer that isn't an exact match, else ""."""

    truths: Truths
    rows: Sequence[Prediction]
    reasons: list[str]
    #: The number of answers that look like the label but not like the decided label.
    made_wrong: int
    #: By state: the number of pairs, and their FIGURES with intervals.
    states: dict[str, dict[str, Any]] = field(default_factory=dict)


def truths_of(path: Path, rows: Sequence[Prediction], workers: int = 1) -> Truths:
    """Read a run and its decisions. Raises UserError if it isn't a run, or is from an older version."""
    (run,) = open_inputs([path])
    samples = run.run.samples.select("sample_id", "image", "label", "visual_key").collect()
    places = match(samples, rows)
    labels = samples["label"].fill_null("").to_list()
    keys = samples["visual_key"].to_list()
    respelled = [
        row.gt for row, at in zip(rows, places, strict=True) if at is not None and at >= 0 and row.gt != labels[at]
    ]
    key_of = dict(zip(respelled, engine.visual_keys(respelled), strict=True))
    found: list[tuple[int | None, InForce | None]] = []
    other = 0
    for row, place in zip(rows, places, strict=True):
        if place is None or place < 0:
            found.append((None, None))
            continue
        key = key_of.get(row.gt)
        same = row.gt == labels[place] or (key is not None and key == keys[place])
        other += not same
        held = in_force(run.decisions.standing, samples["sample_id"][place], labels[place]) if same else None
        found.append((place, held if held is not None and held.action else None))
    fixed = _fixed([row.gt for row in rows], run, "safe", workers)
    doubts, rank = _doubts(run)
    sure = _sure(run)
    ids = [None if place is None else samples["sample_id"][place] for place, _ in found]
    return Truths(
        run.name,
        fixed,
        _decided([held for _, held in found], rows, fixed, run),
        ["" if held is None else held.action or "" for _, held in found],
        [doubts.get(one or "", ()) for one in ids],
        [None if held is not None else sure.get(one or "") for one, (_, held) in zip(ids, found, strict=True)],
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
            new.append(row.gt)  # looks like the label of the sample, but may be spelled differently
        else:
            new.append(held.label(by_fix))
    return new


def _doubts(run: Input) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """By sample: the rules by which its label is or may be wrong, and its place among the likely label errors."""
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


def _sure(run: Input) -> dict[str, str]:
    """By sample: the message about a label that sure predictions contradict."""
    found = run.run.findings.filter(pl.col("rule").is_in(sure_rule()) & pl.col("sample_id").is_not_null())
    return dict(found.select("sample_id", "message").collect().iter_rows())


@dataclass(frozen=True)
class RightAnswers:
    """Which answers are right in three senses, each 1 or 0 and of shape (pairs,). Right in one sense implies right in
    the next.
    """

    exact: Numbers
    canonical: Numbers
    alike: Numbers

    @classmethod
    def of(cls, numbers: PairNumbers) -> RightAnswers:
        exact = numbers.column(EXPRATE.name)
        canonical = np.maximum(exact, numbers.column(CANONICAL + EXPRATE.name))
        return cls(exact, canonical, np.maximum(canonical, numbers.column(RENDER_EQUAL.name)))

    def at(self, places: Sequence[int]) -> RightAnswers:
        return RightAnswers(self.exact[places], self.canonical[places], self.alike[places])

    def replaced(self, places: Sequence[int], by: RightAnswers) -> RightAnswers:
        """The same, with `by` at `places`."""
        new = RightAnswers(self.exact.copy(), self.canonical.copy(), self.alike.copy())
        new.exact[places], new.canonical[places], new.alike[places] = by.exact, by.canonical, by.alike
        return new


def label_errors(rows: Sequence[Prediction], numbers: PairNumbers, truths: Truths, workers: int = 1) -> LabelErrors:
    """Score the answers by the labels as they are (`numbers`), with safe fixes, and with decisions."""
    before = RightAnswers.of(numbers)
    fixed = _by_labels(before, rows, truths.fixed, workers)
    # An answer to a rejected label stays as it is, and is left out below.
    decided = _by_labels(
        before, rows, [row.gt if new is None else new for row, new in zip(rows, truths.decided, strict=True)], workers
    )
    left = [place for place, new in enumerate(truths.decided) if new is not None]
    reasons = []
    for place in range(len(rows)):
        if before.exact[place]:
            reasons.append("")
        elif before.canonical[place]:
            reasons.append("spelling")
        elif before.alike[place]:
            reasons.append("drawing")
        elif truths.decided[place] is None:
            reasons.append("rejected")
        elif truths.action[place] in ("edit", "fix"):
            reasons.append("decision" if decided.alike[place] else "wrong")
        else:
            reasons.append("safe fix" if fixed.alike[place] else "wrong")
    states = {name: _figures(some) for name, some in zip(STATES, (before, fixed, decided.at(left)), strict=True)}
    made_wrong = sum(bool(before.alike[place]) and not decided.alike[place] for place in left)
    return LabelErrors(truths, rows, reasons, int(made_wrong), states)


def _by_labels(before: RightAnswers, rows: Sequence[Prediction], labels: Sequence[str], workers: int) -> RightAnswers:
    """Which answers are right by other labels. Only rows whose label differs are read again."""
    changed = [place for place, (label, row) in enumerate(zip(labels, rows, strict=True)) if label != row.gt]
    if not changed:
        return before
    pairs = read_pairs([(labels[place], rows[place].pred) for place in changed], workers=workers)
    return before.replaced(changed, RightAnswers.of(measure(pairs, "text")))


def _figures(right: RightAnswers) -> dict[str, Any]:
    n = len(right.exact)
    if not n:
        return {"n": 0, **dict.fromkeys(FIGURES), "ci": dict.fromkeys(FIGURES)}
    columns = {CANONICAL_EXACT: right.canonical, DRAWN_THE_SAME: right.alike}

    def of(sums: Numbers) -> dict[str, Numbers]:
        by_key = dict(zip((*columns, "n"), np.moveaxis(sums, -1, 0), strict=True))
        return {
            key: metric.value({metric.columns[0]: by_key[key], "n": by_key["n"]}) for key, metric in FIGURES.items()
        }

    numbers = np.column_stack([*columns.values(), np.ones(n)])
    values = {name: float(value) for name, value in of(numbers.sum(axis=0)).items()}
    return {"n": n, **values, "ci": intervals(numbers, of)}
