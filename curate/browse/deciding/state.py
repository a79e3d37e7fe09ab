"""What there is to show of a sample: the label in force after decisions, and what the rules say about it. Decides
nothing.

The label in force is the one that an export would write: the decision's, if there is one about the label as it was
read; otherwise the label as it was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.browse.dataset import fields
from curate.browse.deciding.change import marked
from curate.runs.decisions import DECISIONS_FILE, Decision, read_decisions
from curate.runs.folder import Run, rules_of
from curate.runs.in_force import in_force
from rules import Ruleset, Weights, engine, fixing
from rules.registry import tagged
from rules.score import scores
from rules.workers.spread import isolated

_ROW = ("sample_id", "label", "canonical", "visual_key", "n_tokens", "score")


@dataclass(frozen=True)
class Found:
    """A finding; start and end are code point offsets into the label, None if it is about the whole sample."""

    rule: str
    name: str
    severity: str
    message: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class JudgedSample:
    """A label and what the rules say about it as the label of a certain sample: score and findings are the sample's."""

    label: str
    canonical: str | None
    visual_key: str | None
    n_tokens: int | None
    score: float | None
    findings: tuple[Found, ...]

    @property
    def severity(self) -> str:
        """The severity of the worst finding, or CLEAN."""
        return fields.worst(finding.severity for finding in self.findings)

    @property
    def rules(self) -> list[str]:
        """Codes of the rules with a finding, each once, worst first."""
        ranked = sorted(self.findings, key=lambda found: (fields.SEVERITIES.index(found.severity), found.rule))
        return list(dict.fromkeys(found.rule for found in ranked))


@dataclass(frozen=True)
class State:
    """A sample as it is shown.

    label: as it was read. in_force: the label in force, judged. decision: fields.UNDECIDED or one of fields.TAGS;
    decided_label: the label that it gives, None if the sample keeps its own. proposed: the label with every proposed
    fix made, None if there is no proposal or if `proposes` says that the rules weren't asked.
    """

    sample_id: str
    label: str
    in_force: JudgedSample
    decision: str = fields.UNDECIDED
    decided_label: str | None = None
    proposed: str | None = None
    proposes: bool = False

    def change(self, proposed: str | None) -> str:
        """What the decision changes in the label, or otherwise what the proposal changes, marked."""
        return marked(self.label, proposed if self.decided_label is None else self.decided_label)


def labels_of(run: Run, ids: Iterable[str]) -> dict[str, str]:
    """The labels as they were read, by sample; without those that the run lacks."""
    wanted = run.samples.filter(pl.col("sample_id").is_in(list(ids))).select("sample_id", "label")
    return dict(wanted.collect().iter_rows())


def readings(run: Run) -> dict[str, Mapping[str, Any]]:
    """What models read instead of the label, by sample: the summary's rows that have a text."""
    ranked = run.summary.get("predictions", {}).get("likely_label_errors", ())
    return {str(row["sample_id"]): row for row in ranked if str(row["pred_label"]).strip()}


def standing(run: Run) -> Mapping[str, Decision]:
    """The decisions in the run's file now."""
    return read_decisions(run.path / DECISIONS_FILE).standing


def states(run: Run, ids: Collection[str], *, anew: bool = False) -> dict[str, State]:
    """What to show of samples, by sample id; without samples that the run doesn't hold.

    A label that is in force as it was read is shown with what the audit said about it; with `anew` it is judged again
    and fixes are proposed. Raises UserError if the run can't be read or was audited by rules that aren't there.
    """
    read = audited(run, ids)
    if not read:
        return {}
    ruleset, weights = rules_of(run)
    decided = _decided(standing(run), read, ruleset)
    proposed = proposals([sample.label for sample in read.values()], ruleset) if anew else {}
    to_judge = {
        sample_id: sample.label if decided[sample_id][1] is None else str(decided[sample_id][1])
        for sample_id, sample in read.items()
        if anew or decided[sample_id][1] is not None
    }
    judged = judge(run, to_judge, ruleset, weights)
    return {
        sample_id: State(
            sample_id,
            sample.label,
            judged.get(sample_id, sample),
            *decided[sample_id],
            proposed.get(sample.label),
            anew,
        )
        for sample_id, sample in read.items()
    }


def audited(run: Run, ids: Iterable[str]) -> dict[str, JudgedSample]:
    """Labels as they were read with what the audit said about them, by sample; without those that the run lacks."""
    mine = pl.col("sample_id").is_in(list(ids))
    stored = _by_sample(run.findings.filter(mine).collect())
    out = {}
    for row in run.samples.filter(mine).select(_ROW).collect().iter_rows(named=True):
        sample_id = row.pop("sample_id")
        out[sample_id] = JudgedSample(**row, findings=tuple(stored.get(sample_id, ())))
    return out


def judge(run: Run, labels: Mapping[str, str], ruleset: Ruleset, weights: Weights) -> dict[str, JudgedSample]:
    """Judge labels, by sample id, as if the samples had them; other findings about a sample still apply.

    Findings that the run's baseline knows count in the score, as they do in an audit, but are not listed.
    """
    if not labels:
        return {}
    distinct = list(dict.fromkeys(labels.values()))
    with isolated():
        result = engine.judge(distinct, ruleset, weights=weights)
    of_labels = [*tagged("unscored"), *(rule.code for rule in ruleset.rules("label"))]
    mine = pl.col("sample_id").is_in(list(labels))
    lasting = run.all_findings.filter(mine & ~pl.col("rule").is_in(of_labels)).collect()
    known = run.suppressed.filter(mine).select("sample_id", "rule", "start", "end").collect()
    kept = dict(scores(lasting, "sample_id", weights).iter_rows())
    hidden = set(known.iter_rows())
    found: dict[str, list[Found]] = {label: [] for label in distinct}
    for row in result.findings.iter_rows(named=True):
        found[distinct[row["row"]]].append(_finding(row))
    facts = dict(zip(distinct, result.labels.iter_rows(named=True), strict=True))
    others = _by_sample(lasting)
    out = {}
    for sample_id, label in labels.items():
        row = facts[label]
        listed = [
            finding
            for finding in (*found[label], *others.get(sample_id, ()))
            if (sample_id, finding.rule, finding.start, finding.end) not in hidden
        ]
        score = None if row["score"] is None else round(row["score"] * kept.get(sample_id, 1.0), 4)
        out[sample_id] = JudgedSample(label, row["canonical"], row["visual_key"], row["n_tokens"], score, tuple(listed))
    return out


def _decided(
    decisions: Mapping[str, Decision], read: Mapping[str, JudgedSample], ruleset: Ruleset
) -> dict[str, tuple[str, str | None]]:
    """The action that applies to each sample and the label it gives; one about another label doesn't count."""
    out: dict[str, tuple[str, str | None]] = {}
    for sample_id, sample in read.items():
        held = in_force(decisions, sample_id, sample.label)
        given = proposals([held.read], ruleset).get(held.read) if held.left_to_fixer else held.given
        out[sample_id] = held.action or fields.UNDECIDED, given
    return out


def proposals(labels: Iterable[str], ruleset: Ruleset) -> dict[str, str]:
    """Labels with every proposed fix made, if that changes them."""
    with isolated():
        fixed = fixing.fix(list(dict.fromkeys(labels)), ruleset, "unsafe")
    return dict(fixed.filter(pl.col("fixed") != pl.col("label")).select("label", "fixed").iter_rows())


def _finding(row: Mapping[str, Any]) -> Found:
    return Found(row["rule"], row["name"], row["severity"], row["message"], row["start"], row["end"])


def _by_sample(findings: pl.DataFrame) -> dict[str, list[Found]]:
    out: dict[str, list[Found]] = {}
    for row in findings.iter_rows(named=True):
        out.setdefault(row["sample_id"], []).append(_finding(row))
    return out
