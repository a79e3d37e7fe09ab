"""How close predictions are to their truths, token by token."""

from __future__ import annotations

from finetune.metrics import strings
from finetune.metrics.metric import PERCENT, Metric, percentage

EDIT_SCORE = Metric(
    name="edit_score",
    title="edit score",
    meaning="mean over the pairs of 1 − wrong tokens / tokens of the longer side",
    unit=PERCENT,
    columns=("edit",),
    value=percentage("edit"),
    of_tokens=strings.measure,
    failed=strings.all_wrong,
    order=40,
    hub_name="edit_score",
)
METRICS = (EDIT_SCORE,)
