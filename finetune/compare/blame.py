"""Counts which of the last model's wrong answers may be the labels' fault, each once. Changes no label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from curate.base.tables import count
from curate.base.visible import visible
from finetune.compare.comparison import Comparison
from finetune.metrics.label_errors import LabelErrors
from finetune.metrics.label_report import doubts_of, scores_in_words

#: What each reason of `finetune.metrics.label_errors` that excuses an answer says about its label.
_EXCUSES = {
    "safe fix": "a safe fix makes this answer right",
    "decision": "by the decided label, this answer is right",
    "rejected": "somebody rejected it",
}


@dataclass(frozen=True)
class Blame:
    """The wrong answers of the last model, by place: those whose label is known to be wrong, those whose label is in
    doubt, and why. checked: the number of those whose label somebody decided on, and that are wrong by it too.

    run: the audit that says so, None without one. agreed, audited: of those in doubt, how many because all models read
    the same, and because of the audit; some for both reasons. scores: how the labels affect them, in a sentence.
    """

    wrong: int
    known: Mapping[int, str] = field(default_factory=dict)
    checked: int = 0
    doubted: Mapping[int, str] = field(default_factory=dict)
    agreed: int = 0
    audited: int = 0
    run: str | None = None
    scores: str = ""

    @property
    def unsuspected(self) -> int:
        """The wrong answers for which nothing speaks against the label."""
        return self.wrong - len(self.known) - self.checked - len(self.doubted)

    @property
    def said(self) -> Mapping[int, str]:
        """What is said against each label that is wrong or in doubt."""
        known = {place: f"The label is wrong: {why}" for place, why in self.known.items()}
        return {**known, **{place: f"The label may be wrong: {why}" for place, why in self.doubted.items()}}


def blame(comparison: Comparison, errors: tuple[LabelErrors, LabelErrors] | None = None) -> Blame:
    """Count the wrong answers of the last model. errors: of the first model and the last, by an audit's labels."""
    agreed = dict.fromkeys(comparison.agreed, _agree(comparison))
    wrong = int((comparison.after.alike == 0).sum())
    if errors is None:
        return Blame(wrong, doubted=agreed, agreed=len(agreed))
    last = errors[1]
    known = {place: _EXCUSES[reason] for place, reason in enumerate(last.reasons) if reason in _EXCUSES}
    decided = [place for place, reason in enumerate(last.reasons) if reason == "wrong" and last.truths.action[place]]
    audited = doubts_of(last)
    doubted = {place: why for place, why in {**agreed, **audited}.items() if place not in {*known, *decided}}
    return Blame(
        wrong,
        known,
        len(decided),
        dict(sorted(doubted.items())),
        sum(place in doubted for place in agreed),
        len(audited),
        last.truths.run,
        scores_in_words(*errors),
    )


def _agree(comparison: Comparison) -> str:
    number = len(comparison.models)
    return f"{'both' if number == 2 else f'all {number}'} models agree on another formula"


def counted(comparison: Comparison, found: Blame) -> list[tuple[int, str]]:
    """How many wrong answers of the last model, and what is known of their labels. The numbers add up to all."""
    doubted = f"the label may be wrong: {_agree(comparison)}"
    if found.run is not None:
        why = [(_agree(comparison), found.agreed), ("the audit doubts it", found.audited)]
        told = ", ".join(f"{reason} ({count(number)})" for reason, number in why if number)
        doubted = f"the label may be wrong, and nobody has checked it: {told}"
    rows = [
        (len(found.known), "the label is wrong: it has a safe fix, or somebody corrected or rejected it"),
        (found.checked, "somebody checked the label, and the answer is wrong by that, too"),
        (len(found.doubted), doubted),
        (found.unsuspected, "nothing speaks against the label"),
    ]
    # That an audit knows of no wrong label is an answer too.
    return [row for at, row in enumerate(rows) if row[0] or (at == 0 and found.run is not None)]


def question(comparison: Comparison, found: Blame) -> str:
    """What `counted` answers."""
    wrong = f"{visible(comparison.shown(60)[-1])}'s {count(found.wrong)} wrong answer{'' if found.wrong == 1 else 's'}"
    return f"Are the labels to blame for {wrong}?"


def as_text(comparison: Comparison, found: Blame) -> str:
    """The counts for a terminal."""
    if not found.wrong:
        return found.scores
    lines = [
        question(comparison, found),
        *(f"  {count(number):>6}  {words}" for number, words in counted(comparison, found)),
    ]
    return "\n".join(lines) + (f"\n\n{found.scores}" if found.scores else "")
