"""Between states of samples and the FiftyOne dataset that shows them: reads what is shown, writes what is to be shown.

Decides nothing. Every field that a decision can change is written here, so that the App shows the same right after a
decision and after the next start.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo

from curate.browse import fields
from curate.browse.cards import card, card_of, photo_of
from curate.browse.deciding import Desk, Shown
from curate.browse.drawings import drawing, path_of, write
from curate.browse.state import Found, State, standing, states
from curate.run import Run, load_run

#: Pictures of so many decided labels are made before the App is told, some 40 ms each; others follow on their own.
AT_ONCE = 24
#: Decisions that give the sample another label.
_GIVE = ("fix", "edit")
_SEVERITY_RANK = {name: rank for rank, name in enumerate(fields.SEVERITIES)}


def desk_of(dataset: Any) -> Desk:
    """Where decisions about the dataset's samples are made."""
    return Desk(Path(dataset.info[fields.INFO_RUN]), dataset.info.get(fields.INFO_WHO))


def shown(dataset: Any, ids: Iterable[str]) -> list[Shown]:
    """The samples with these document ids as the App shows them, those that are there."""
    columns = ("id", fields.SAMPLE_ID, fields.LABEL, fields.PROPOSED)
    return [Shown(*row) for row in zip(*dataset.select(list(ids)).values(list(columns)), strict=True)]


@dataclass(frozen=True)
class Pictures:
    """What the two pictures of a sample are made from, and where they lie."""

    label: str
    visual_key: str | None
    root: Path | None
    image: str | None
    drawing: Path
    card: Path

    def make(self, drawings: Path) -> None:
        """Make those that aren't there."""
        drawing(self.label, self.visual_key, drawings)
        if not self.card.is_file():
            write(self.card, card(photo_of(self.root, self.image), self.drawing.read_bytes(), self.label))


def show(dataset: Any, states: Mapping[str, State]) -> None:
    """Write states, by document id, into the dataset: fields, pictures and tags."""
    if not states:
        return
    drawings, cards = Path(dataset.info[fields.INFO_DRAWINGS]), Path(dataset.info[fields.INFO_CARDS])
    run = load_run(Path(dataset.info[fields.INFO_RUN]))
    columns = ["id", "tags", fields.PROPOSED, "filepath", fields.SOURCE, fields.IMAGE]
    values: dict[str, dict[str, Any]] = {}
    pictures = []
    for sample, tags, proposed, photo, source, image in zip(*dataset.select(list(states)).values(columns), strict=True):
        state = states[sample]
        now = state.in_force
        drawn = path_of(now.label, now.visual_key, drawings)
        made = Pictures(now.label, now.visual_key, _root(run, source), image, drawn, card_of(photo, drawn, cards))
        pictures.append(made)
        row = _row(state, tags, state.proposed if state.proposes else proposed)
        row |= {fields.RENDERED: str(made.drawing), fields.SIDE_BY_SIDE: str(made.card)}
        for name, value in row.items():
            values.setdefault(name, {})[sample] = value
    for picture in pictures[:AT_ONCE]:
        picture.make(drawings)
    for name, by_id in values.items():
        dataset.set_values(name, by_id, key_field="id")
    if pictures[AT_ONCE:]:
        threading.Thread(target=_make, args=(pictures[AT_ONCE:], drawings), daemon=True).start()


def renew(dataset: Any) -> None:
    """Show the decisions that stand in the run's file where the dataset shows others: made elsewhere, or lost here."""
    run = load_run(Path(dataset.info[fields.INFO_RUN]))
    columns = ["id", fields.SAMPLE_ID, fields.LABEL, fields.DECISION, fields.DECIDED_LABEL]
    stand = standing(run)
    known = {fields.SAMPLE_ID: {"$in": list(stand)}}
    view = dataset.match({"$or": [known, {fields.DECISION: {"$ne": fields.UNDECIDED}}]})
    changed = {}
    for sample, sample_id, label, action, given in zip(*view.values(columns), strict=True):
        decision = stand.get(sample_id)
        now: tuple[str, str | None] = (fields.UNDECIDED, None)
        if decision is not None and decision.is_about(label):
            # A fix that doesn't say what it makes is as good as what it was shown to make.
            left_open = decision.action == "fix" and decision.label is None
            now = decision.action, given if left_open else decision.label if decision.action in _GIVE else None
        if (action, given) != now:
            changed[sample_id] = sample
    show(dataset, {changed[sample_id]: state for sample_id, state in states(run, list(changed)).items()})


def _make(pictures: Iterable[Pictures], drawings: Path) -> None:
    for picture in pictures:
        picture.make(drawings)


def _root(run: Run, source: str) -> Path | None:
    try:
        return run.root(source)
    except KeyError:
        return None


def _row(state: State, tags: Sequence[str], proposed: str | None) -> dict[str, Any]:
    now = state.in_force
    kept = [tag for tag in tags if tag not in fields.TAGS]
    return {
        "tags": [*kept, state.decision] if state.decision in fields.TAGS else kept,
        fields.LABEL: state.label,
        fields.PROPOSED: proposed,
        fields.CHANGE: state.change(proposed),
        fields.CANONICAL: now.canonical,
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
