"""Counts people's decisions about the samples of a run, source by source. Applies none: that is export's.

A decision that stands and is about another label than its sample has now is stale: it counts apart, and for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from curate.base.tables import count, things
from curate.runs.decisions import Decisions
from curate.runs.in_force import in_force

#: What is counted of each source.
KINDS = ("accept", "fix", "edit", "reject", "stale")
NONE: dict[str, int] = dict.fromkeys(KINDS, 0)

_SAID = {"accept": "accepted", "fix": "fixed", "edit": "edited", "reject": "rejected"}


def by_source(decisions: Decisions, samples: pl.LazyFrame) -> dict[str, dict[str, int]]:
    """KINDS of each source that has a decision. samples: with sample_id, source and label."""
    standing = decisions.standing
    counts: dict[str, dict[str, int]] = {}
    if not standing:
        return counts
    rows = samples.filter(pl.col("sample_id").is_in(list(standing))).select("sample_id", "source", "label").collect()
    for sample_id, source, label in rows.iter_rows():
        kind = in_force(standing, sample_id, label).action or "stale"
        counts.setdefault(source, dict(NONE))[kind] += 1
    return counts


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
