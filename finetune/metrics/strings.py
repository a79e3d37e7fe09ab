"""Measures (truth, prediction) token sequences, pair by pair, in numbers that can be summed. Knows nothing of LaTeX.

What the numbers are for stands in docs/metrics.md; `finetune.metrics.scoring` makes figures of their sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein, Postfix, Prefix

from rules import faults

#: Levenshtein costs a product of lengths. Beyond this one (100,000 tokens on both sides) a pair that isn't equal is
#: taken as wrong from end to end: only a model that got stuck on a truth of absurd length comes here.
MOST_CELLS = 10**10
#: Tokens that are read of one side.
MOST_TOKENS = 300_000

#: What each pair is measured in. edit: 1 − distance / longer side; match1 to match4 and there1 to there4: BLEU's
#: clipped n-gram matches and their denominators; wrong: distance in characters.
COLUMNS = (
    *("exact", "le1", "le2", "le3", "edit"),
    *(f"match{n}" for n in (1, 2, 3, 4)),
    *(f"there{n}" for n in (1, 2, 3, 4)),
    *("truth_tokens", "pred_tokens", "wrong", "characters"),
)

Numbers = NDArray[np.float64]
Pair = tuple[Sequence[str], Sequence[str]]

#: Pairs that are compared in one call of rapidfuzz.
_BATCH = 20_000
#: A vocabulary is given up for a new one when it is larger: there are 1,112,064 characters, and two sides to come.
_MOST_LETTERS = 400_000


class _Letters(dict[str, str]):
    """One character for every distinct token, so that a label is a string and rapidfuzz compares it fast."""

    def __missing__(self, token: str) -> str:
        code = len(self)
        letter = self[token] = chr(code if code < 0xD800 else code + 0x800)
        return letter


def measure(pairs: Iterable[Pair], kind: str = "", texts: Sequence[tuple[str, str]] | None = None) -> Numbers:
    """COLUMNS of every pair of token sequences, in order: an array of shape (pairs, columns).

    A pair that can't be measured is a fault (`rules.faults`), and counts as wrong from end to end. `kind` says of which
    tokens, and `texts` are the labels whose tokens these are: both are for naming the fault.
    """
    parts: list[Numbers] = []
    start = 0
    for batch in _batches(pairs):
        try:
            parts.append(_measured(*batch))
        except BaseException as error:
            faults.check_ours(error)
            parts.append(_one_by_one(*batch, f"the {kind} string metrics", texts and texts[start:]))
        start += len(batch[0])
    return np.concatenate(parts) if parts else np.zeros((0, len(COLUMNS)))


def _one_by_one(
    pairs: list[Pair], truths: list[str], predictions: list[str], part: str, texts: Sequence[tuple[str, str]] | None
) -> Numbers:
    rows = []
    for place, (pair, truth, prediction) in enumerate(zip(pairs, truths, predictions, strict=True)):
        try:
            rows.append(_measured([pair], [truth], [prediction])[0])
        except BaseException as error:
            first = texts[place] if texts else (" ".join(pair[0]), " ".join(pair[1]))
            faults.caught(" ".join(part.split()), error, first, of="pair")
            rows.append(_all_wrong(pair))
    return np.stack(rows)


def _all_wrong(pair: Pair) -> Numbers:
    """COLUMNS of a pair that has nothing in common."""
    sides = [(len(tokens), sum(map(len, tokens)) + max(len(tokens) - 1, 0)) for tokens in pair]
    (truth, characters), (prediction, others) = sides
    there = [max(prediction - size + 1, 1) for size in (1, 2, 3, 4)]
    return np.array([*[0] * 9, *there, truth, prediction, max(characters, others), characters], np.float64)


def _batches(pairs: Iterable[Pair]) -> Iterator[tuple[list[Pair], list[str], list[str]]]:
    """Pairs, and both their sides with a character for each token."""
    letters = _Letters()
    some: list[Pair] = []
    truths: list[str] = []
    predictions: list[str] = []
    for truth, prediction in pairs:
        if len(some) >= _BATCH or len(letters) > _MOST_LETTERS:
            yield some, truths, predictions
            some, truths, predictions = [], [], []
            if len(letters) > _MOST_LETTERS:
                letters = _Letters()
        some.append((truth, prediction))
        spelled = "".join([letters[token] for token in truth[:MOST_TOKENS]])
        truths.append(spelled)
        same = truth == prediction
        predictions.append(spelled if same else "".join([letters[token] for token in prediction[:MOST_TOKENS]]))
    if some:
        yield some, truths, predictions


def _measured(pairs: list[Pair], truths: list[str], predictions: list[str]) -> Numbers:
    n = len(pairs)
    a = np.fromiter(map(len, truths), np.int64, n)
    b = np.fromiter(map(len, predictions), np.int64, n)
    differ = [place for place in range(n) if truths[place] != predictions[place]]
    distances = np.zeros(n, np.int64)
    distances[differ] = _distances([truths[place] for place in differ], [predictions[place] for place in differ])
    there = np.stack([np.maximum(b - size + 1, 0) for size in (1, 2, 3, 4)], axis=1)
    matches = there.copy()  # equal sides match throughout
    matches[differ] = ngram_matches([truths[place] for place in differ], [predictions[place] for place in differ])
    characters = np.fromiter((sum(map(len, truth)) + max(len(truth) - 1, 0) for truth, _ in pairs), np.int64, n)
    wrong = np.zeros(n, np.int64)
    wrong[differ] = _distances(*([" ".join(pairs[place][side]) for place in differ] for side in (0, 1)))
    longer = np.maximum(np.maximum(a, b), 1)
    return np.column_stack(
        [
            *(distances <= most for most in (0, 1, 2, 3)),
            1 - distances / longer,
            matches,
            np.maximum(there, 1),
            a,
            b,
            wrong,
            characters,
        ]
    ).astype(np.float64)


def _distances(first: list[str], second: list[str]) -> NDArray[np.int64]:
    if not first:
        return np.zeros(0, np.int64)
    if max(map(len, first)) * max(map(len, second)) > MOST_CELLS:
        return np.array([distance(a, b) for a, b in zip(first, second, strict=True)], np.int64)
    return process.cpdist(first, second, scorer=Levenshtein.distance, dtype=np.int64)


def distance(truth: Sequence[Any], prediction: Sequence[Any]) -> int:
    """Levenshtein distance of two sequences of strings, or of two strings; the longer's length beyond MOST_CELLS."""
    if truth == prediction:
        return 0
    if len(truth) * len(prediction) > MOST_CELLS:
        return max(len(truth), len(prediction))
    return Levenshtein.distance(truth, prediction)


def ngram_matches(truths: list[str], predictions: list[str]) -> NDArray[np.int64]:
    """Clipped n-gram matches for n = 1 to 4 of strings that differ: shape (pairs, 4).

    What both sides begin and end with matches whatever stands between, so only n-grams that touch the rest are counted:
    with C the n-grams of the common ends, min(C + A, C + B) = C + min(A, B) for every n-gram's number.
    """
    out = np.zeros((len(truths), 4), np.int64)
    for place, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        before = Prefix.similarity(truth, prediction)
        behind = min(Postfix.similarity(truth, prediction), min(len(truth), len(prediction)) - before)
        for size in (1, 2, 3, 4):
            margin = size - 1
            start = max(before - margin, 0)
            one = _grams(truth[start : len(truth) - max(behind - margin, 0)], size)
            other = _grams(prediction[start : len(prediction) - max(behind - margin, 0)], size)
            ends = max(before - margin, 0) + max(behind - margin, 0)
            out[place, margin] = ends + _in_both(one, other)
    return out


def _grams(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(len(text) - size + 1)]


def _in_both(one: list[str], other: list[str]) -> int:
    shared = set(one).intersection(other)
    if not shared:
        return 0
    if len(one) + len(other) > 60:  # counting each of them anew would cost a square
        return (Counter(one) & Counter(other)).total()
    return sum(min(one.count(gram), other.count(gram)) for gram in shared)
