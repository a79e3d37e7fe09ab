"""How strongly a reading that differs from a label speaks against the label, rather than against the model.

The sum of the clues' weights, in nats: an estimate of the log-odds that the label is wrong, up to a constant that is
the same for a whole set. The weights are close to those of a logistic regression on damaged copies of CROHME 2014 and
the readings of two published models; `benchmarks/label_errors.py` measures what they achieve, and docs/pairs.md has the
figures. ERROR, SURE and PAIR are chosen, since neither file has such labels or scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from curate.predictions.compare import Difference

#: Same symbols, grouped differently: models rarely err this way (3 in 100 of their errors), careless normalisers do.
REGROUPED: Final = 1.0
#: One more differing place, up to four, and e times as many differing tokens: when models err, they err all over.
PLACE: Final = -0.8
TOKENS: Final = -0.5
#: e times as many tokens in the label: long ones are wrong more often.
LENGTH: Final = 0.5
#: The reading's tokens are more likely in this set than the label's, in nats per token, at most one.
ODD: Final = 1.2
#: Another model reads the same; another model reads something else, or the label.
AGREES: Final = 1.4
DISAGREES: Final = -1.7
#: The label has a finding of severity error.
ERROR: Final = 2.0
#: The model's mean log-odds for its tokens (`score`), within bounds; the lowest for what can't be a label.
SURE: Final = 0.5
_UNSUREST, _SUREST = -2.0, 6.0
#: The log-odds of the pair score, within bounds: does the picture look like the label?
PAIR: Final = -0.5
_LIKE, _UNLIKE = 2.0, -6.0


@dataclass(frozen=True)
class Clues:
    """What is known of a label and of the reading that most of those agree on that contradict it.

    regrouped: the same tokens in other groups. gain: see `Oddness.gain`. length: tokens of the label. agree, others:
    models that read this, and something else. score: mean log-probability of its tokens, None where it is unknown or
    the reading is no label. given: does any model of the set give one? pair_score: None without an image. has_error:
    has the label an error?
    """

    regrouped: bool
    difference: Difference
    gain: float
    length: int
    agree: int
    others: int
    score: float | None
    given: bool
    pair_score: float | None
    has_error: bool


def evidence(clues: Clues) -> float:
    """Log-odds that the label is wrong, up to a constant."""
    odds = REGROUPED * clues.regrouped + ERROR * clues.has_error
    odds += PLACE * min(clues.difference.places, 4) + TOKENS * math.log1p(clues.difference.tokens)
    odds += LENGTH * math.log1p(clues.length) + ODD * max(-1.0, min(1.0, clues.gain))
    odds += AGREES * (clues.agree - 1) + DISAGREES * clues.others
    if clues.given:
        odds += SURE * (_UNSUREST if clues.score is None else _log_odds(math.exp(clues.score), _UNSUREST, _SUREST))
    return odds + (0.0 if clues.pair_score is None else PAIR * _log_odds(clues.pair_score, _UNLIKE, _LIKE))


def _log_odds(chance: float, lowest: float, highest: float) -> float:
    chance = min(max(chance, 1e-9), 1 - 1e-9)
    return max(lowest, min(highest, math.log(chance / (1 - chance))))
