r"""Scores (truth, prediction) pairs: `finetune.score`. Reads no files and draws nothing.

Every metric is defined in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from finetune.metrics.pair_numbers import as_floats, by_spelling, measure
from finetune.metrics.pairs import read_pairs
from rules import plugins

__all__ = ["score"]


def score(pairs: Iterable[tuple[str, str]], *, workers: int = 1) -> dict[str, Any]:
    """Metrics of (truth, prediction) pairs, each defined in docs/metrics.md.

    Returns `n` and every metric that reads only text. Metrics of tokens are for the raw tokens, and for the canonical
    tokens under `canonical`. `workers` above 1 reads labels in that many processes; the caller's script must then guard
    its entry with `if __name__ == "__main__"`. Raises ValueError for no pairs, TypeError for a pair that isn't two
    strings.
    """
    numbers = measure(read_pairs(pairs, workers=workers), "text")
    plugins.warn()
    of_text = (metric for metric in numbers.metrics if metric.reads == "text")
    plain, canonical = by_spelling(of_text, as_floats(numbers.figures()))
    return {"n": len(numbers), **plain, "canonical": canonical}
