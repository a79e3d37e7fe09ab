"""Corpus BLEU-4: n-gram matches of all predictions together."""

from __future__ import annotations

import numpy as np

from finetune.metrics import strings
from finetune.metrics.metric import PERCENT, Metric, Numbers, Sums


def bleu(sums: Sums) -> Numbers:
    """BLEU-4 in percent, not smoothed: it is 0 if there are no matches for some n. nan if no truth has a 4-gram."""
    matches, possible = (
        np.stack([sums[f"{kind}{size}"] for size in strings.SIZES], axis=-1) for kind in ("matches", "possible")
    )
    precision = np.exp(np.log(matches / possible).mean(axis=-1))
    brevity = np.exp(np.minimum(1 - sums["truth_tokens"] / sums["prediction_tokens"], 0))
    score = 100 * np.where((matches > 0).all(axis=-1), precision * brevity, 0.0)
    return np.where(sums["long"] > 0, score, np.nan)


BLEU4 = Metric(
    name="bleu4",
    title="BLEU-4",
    meaning="corpus BLEU-4 of the tokens, one reference, not smoothed; null if no truth has four tokens",
    unit=PERCENT,
    columns=(
        *(f"matches{size}" for size in strings.SIZES),
        *(f"possible{size}" for size in strings.SIZES),
        *("long", "truth_tokens", "prediction_tokens"),
    ),
    value=bleu,
    of_tokens=strings.measure,
    failed=strings.all_wrong,
    order=30,
    hub_name="bleu",
)
METRICS = (BLEU4,)
