"""Measures (truth, prediction) token sequences, pair by pair, in numbers that can be summed. Knows nothing about LaTeX.

docs/metrics.md explains the numbers; the metrics in `finetune.metrics.each` name those that they use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein, Postfix, Prefix

from finetune.metrics.metric import TokenPair

#: The cost of the Levenshtein distance is the product of the lengths. Above this product (100,000 tokens on both
#: sides), a pair that isn't equal counts as completely wrong. Only a model that got stuck on an absurdly long truth
#: comes here.
MOST_CELLS = 10**10
#: The most tokens to read from one side.
MOST_TOKENS = 300_000

#: The lengths of the n-grams to count.
SIZES = (1, 2, 3, 4)

#: How many pairs to compare in one call of rapidfuzz.
_BATCH = 20_000
#: A vocabulary larger than this is replaced by a new one: there are 1,112,064 characters, and two more sides to read.
_MOST_LETTERS = 400_000


class _Letters(dict[str, str]):
    """Maps every distinct token to a character, so that a label is a string that rapidfuzz compares fast."""

    def __missing__(self, token: str) -> str:
        code = len(self)
        letter = self[token] = chr(code if code < 0xD800 else code + 0x800)
        return letter


def measure(pairs: Iterable[TokenPair]) -> dict[str, NDArray[Any]]:
    """Numbers for every pair of token sequences, in order: one array of shape (pairs,) per name.

    exact, le1, le2, le3: 1 if at most 0, 1, 2, 3 tokens are wrong, else 0. edit: 1 − distance / longer side. matches1
    to matches4: clipped n-gram matches; possible1 to possible4: BLEU's denominators. long: 1 if the truth has a 4-gram.
    truth_tokens, prediction_tokens. wrong_characters: the distance in characters, with tokens joined by spaces;
    characters: those of the truth.
    """
    parts = [_measured(*batch) for batch in _batches(pairs)] or [_measured([], [], [])]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def all_wrong(pairs: Iterable[TokenPair]) -> dict[str, NDArray[Any]]:
    """The numbers of `measure` for pairs, as if their sides had nothing in common."""
    sides = [(len(t), len(p), len(" ".join(t)), len(" ".join(p))) for t, p in pairs]
    truth, prediction, characters, others = np.array(sides, np.int64).reshape(-1, 4).T
    nothing = np.zeros(len(sides))
    return {
        **dict.fromkeys(("exact", "le1", "le2", "le3", "edit"), nothing),
        **{f"matches{size}": nothing for size in SIZES},
        **{f"possible{size}": np.maximum(prediction - size + 1, 1) for size in SIZES},
        "long": truth >= SIZES[-1],
        "truth_tokens": truth,
        "prediction_tokens": prediction,
        "wrong_characters": np.maximum(characters, others),
        "characters": characters,
    }


def _batches(pairs: Iterable[TokenPair]) -> Iterator[tuple[list[TokenPair], list[str], list[str]]]:
    """Pairs, and both of their sides with one character for each token."""
    letters = _Letters()
    some: list[TokenPair] = []
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


def _measured(pairs: list[TokenPair], truths: list[str], predictions: list[str]) -> dict[str, NDArray[Any]]:
    n = len(pairs)
    a = np.fromiter(map(len, truths), np.int64, n)
    b = np.fromiter(map(len, predictions), np.int64, n)
    differ = [place for place in range(n) if truths[place] != predictions[place]]
    distances = np.zeros(n, np.int64)
    distances[differ] = _distances([truths[place] for place in differ], [predictions[place] for place in differ])
    possible = np.stack([np.maximum(b - size + 1, 0) for size in SIZES], axis=1)
    matches = possible.copy()  # equal sides match completely
    matches[differ] = ngram_matches([truths[place] for place in differ], [predictions[place] for place in differ])
    characters = np.fromiter((sum(map(len, truth)) + max(len(truth) - 1, 0) for truth, _ in pairs), np.int64, n)
    wrong = np.zeros(n, np.int64)
    wrong[differ] = _distances(*([" ".join(pairs[place][side]) for place in differ] for side in (0, 1)))
    longer = np.maximum(np.maximum(a, b), 1)
    return {
        **{name: distances <= most for most, name in enumerate(("exact", "le1", "le2", "le3"))},
        "edit": 1 - distances / longer,
        **{f"matches{size}": matches[:, size - 1] for size in SIZES},
        **{f"possible{size}": np.maximum(possible[:, size - 1], 1) for size in SIZES},
        "long": a >= SIZES[-1],
        "truth_tokens": a,
        "prediction_tokens": b,
        "wrong_characters": wrong,
        "characters": characters,
    }


def _distances(first: list[str], second: list[str]) -> NDArray[np.int64]:
    if not first:
        return np.zeros(0, np.int64)
    if max(map(len, first)) * max(map(len, second)) > MOST_CELLS:
        return np.array([distance(a, b) for a, b in zip(first, second, strict=True)], np.int64)
    return process.cpdist(first, second, scorer=Levenshtein.distance, dtype=np.int64)


def distance(truth: Sequence[Any], prediction: Sequence[Any]) -> int:
    """Levenshtein distance of two sequences of strings, or of two strings; above MOST_CELLS, the longer length."""
    if truth == prediction:
        return 0
    if len(truth) * len(prediction) > MOST_CELLS:
        return max(len(truth), len(prediction))
    return Levenshtein.distance(truth, prediction)


def ngram_matches(truths: list[str], predictions: list[str]) -> NDArray[np.int64]:
    """Clipped n-gram matches for n = 1 to 4 of strings that differ: shape (pairs, 4).

    Common beginnings and ends match whatever is between them: if C counts an n-gram in these, min(C + A, C + B) = C +
    min(A, B). So only the different middle is counted, with as much of the ends as an n-gram that reaches into it
    contains.
    """
    pairs = len(truths)
    reach = SIZES[-1] - 1
    common = np.zeros(pairs, np.int64)
    rest: list[str] = [""] * (2 * pairs)
    for place, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        before = Prefix.similarity(truth, prediction)
        behind = min(Postfix.similarity(truth, prediction), min(len(truth), len(prediction)) - before)
        start, end = max(before - reach, 0), max(behind - reach, 0)
        common[place] = start + end
        rest[place], rest[pairs + place] = truth[start : len(truth) - end], prediction[start : len(prediction) - end]
    return common[:, None] + _matches_of_all(rest, pairs)


def _matches_of_all(texts: list[str], pairs: int) -> NDArray[np.int64]:
    """The same for whole strings, first the truths and then the predictions, for all pairs at once."""
    out = np.zeros((pairs, len(SIZES)), np.int64)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    letters = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32).astype(np.int64)
    text = np.repeat(np.arange(len(texts)), lengths)
    room = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(letters))  # to the end of the text
    start = np.arange(len(letters))
    gram = text % max(pairs, 1)  # a number for every n-gram of every pair; for n = 0, that of the pair
    for size in SIZES:
        within = room[start] >= size
        start, gram = start[within], gram[within]
        kinds, gram = np.unique((gram << 21) + letters[start + size - 1], return_inverse=True)
        of_truth = text[start] < pairs
        number = [np.bincount(gram[side], minlength=len(kinds)) for side in (of_truth, ~of_truth)]
        pair = np.zeros(len(kinds), np.int64)
        pair[gram] = text[start] % max(pairs, 1)
        out[:, size - 1] = np.bincount(pair, np.minimum(*number), minlength=pairs)
    return out
