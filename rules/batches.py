"""Cuts labels into batches by cost, which depends on the number of characters, not of labels. Does no work.

Judging takes about 30 µs for a short label and 1 to 3 µs for each further character. A batch costs about 60 ms in
addition, because polars compiles the regular expressions of all sieves for each.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeVar

Text = TypeVar("Text", bound=str)

#: The cost of a label besides its characters, in characters.
LABEL = 20
#: The greatest cost of a batch, in characters: at worst half a gigabyte, and one step of the progress bar.
LARGE = 2_000_000
#: Above this, two batches per process balance better than one.
SMALL = 500_000
#: Below this, starting processes costs more than it saves.
MIN_PARALLEL = 600_000


def cut(labels: Sequence[Text], workers: int) -> tuple[list[Sequence[Text]], int]:
    """The batches, in order and of about equal cost, and how many of the `workers` are worth using."""
    ends = list(accumulate(LABEL + len(label) for label in labels))
    total = ends[-1] if ends else 0
    if total < MIN_PARALLEL:
        workers = 1
    each = -(-total // (workers * LARGE))
    if workers > 1 and each == 1 and total >= 2 * SMALL * workers:
        each = 2
    number = each * workers
    places = [0, *(bisect_left(ends, total * part // number) + 1 for part in range(1, number + 1))]
    return [labels[start:end] for start, end in pairwise(places) if start < min(end, len(labels))], workers
