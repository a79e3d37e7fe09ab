"""Which kind of error a wrong answer has: exactly one, so that the counts add up. Aligns nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finetune.metrics.alignment import Compared


class Kind(NamedTuple):
    """One kind of error: what people call it, and what it means."""

    title: str
    means: str


#: The kinds by name. An answer with errors of several kinds counts under the most frequent one; on a tie, under the
#: first of these. If the answer ran away or the label can't be read, it counts as that, whatever else is wrong.
KINDS = {
    "structure": Kind("structure", "a script, fraction, root or row is lost, added or in another place"),
    "confused": Kind("symbol confused", "a symbol is read as another"),
    "missing": Kind("symbol missing", "a symbol is left out"),
    "extra": Kind("symbol extra", "a symbol is added"),
    "other": Kind("drawn differently", "the same symbols in the same places, in another font, size or style"),
    "unread_answer": Kind(
        "answer unreadable", "it can't be read as LaTeX, although its symbols are in the right places"
    ),
    "unread_label": Kind(
        "label unreadable", "it can't be read as LaTeX, so only an answer with the same tokens is right"
    ),
    "runaway": Kind("ran away", "far longer than the truth"),
}
_NAMES = tuple(KINDS)
#: Used instead of a kind for a right answer.
RIGHT = -1


def kinds_of(
    compared: Iterable[Compared], alike: Iterable[float], runaway: Iterable[bool], read: Iterable[tuple[bool, bool]]
) -> NDArray[np.int8]:
    """The kind of every answer, as its place in KINDS; RIGHT for one that looks like its truth.

    read: whether the truth and the answer have visual keys, that is, can be read as LaTeX.
    """
    found = zip(compared, alike, runaway, read, strict=True)
    return np.array(
        [RIGHT if same else _NAMES.index(_kind(one, ran, keys)) for one, same, ran, keys in found], dtype=np.int8
    )


def _kind(one: Compared, ran_away: bool, read: tuple[bool, bool]) -> str:
    if ran_away:
        return "runaway"
    if not read[0]:
        return "unread_label"
    counts = Counter({"structure": sum(one.layout.values())})
    for (truth, prediction), number in one.confused.items():
        counts["confused" if truth and prediction else "missing" if truth else "extra"] += number
    most = max(counts.values())
    if not most:
        return "other" if read[1] else "unread_answer"
    return next(kind for kind in _NAMES if counts[kind] == most)


def counted(kinds: NDArray[np.int8]) -> dict[str, int]:
    """How many answers are wrong in each way; the sum is the number of wrong answers."""
    return {name: int((kinds == place).sum()) for place, name in enumerate(_NAMES)}


def name_of(kind: int) -> str:
    """The kind's name, "" for a right answer."""
    return "" if kind == RIGHT else _NAMES[kind]
