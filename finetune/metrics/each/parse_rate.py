"""Whether the prediction is valid LaTeX, by the reader of `rules`. Nothing is drawn."""

from __future__ import annotations

import numpy as np

from finetune.metrics.metric import PERCENT, Columns, Metric, percentage
from finetune.metrics.pairs import Pairs
from rules.latex import lexer, reader


def readable(pairs: Pairs) -> Columns:
    """`parsed`: 1 for a prediction that LaTeX reads, else 0."""
    parsed = {text: pairs.keys[text] is not None or _parses(text) for text in dict.fromkeys(pairs.predictions)}
    return {"parsed": np.fromiter((parsed[text] for text in pairs.predictions), np.float64, len(pairs))}


def _parses(label: str) -> bool:
    """Can LaTeX read a label that has no key? It can read some, since math-core knows less than LaTeX."""
    if len(label) > lexer.MAX_LENGTH:
        return False
    tokens = lexer.tokens(label)
    return bool(tokens) and not reader.read(label, tokens).fatal


METRICS = (
    Metric(
        name="parse_rate",
        title="valid LaTeX",
        meaning="share of predictions that are not empty and that are read without an error at which LaTeX would stop",
        unit=PERCENT,
        columns=("parsed",),
        value=percentage("parsed"),
        of_pairs=readable,
        yes_or_no=True,
        order=60,
        hub_name="parse_rate",
    ),
)
