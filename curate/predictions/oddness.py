"""How odd a label is in its own set: the likelihood of its tokens, each given the two before it. Knows no LaTeX."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

_ORDER = 3
#: How many tokens of evidence the shorter context counts as (Bayesian smoothing with a Dirichlet prior, MacKay and
#: Peto 1995), and the likelihood of a token that the set lacks.
_PRIOR, _NEVER = 2.0, 1 / 500
_START, _END = "\0<", "\0>"


class Oddness:
    """A trigram model of labels. Each is judged by the others: its own counts are subtracted."""

    def __init__(self, labels: Iterable[Sequence[str]]) -> None:
        """labels: the tokens of each."""
        self._counts = Counter[tuple[str, ...]]()
        self._taught = set[tuple[str, ...]]()
        for tokens in labels:
            self._counts.update(_grams(tokens))
            self._taught.add(tuple(tokens))

    def gain(self, label: Sequence[str], reading: Sequence[str]) -> float:
        """How much more likely the reading's tokens are than the label's, in nats per token; below 0: less likely."""
        own = Counter(_grams(label) if tuple(label) in self._taught else ())
        return self._mean(reading, own) - self._mean(label, own)

    def _mean(self, tokens: Sequence[str], own: Counter[tuple[str, ...]]) -> float:
        padded = _padded(tokens)
        total = 0.0
        for at in range(_ORDER - 1, len(padded)):
            chance = _NEVER
            for size in range(1, _ORDER + 1):
                gram = tuple(padded[at - size + 1 : at + 1])
                context = (*gram[:-1], "")
                seen = self._counts[gram] - own[gram]
                chance = (seen + _PRIOR * chance) / (self._counts[context] - own[context] + _PRIOR)
            total += math.log(chance)
        return total / (len(padded) - _ORDER + 1)


def _padded(tokens: Sequence[str]) -> list[str]:
    return [_START] * (_ORDER - 1) + [*tokens, _END]


def _grams(tokens: Sequence[str]) -> Iterable[tuple[str, ...]]:
    """Every run of up to three tokens, and its context: the run with an empty text for its last token."""
    padded = _padded(tokens)
    for at in range(_ORDER - 1, len(padded)):
        for size in range(1, _ORDER + 1):
            gram = tuple(padded[at - size + 1 : at + 1])
            yield gram
            yield (*gram[:-1], "")
