"""Whether the prediction renders like the ground truth, by the visual key. Nothing is drawn."""

from __future__ import annotations

from finetune.metrics.metric import PERCENT, Columns, Metric, percentage
from finetune.metrics.pairs import Pairs


def looks(pairs: Pairs) -> Columns:
    """`alike`: 1 for a pair that looks the same, else 0."""
    return {"alike": pairs.alike}


RENDER_EQUAL = Metric(
    name="exprate_render_equal",
    title="renders like the ground truth",
    meaning="share of pairs with equal [visual keys](visual-key.md), the headline",
    unit=PERCENT,
    columns=("alike",),
    value=percentage("alike"),
    of_pairs=looks,
    yes_or_no=True,
    order=10,
    hub_name="exprate_render_equal",
)
METRICS = (RENDER_EQUAL,)
