"""The character error rate of all pairs together."""

from __future__ import annotations

import numpy as np

from finetune.metrics import strings
from finetune.metrics.metric import RATIO, Metric, Numbers, Sums


def error_rate(sums: Sums) -> Numbers:
    """Wrong characters per character of the truths; nan if these have none."""
    return np.where(sums["characters"] > 0, sums["wrong_characters"] / sums["characters"], np.nan)


METRICS = (
    Metric(
        name="cer",
        title="character error rate",
        meaning="wrong characters per character of the truths; may exceed 1; null if these have none",
        unit=RATIO,
        columns=("wrong_characters", "characters"),
        value=error_rate,
        of_tokens=strings.measure,
        failed=strings.all_wrong,
        higher_is_better=False,
        order=50,
        hub_name="cer",
    ),
)
