"""Says when predictions are full of special tokens, marks of tokenisers or other text of programs. Not a metric."""

from __future__ import annotations

from collections.abc import Sequence

from curate.base.tables import count, share
from curate.predictions.rows import Prediction
from rules import engine
from rules.fixes.edits import Edit, apply, disjoint, in_order
from rules.registry import tagged
from rules.selection import Ruleset

#: Share of the predictions from which it is said: below it, a model may have learnt them from a few labels.
_MANY = 0.05
_SHOWN = 30


def program_text_note(rows: Sequence[Prediction], workers: int = 1) -> str | None:
    """How many predictions hold such text, and how many would look like their truth without it; None where few do."""
    texts = list(dict.fromkeys(row.pred for row in rows))
    findings = engine.judge(texts, Ruleset(tagged("program-text")), workers=workers).findings
    edits: dict[str, list[Edit]] = {}
    for place, code, start, end, replacement in findings.select(
        "row", "rule", "start", "end", "replacement"
    ).iter_rows():
        edits.setdefault(texts[place], []).append(Edit(start, end, replacement or "", code, "unsafe"))
    held = [row for row in rows if row.pred in edits]
    if not held or len(held) < _MANY * len(rows):
        return None
    bare = [apply(row.pred, disjoint(in_order(edits[row.pred], len(row.pred)), len(row.pred))) for row in held]
    keys = engine.visual_keys([row.gt for row in held]), engine.visual_keys(bare)
    right = sum(truth is not None and truth == reading for truth, reading in zip(*keys, strict=True))
    first = edits[held[0].pred][0]
    shown = held[0].pred[first.start : first.end]
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
    return (
        f"{count(len(held))} of {count(len(rows))} predictions ({share(len(held), len(rows))}) hold text of a "
        f"tokeniser or a program, such as {shown!r}: decode them without special tokens and score them again. "
        f"Without it, {count(right)} of them look like their truth"
    )
