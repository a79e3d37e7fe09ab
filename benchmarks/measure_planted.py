"""Measures rules on right labels that `curate.demo.planters` spoiled: what they find there, and in the right labels.

A planted defect counts as found if a new finding overlaps its place: one from a rule with more findings in the spoiled
label than in the right one. It must be a warning or an error, except for kinds of defects that only affect spelling.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import polars as pl

from curate.demo.planters import Kind, Spoiled, kinds, spoiled
from rules import engine

#: Labels spoiled in each way.
EACH = 200


@dataclass(frozen=True)
class Missed:
    """A planted defect that no rule reports, and the rules that fired elsewhere in the label."""

    plant: Spoiled
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """The results.

    planted, found: by kind. by_rule: by kind, the rules that found it, the most frequent first. flagged: of `clean`
    right labels, how many get a warning or an error from each rule; flagged_labels: how many labels these are. auc: the
    probability that a right label scores better than a spoiled one, where equal scores count half; auc_damaged leaves
    out the kinds that only affect spelling.
    """

    planted: dict[str, int]
    found: dict[str, int]
    by_rule: dict[str, list[str]]
    missed: list[Missed]
    clean: int
    flagged: dict[str, int]
    flagged_labels: int
    auc: float
    auc_damaged: float

    @property
    def share_found(self) -> float:
        return sum(self.found.values()) / sum(self.planted.values())

    @property
    def share_flagged(self) -> float:
        return self.flagged_labels / self.clean


def right_labels(verdicts: Path) -> list[str]:
    """The labels that LaTeX compiles, from a file of JSON lines with `label` and `latex_error`."""
    rows = map(json.loads, verdicts.read_text(encoding="utf-8").splitlines())
    return [row["label"] for row in rows if row["latex_error"] is None]


def measure(labels: Sequence[str], *, each: int = EACH, seed: int = 0, workers: int = 1) -> Measured:
    """Spoil `each` of the right labels in every way and judge all of them."""
    chosen = [(kind, spoiled(kind, labels, each, Random(f"{seed}/{kind.name}"))) for kind in kinds()]
    plants = [plant for _, some in chosen for plant in some]
    before = engine.judge(labels, workers=workers)
    after = engine.judge([plant.label for plant in plants], workers=workers)
    place = {label: row for row, label in enumerate(labels)}
    had = _counts(before.findings, {place[plant.original] for plant in plants})
    has = _counts(after.findings, None)
    style = {kind.name for kind, _ in chosen if kind.style}
    hits = _hits(plants, after.findings, style, [had.get(place[plant.original], Counter()) for plant in plants], has)
    bad = before.findings.filter(pl.col("severity") != "info")
    scores = after.labels["score"].to_list()
    damaged = [score for plant, score in zip(plants, scores, strict=True) if plant.kind not in style]
    return Measured(
        planted={kind.name: len(some) for kind, some in chosen},
        found={kind.name: sum(bool(hits[at]) for at in _places(plants, kind)) for kind, _ in chosen},
        by_rule={
            kind.name: [code for code, _ in Counter(c for at in _places(plants, kind) for c in hits[at]).most_common()]
            for kind, _ in chosen
        },
        missed=[Missed(plant, tuple(has.get(at, ()))) for at, plant in enumerate(plants) if not hits[at]],
        clean=len(labels),
        flagged=dict(bad.group_by("rule").agg(pl.col("row").n_unique()).sort("row", descending=True).iter_rows()),
        flagged_labels=bad["row"].n_unique(),
        auc=auc(before.labels["score"].to_list(), scores),
        auc_damaged=auc(before.labels["score"].to_list(), damaged),
    )


def _places(plants: Sequence[Spoiled], kind: Kind) -> list[int]:
    return [at for at, plant in enumerate(plants) if plant.kind == kind.name]


def _counts(findings: pl.DataFrame, rows: set[int] | None) -> dict[int, Counter[str]]:
    """Findings by rule of each row."""
    counts: dict[int, Counter[str]] = {}
    for row, code in findings.select("row", "rule").iter_rows():
        if rows is None or row in rows:
            counts.setdefault(row, Counter())[code] += 1
    return counts


def _hits(
    plants: Sequence[Spoiled],
    findings: pl.DataFrame,
    style: set[str],
    had: Sequence[Counter[str]],
    has: dict[int, Counter[str]],
) -> list[set[str]]:
    """The rules that found each plant."""
    hits: list[set[str]] = [set() for _ in plants]
    for row, code, severity, start, end in findings.select("row", "rule", "severity", "start", "end").iter_rows():
        plant = plants[row]
        if severity == "info" and plant.kind not in style:
            continue
        if start is None or not (start < max(plant.end, plant.start + 1) and max(end, start + 1) > plant.start):
            continue
        if has[row][code] > had[row][code]:
            hits[row].add(code)
    return hits


def auc(right: Sequence[float], spoiled: Sequence[float]) -> float:
    """The probability that a right label scores better than a spoiled one; equal scores count half."""
    both = pl.DataFrame({"score": [*right, *spoiled], "right": [True] * len(right) + [False] * len(spoiled)})
    ranks = both.select(pl.col("score").rank("average").filter(pl.col("right")).sum()).item()
    pairs = len(right) * len(spoiled)
    return float((ranks - len(right) * (len(right) + 1) / 2) / pairs)
