"""Which label holds for a sample, and by whose decision: the one answer. Judges no label and makes no fix.

A decision holds where it stands (nobody took it back, see `curate.runs.decisions`) and is about the label that the
sample has now. One about another label is stale: it holds nothing, and the sample keeps its label. An edit to the empty
text is an edit like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from curate.runs.decisions import Decision


@dataclass(frozen=True)
class InForce:
    """A sample's label as it was read, and the decision that holds for it, None where none does.

    stale: a decision stands that is about another label.
    """

    read: str
    decision: Decision | None = None
    stale: bool = False

    @property
    def action(self) -> str | None:
        """accept, fix, edit or reject; None where no decision holds."""
        return None if self.decision is None else self.decision.action

    @property
    def given(self) -> str | None:
        """The label that the decision names; None where it names none and the label as read stays, or is fixed."""
        return self.decision.label if self.decision is not None and self.action in ("edit", "fix") else None

    @property
    def left_to_fixer(self) -> bool:
        """Is it a fix that doesn't say what it makes? Then the label is the one as read with every fix made."""
        return self.action == "fix" and self.given is None

    def label(self, fixed: Mapping[str, str]) -> str | None:
        """The label that holds; None where the sample was rejected.

        fixed: labels as read to the same with every fix made, asked for where `left_to_fixer`; what it lacks no fix
        changes.
        """
        if self.action == "reject":
            return None
        if self.left_to_fixer:
            return fixed.get(self.read, self.read)
        return self.read if self.given is None else self.given


def in_force(standing: Mapping[str, Decision], sample_id: str, label: str) -> InForce:
    """What holds for a sample that has this label now. standing: the decisions that stand, by sample."""
    decision = standing.get(sample_id)
    if decision is None:
        return InForce(label)
    return InForce(label, decision) if decision.is_about(label) else InForce(label, stale=True)
