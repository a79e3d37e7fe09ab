"""Puts states of samples into the FiftyOne dataset that shows them, and reads from it what is shown. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo

from curate.browse import fields
from curate.browse.deciding import Desk, Shown
from curate.browse.state import Found, State


def desk_of(dataset: Any) -> Desk:
    """Where decisions about the dataset's samples are made."""
    info = dataset.info
    return Desk(Path(info[fields.INFO_RUN]), Path(info[fields.INFO_DRAWINGS]), info.get("who"))


def shown(dataset: Any, ids: Sequence[str]) -> list[Shown]:
    """The samples with these document ids as the App shows them, those that are there."""
    columns = ("id", fields.SAMPLE_ID, fields.LABEL, fields.PROPOSED)
    return [Shown(*row) for row in zip(*dataset.select(list(ids)).values(columns), strict=True)]


def show(dataset: Any, states: Mapping[str, State], desk: Desk) -> None:
    """Write states, by document id, into the dataset: every field that a decision can change, drawing and tags too."""
    if not states:
        return
    view = dataset.select(list(states))
    ids, tags, proposed = view.values(["id", "tags", fields.PROPOSED])
    old = dict(zip(ids, zip(tags, proposed, strict=True), strict=True))
    values: dict[str, dict[str, Any]] = {}
    for sample, state in states.items():
        for name, value in _row(state, *old[sample], desk).items():
            values.setdefault(name, {})[sample] = value
    for name, by_id in values.items():
        dataset.set_values(name, by_id, key_field="id")


def _row(state: State, tags: Sequence[str], proposed: str | None, desk: Desk) -> dict[str, Any]:
    now = state.in_force
    if state.proposes:
        proposed = state.proposed
    kept = [tag for tag in tags if tag not in fields.TAGS]
    return {
        "tags": [*kept, state.decision] if state.decision in fields.TAGS else kept,
        fields.LABEL: state.label,
        fields.CANONICAL: now.canonical,
        fields.VISUAL_KEY: now.visual_key,
        fields.N_TOKENS: now.n_tokens,
        fields.SCORE: now.score,
        fields.SEVERITY: now.severity,
        fields.FINDINGS: classifications(now.findings),
        fields.RULES: now.rules,
        fields.DECISION: state.decision,
        fields.DECIDED_LABEL: state.decided_label,
        fields.PROPOSED: proposed,
        fields.CHANGE: state.change(proposed),
        fields.RENDERED: str(desk.draw(now)),
    }


def classifications(findings: Sequence[Found]) -> fo.Classifications:
    """Findings as FiftyOne's labels."""
    return fo.Classifications(
        classifications=[
            fo.Classification(
                label=fields.finding_label(found.rule, found.name),
                severity=found.severity,
                message=found.message,
                span=None if found.start is None else f"{found.start}-{found.end}",
            )
            for found in findings
        ]
    )
