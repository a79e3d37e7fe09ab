"""Whether the same marks are drawn in the same places. `finetune.metrics.cdm` compares two drawings."""

from __future__ import annotations

import numpy as np

from finetune.metrics import cdm
from finetune.metrics.metric import PERCENT, Columns, Metric, percentage
from finetune.metrics.pairs import Pairs


def drawn(pairs: Pairs) -> Columns:
    """`detected`: F1 of the drawn marks, from 0 to 1; `all_detected`: 1 if that is 1. Draws pairs that look
    different.
    """
    places = np.nonzero(pairs.alike == 0)[0].tolist()
    detected = np.ones(len(pairs))
    different = [(pairs.truths[place], pairs.predictions[place]) for place in places]
    detected[places] = cdm.score_all(different, pairs.workers, pairs.progress)
    return {"detected": detected, "all_detected": detected == 1}


METRICS = (
    Metric(
        name="cdm",
        title="marks drawn in the same places (CDM)",
        meaning="mean over the pairs of the F1 of the marks that are drawn at corresponding places in both",
        unit=PERCENT,
        columns=("detected",),
        value=percentage("detected"),
        of_pairs=drawn,
        reads="drawing",
        order=70,
        hub_name="cdm",
    ),
    Metric(
        name="exprate_cdm",
        title="all marks drawn in the same places",
        meaning="share of pairs whose F1 of drawn marks is 1",
        unit=PERCENT,
        columns=("all_detected",),
        value=percentage("all_detected"),
        of_pairs=drawn,
        reads="drawing",
        yes_or_no=True,
        order=71,
    ),
)
