"""Writes decisions made in the App to the run's file, with a notice of the outcome. Knows no FiftyOne.

For every decision, the few rows that it needs are read anew from the run's files: an audit may have renewed the run
meanwhile, and a decision about a label that is no longer there is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from curate.base.errors import UserError
from curate.browse.deciding.state import JudgedSample, State, judge, labels_of, proposals, readings, standing, states
from curate.runs.decisions import Action, Decision, OvertakenError, append_decisions, decide, label_sha256
from curate.runs.folder import Run, load_run, rules_of

#: The message if there is nothing to decide on.
NOTHING = "Select samples first: the box in a tile's corner."
#: What was done, and what wasn't and why, for `n` samples; the words in braces agree with the number.
_DONE = {
    "fix": "{n} fixed",
    "edit": "{n} edited",
    "accept": "{n} accepted as {they}",
    "reject": "{n} rejected",
    "undo": "{n} decision{s} taken back",
    "check": "{n} checked again",
}
_REFUSED = {
    "no-proposal": "{n} {have} no proposed fix",
    "same": "{n} {have} that label already: accept it as it is",
    "unread": "no model reads {n} differently",
    "already": "{n} {have} that decision already",
    "undecided": "{n} {have} no decision to take back",
    "changed": "{n} {have} another label since the last audit of the run: check again, look, then decide",
    "gone": "{n} {are} no longer in the run",
    "overtaken": "{n} {have} another decision by now: look, then decide again",
}
#: The decision that applied to a sample when it was looked at, by sample id.
Seen = Mapping[str, Decision | None]


@dataclass(frozen=True)
class ShownSample:
    """A sample as somebody saw it: the id of its document in the App, its label as read, the label that it may get."""

    id: str
    sample_id: str
    label: str
    proposed: str | None = None


@dataclass
class Outcome:
    """The outcome of an operation: what to show now, by document id; how many samples were left alone, and why."""

    what: str
    states: dict[str, State] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def variant(self) -> str:
        """The kind of notice: success, warning if some samples were left alone, error if all were."""
        return "success" if not self.refused else "warning" if self.states else "error"

    @property
    def message(self) -> str:
        """One sentence, as in `3 fixed, 1 has no proposed fix.`"""
        said = [_said(_DONE[self.what], len(self.states))] if self.states else []
        said += [_said(_REFUSED[reason], self.refused[reason]) for reason in _REFUSED if self.refused[reason]]
        return ", ".join(said) + "."


def _said(text: str, n: int) -> str:
    many = n != 1
    words = {"s": "s" * many, "have": "have" if many else "has", "are": "are" if many else "is"}
    return text.format(n=f"{n:,}", they="they are" if many else "it is", **words)


class Desk:
    """Makes decisions about the samples of a run.

    run: the run folder. who: who makes the decisions; None: the OS user.
    Every method raises UserError if the run can't be read (any more) or decisions can't be written.
    """

    def __init__(self, run: Path, who: str | None = None) -> None:
        self.path = run
        self.who = who

    def decide(
        self, action: Action, shown: Sequence[ShownSample], label: str | None = None, seen: Seen | None = None
    ) -> Outcome:
        """Decide on samples; the decisions are on the disk when this returns.

        seen: decisions that the person saw; if another applies by now, nothing is decided.

        `fix` takes each sample's own proposal; `edit` gives all of them `label`, or, if that is None, each its own
        `proposed`; `undo` restores the decision before the current one. Raises UserError if the new label is empty, or
        if one label is given to samples with different labels.
        """
        if action == "edit" and not all(
            ((sample.proposed if label is None else label) or "").strip() for sample in shown
        ):
            raise UserError("the new label is empty; reject the sample instead")
        run = load_run(self.path)
        labels = labels_of(run, [sample.sample_id for sample in shown])
        before = standing(run)
        outcome = Outcome(action)
        if action == "fix":
            shown = _with_proposals(run, shown)
        elif action == "edit" and label is not None and len({sample.label for sample in shown}) > 1:
            raise UserError("an edit gives all samples one label, and these have different ones: edit one at a time")
        made: dict[str, Decision] = {}
        for sample in shown:
            given = (label or sample.proposed) if action in ("fix", "edit") else None
            last = before.get(sample.sample_id)
            reason = _why_not(action, sample, given, labels.get(sample.sample_id), last)
            if reason:
                outcome.refused[reason] += 1
                continue
            decision = decide(sample.sample_id, action, sample.label, given, self.who)
            # A decision to undo may be about a label that is no longer there.
            made[sample.id] = (
                replace(decision, label_sha256=last.label_sha256) if action == "undo" and last else decision
            )
        try:
            append_decisions(self.path, made.values(), seen)
        except OvertakenError:
            outcome.refused["overtaken"] += len(made)
            made = {}
        outcome.states = self._states([sample for sample in shown if sample.id in made])
        return outcome

    def take_readings(self, shown: Sequence[ShownSample]) -> Outcome:
        """Give each sample the label that models read instead of its own: an edit, made only on request."""
        read = readings(load_run(self.path))
        asked = [
            replace(sample, proposed=str(read[sample.sample_id]["pred_label"]))
            for sample in shown
            if sample.sample_id in read
        ]
        outcome = self.decide("edit", asked)
        outcome.refused["unread"] = len(shown) - len(asked)
        outcome.refused = +outcome.refused
        return outcome

    def check(self, shown: Sequence[ShownSample]) -> Outcome:
        """Read samples from the run again, run its rules over the labels in force and propose fixes anew."""
        outcome = Outcome("check", self._states(shown, anew=True))
        outcome.refused["gone"] = len(shown) - len(outcome.states)
        outcome.refused = +outcome.refused
        return outcome

    def look(self, label: str, sample_id: str) -> JudgedSample:
        """What the run's rules would say about the sample if its label were `label`."""
        run = load_run(self.path)
        return judge(run, {sample_id: label}, *rules_of(run))[sample_id]

    def _states(self, shown: Sequence[ShownSample], *, anew: bool = False) -> dict[str, State]:
        found = states(load_run(self.path), [sample.sample_id for sample in shown], anew=anew)
        return {sample.id: found[sample.sample_id] for sample in shown if sample.sample_id in found}


def _with_proposals(run: Run, shown: Sequence[ShownSample]) -> list[ShownSample]:
    """The samples with their proposals; the App gets these some time after it opens."""
    lacking = [sample.label for sample in shown if sample.proposed is None]
    made = proposals(lacking, rules_of(run)[0]) if lacking else {}
    return [sample if sample.proposed else replace(sample, proposed=made.get(sample.label)) for sample in shown]


def _why_not(
    action: Action, sample: ShownSample, given: str | None, label: str | None, last: Decision | None
) -> str | None:
    """Why a decision can't be made, a key of _REFUSED. `label` is the run's now, `last` the current decision."""
    if label is None:
        return "gone"
    if action == "undo":
        return "undecided" if last is None else None
    if label != sample.label:
        return "changed"
    if action == "fix" and given in (None, label):
        return "no-proposal"
    if action == "edit" and given == label:
        return "same"
    if last is not None and (last.action, last.label, last.label_sha256) == (action, given, label_sha256(label)):
        return "already"
    return None
