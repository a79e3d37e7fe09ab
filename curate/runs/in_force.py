"""The single answer to which label holds for a sample, and by whose decision. Judges no label and makes no fix.

A decision holds if it stands (nobody took it back, see `curate.runs.decisions`) and is about the label that the sample
has now. One about another label is stale: it has no effect, and the sample keeps its label. An edit to the empty text
is an edit like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from curate.runs.decisions import Decision


@dataclass(frozen=True)
class InForce:
    """A sample's label as read, and the decision that holds for it, or None.

    stale: the standing decision is about another label.
    """

    read: str
    decision: Decision | None = None
    stale: bool = False

    @property
    def action(self) -> str | None:
        """accept, fix, edit or reject; None if no decision holds."""
        return None if self.decision is None else self.decision.action

    @property
    def given(self) -> str | None:
        """The label that the decision gives; None if it gives none, and the label as read stays or is fixed."""
        return self.decision.label if self.decision is not None and self.action in ("edit", "fix") else None

    @property
    def left_to_fixer(self) -> bool:
        """Is it a fix that doesn't give a label? Then the label is the one as read with every fix made."""
        return self.action == "fix" and self.given is None

    def label(self, fixed: Mapping[str, str]) -> str | None:
        """The label that holds; None if the sample was rejected.

        fixed: labels as read with every fix made, used if `left_to_fixer`; a label missing from it stays as read.
        """
        if self.action == "reject":
            return None
        if self.left_to_fixer:
            return fixed.get(self.read, self.read)
        return self.read if self.given is None else self.given


def in_force(standing: Mapping[str, Decision], sample_id: str, label: str) -> InForce:
    """What holds for a sample that now has this label. standing: the decisions that stand, by sample."""
    decision = standing.get(sample_id)
    if decision is None:
        return InForce(label)
    return InForce(label, decision) if decision.is_about(label) else InForce(label, stale=True)
