"""Counts people's decisions about the samples of a run, source by source. Applies none: that is export's.

A decision that stands and is about another label than its sample has now is stale: it counts apart, and for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import polars as pl

from curate.base.tables import count, things
from curate.runs.decisions import Decisions
from curate.runs.in_force import InForce, in_force

#: What is counted of each source.
KINDS = ("accept", "fix", "edit", "reject", "stale")
NONE: dict[str, int] = dict.fromkeys(KINDS, 0)

#: Where decisions take effect, and how to see it.
HOW_APPLIED = "Decisions take effect in curate export; findings, scores and verdicts are about the labels as read"
HOW_TO_APPLY = "For verdicts with the decisions applied, audit the folder that curate export writes."

_SAID = {"accept": "accepted", "fix": "fixed", "edit": "edited", "reject": "rejected"}


def by_source(decisions: Decisions, samples: pl.LazyFrame) -> dict[str, dict[str, int]]:
    """KINDS of each source that has a decision. samples: with sample_id, source and label."""
    counts: dict[str, dict[str, int]] = {}
    for _, source, held in _held(decisions, samples):
        counts.setdefault(source, dict(NONE))[held.action or "stale"] += 1
    return counts


def by_sample(decisions: Decisions, samples: pl.LazyFrame) -> dict[str, str]:
    """`accepted by ann` for each sample whose decision counts. samples: as in `by_source`."""
    return {
        sample_id: _SAID[held.action] + (f" by {held.decision.who}" if held.decision and held.decision.who else "")
        for sample_id, _, held in _held(decisions, samples)
        if held.action is not None
    }


def _held(decisions: Decisions, samples: pl.LazyFrame) -> Iterator[tuple[str, str, InForce]]:
    """(sample_id, source, what holds) of each sample with a decision that stands."""
    standing = decisions.standing
    if not standing:
        return
    rows = samples.filter(pl.col("sample_id").is_in(list(standing))).select("sample_id", "source", "label").collect()
    for sample_id, source, label in rows.iter_rows():
        yield sample_id, source, in_force(standing, sample_id, label)


def undecided_errors(decided: Collection[str], findings: pl.LazyFrame) -> int:
    """How many samples with an error nobody has decided on. decided: ids, as `by_sample` has them."""
    wrong = findings.filter(pl.col("severity") == "error").select(pl.col("sample_id").drop_nulls().unique()).collect()
    return wrong.height - len(set(decided).intersection(wrong["sample_id"]))


def totals(decisions: Decisions, counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """KINDS over all sources; `unknown_sample`: about no sample there is; `unreadable`: lines of the file."""
    sums = {kind: sum(found[kind] for found in counts.values()) for kind in KINDS}
    return {
        **sums,
        "unknown_sample": len(decisions.standing) - sum(sums.values()),
        "unreadable": len(decisions.unreadable),
    }


def decided(counts: Mapping[str, int]) -> int:
    """How many samples are decided on by decisions that count."""
    return sum(counts.get(kind, 0) for kind in _SAID)


def text(found: Mapping[str, Any]) -> str:
    """`totals` in a line for people, empty where there is nothing to say."""
    parts = [f"{count(found[kind])} {word}" for kind, word in _SAID.items() if found.get(kind)]
    line = f"{things(decided(found), 'sample')} decided on ({', '.join(parts)})" if parts else ""
    idle = [
        f"{count(found[key])} {words}"
        for key, words in (
            ("stale", "about a label that has changed since"),
            ("unknown_sample", "about a sample that is not there"),
            ("unreadable", "on a line that can't be read"),
        )
        if found.get(key)
    ]
    if not idle:
        return line
    aside = f"not applied: {', '.join(idle)}"
    return f"{line}; {aside}" if line else f"decisions {aside}"


def applied_text(found: Mapping[str, Any], undecided: int) -> str:
    """`text`, and what that means for findings and verdicts. undecided: as `undecided_errors` counts them."""
    said = text(found)
    if not decided(found):
        return said
    left = f"{things(undecided, 'sample')} with an error {'is' if undecided == 1 else 'are'} undecided"
    left = left if undecided else "No sample with an error is undecided"
    return f"{said}. {HOW_APPLIED}. {left}. {HOW_TO_APPLY}"
