"""Connects states of samples with the FiftyOne dataset that shows them: reads what is shown, writes what to show.

Decides nothing. Every field that a decision can change is written here, so that the App shows the same right after a
decision and after the next start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo

from curate.base.errors import UserError
from curate.browse.dataset import fields
from curate.browse.dataset.texts import text_of
from curate.browse.deciding.state import Found, State, standing, states
from curate.browse.deciding.taking import Desk, ShownSample
from curate.browse.pictures.cards import card_of
from curate.browse.pictures.drawings import path_of
from curate.runs.folder import load_run
from curate.runs.in_force import in_force

_SEVERITY_RANK = {name: rank for rank, name in enumerate(fields.SEVERITIES)}


def desk_of(dataset: Any) -> Desk:
    """Where decisions about the dataset's samples are made. Raises UserError if the dataset doesn't show a run."""
    if fields.INFO_RUN not in dataset.info:
        raise UserError(f"{dataset.name} does not show a run of texsieve: nothing can be decided on it")
    return Desk(Path(dataset.info[fields.INFO_RUN]), dataset.info.get(fields.INFO_WHO))


def shown(dataset: Any, ids: Iterable[str]) -> list[ShownSample]:
    """The samples with these document ids as the App shows them, without missing ones."""
    columns = ("id", fields.SAMPLE_ID, fields.LABEL, fields.PROPOSED)
    return [ShownSample(*row) for row in zip(*dataset.select(list(ids)).values(list(columns)), strict=True)]


def show(dataset: Any, states: Mapping[str, State]) -> None:
    """Write states, by document id, into the dataset: fields, pictures and tags."""
    if not states:
        return
    drawings, cards = Path(dataset.info[fields.INFO_DRAWINGS]), Path(dataset.info[fields.INFO_CARDS])
    columns = ["id", "tags", fields.PROPOSED, "filepath"]
    values: dict[str, dict[str, Any]] = {}
    for sample, tags, proposed, photo in zip(*dataset.select(list(states)).values(columns), strict=True):
        state = states[sample]
        row = _row(state, tags, state.proposed if state.proposes else proposed)
        # Where the pictures will be: they are made when the App asks for them.
        drawing = path_of(state.in_force.label, state.in_force.visual_key, drawings)
        row |= {fields.RENDERED: str(drawing), fields.SIDE_BY_SIDE: str(card_of(photo, drawing, cards))}
        for name, value in row.items():
            values.setdefault(name, {})[sample] = value
    for name, by_id in values.items():
        dataset.set_values(name, by_id, key_field="id")


def renew(dataset: Any) -> None:
    """Show the decisions in the run's file wherever the dataset shows others: made elsewhere, or lost here."""
    run = load_run(Path(dataset.info[fields.INFO_RUN]))
    columns = [fields.SAMPLE_ID, fields.LABEL, fields.DECISION, fields.DECIDED_LABEL]
    stand = standing(run)
    known = {fields.SAMPLE_ID: {"$in": list(stand)}}
    view = dataset.match({"$or": [known, {fields.DECISION: {"$ne": fields.UNDECIDED}}]})
    changed = []
    for sample_id, label, action, given in zip(*view.values(columns), strict=True):
        held = in_force(stand, sample_id, label)
        # A fix that doesn't say what it makes counts as the fix that was shown.
        if (action, given) != (held.action or fields.UNDECIDED, given if held.left_to_fixer else held.given):
            changed.append(sample_id)
    follow(dataset, changed)


def follow(dataset: Any, sample_ids: Sequence[str]) -> None:
    """Show samples as the run's files have them now."""
    run = load_run(Path(dataset.info[fields.INFO_RUN]))
    found = states(run, sample_ids)
    documents = dataset.match({fields.SAMPLE_ID: {"$in": list(found)}}).values([fields.SAMPLE_ID, "id"])
    show(dataset, {document: found[sample_id] for sample_id, document in zip(*documents, strict=True)})


def _row(state: State, tags: Sequence[str], proposed: str | None) -> dict[str, Any]:
    now = state.in_force
    kept = [tag for tag in tags if tag not in fields.TAGS]
    return {
        "tags": [*kept, state.decision] if state.decision in fields.TAGS else kept,
        fields.LABEL: state.label,
        fields.PROPOSED: proposed,
        fields.CHANGE: state.change(proposed),
        fields.CANONICAL: now.canonical,
        fields.TEXT: text_of(now.label, now.canonical),
        fields.VISUAL_KEY: now.visual_key,
        fields.N_TOKENS: now.n_tokens,
        fields.SCORE: now.score,
        fields.SEVERITY: now.severity,
        fields.FINDINGS: classifications(now.findings),
        fields.RULES: now.rules,
        fields.DECISION: state.decision,
        fields.DECIDED_LABEL: state.decided_label,
    }


def classifications(findings: Sequence[Found]) -> fo.Classifications:
    """Findings as FiftyOne's labels, worst first and each rule once, as `rows` lists them."""
    of_rules: dict[str, list[Found]] = {}
    for found in sorted(findings, key=lambda found: (found.start is None, found.start or 0)):
        of_rules.setdefault(found.rule, []).append(found)
    listed = []
    for rule in sorted(of_rules):
        first = min(of_rules[rule], key=lambda found: _SEVERITY_RANK[found.severity])
        more = len(of_rules[rule]) - 1
        listed.append((first, fields.MORE_OF_A_RULE.format(first.message, more) if more else first.message))
    listed.sort(key=lambda entry: _SEVERITY_RANK[entry[0].severity])
    return fo.Classifications(
        classifications=[
            fo.Classification(
                label=fields.finding_label(found.rule, found.name),
                severity=found.severity,
                message=message,
                span=None if found.start is None or found.end is None else [found.start, found.end],
            )
            for found, message in listed
        ]
    )
