"""Reports predictions full of special tokens, marks of tokenisers or other text from programs. Not a metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curate.base.tables import count, share
from finetune.metrics.pairs import Pairs
from rules import engine
from rules.fixes.edits import Edit, apply, disjoint, in_order
from rules.registry import tagged
from rules.selection import Ruleset

#: The share of predictions from which it is reported. Below this, a model may have learnt them from a few labels.
_MANY = 0.05
_SHOWN = 30


def rules() -> Ruleset:
    """The rules that find such text."""
    return Ruleset(tagged("program-text"))


@dataclass(frozen=True)
class ProgramText:
    """How many predictions contain such text, how many would look like their truth without it, and a sample."""

    predictions: int
    held: int = 0
    right: int = 0
    sample: str = ""

    @classmethod
    def of(cls, pairs: Pairs) -> ProgramText:
        """From the findings of the `rules` in the predictions; see `finetune.metrics.pairs.read_pairs`."""
        codes = frozenset(tagged("program-text"))
        edits: dict[str, list[Edit]] = {}
        for text in dict.fromkeys(pairs.predictions):
            found = [row for row in pairs.findings.get(text, ()) if row["rule"] in codes]
            if found:
                edits[text] = [
                    Edit(row["start"], row["end"], row["replacement"] or "", row["rule"], "unsafe") for row in found
                ]
        held = [(truth, text) for truth, text in pairs.texts if text in edits]
        if not held:
            return cls(len(pairs))
        bare = [apply(text, disjoint(in_order(edits[text], len(text)), len(text))) for _, text in held]
        keys = zip([pairs.keys[truth] for truth, _ in held], engine.visual_keys(bare), strict=True)
        first = edits[held[0][1]][0]
        return cls(
            len(pairs),
            len(held),
            sum(truth is not None and truth == reading for truth, reading in keys),
            held[0][1][first.start : first.end],
        )

    @classmethod
    def sum(cls, some: Sequence[ProgramText]) -> ProgramText:
        """For all predictions together."""
        return cls(
            sum(one.predictions for one in some),
            sum(one.held for one in some),
            sum(one.right for one in some),
            next((one.sample for one in some if one.held), ""),
        )

    def in_words(self) -> str | None:
        """The report in words; None if few predictions contain such text."""
        if not self.held or self.held < _MANY * self.predictions:
            return None
        shown = self.sample if len(self.sample) <= _SHOWN else f"{self.sample[: _SHOWN - 1]}…"
        return (
            f"{count(self.held)} of {count(self.predictions)} predictions ({share(self.held, self.predictions)}) have "
            f"text from a tokeniser or a program, such as {shown!r}: decode them without special tokens and score them "
            f"again. Without it, {count(self.right)} of them look like their truth"
        )
