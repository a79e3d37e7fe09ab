"""How much of the layout, and of the symbols, is right. `finetune.metrics.alignment` aligns two layouts."""

from __future__ import annotations

import numpy as np

from finetune.metrics.metric import RATIO, Columns, Metric, mean
from finetune.metrics.pairs import Pairs


def layouts(pairs: Pairs) -> Columns:
    """`structure` and `symbols` of every pair, from 0 to 1."""
    return {
        "structure": np.array([one.structure for one in pairs.compared]),
        "symbols": np.array([one.symbols for one in pairs.compared]),
    }


METRICS = (
    Metric(
        name="structure",
        title="layout in its place",
        meaning="mean over the pairs of the share of the layout tree that is in its place, from 0 to 1",
        unit=RATIO,
        columns=("structure",),
        value=mean("structure"),
        of_pairs=layouts,
        reads="layout",
        order=80,
    ),
    Metric(
        name="symbols",
        title="symbols read right",
        meaning="mean over the pairs of the share of symbols that are read right, from 0 to 1",
        unit=RATIO,
        columns=("symbols",),
        value=mean("symbols"),
        of_pairs=layouts,
        reads="layout",
        order=81,
    ),
)
