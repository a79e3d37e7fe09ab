r"""Scores (truth, prediction) pairs. Reads no files and draws nothing; `predictions` reads, `cli` prints.

**Tokens.** *raw*: the string split at white space, as published scores are computed on labels with a space between
tokens (a prediction without spaces is one token). *canonical*: the canonical form that `rules` gives a label, split at
white space, so that `x^2` and `x ^ { 2 }` are the same tokens; where either side of a pair has no canonical form, the
TeX tokens of both as they stand, `\begin{name}` and `\end{name}` one token each. Below, d is the Levenshtein distance
of the two token sequences (insertion, deletion and substitution cost 1), a and b their lengths, and every figure but
`cer` is a percentage.

`exprate`      share of pairs with d = 0 (expression recognition rate, exact match). CROHME's measure.
`le1` to `le3` share of pairs with d ≤ 1, 2, 3. They include the exact ones.
`edit_score`   mean over the pairs of 1 − d / max(a, b); a pair of two empty sides scores 1.
`bleu4`        corpus BLEU-4 (Papineni et al. 2002), one reference. For n = 1 to 4 the clipped matches of all
               predictions are summed and divided by the sum of max(1, b − n + 1); the geometric mean of the four is
               multiplied by the brevity penalty exp(1 − Σa / Σb) where Σb ≤ Σa. No smoothing: a sum of matches of 0
               makes it 0. The max(1, …) for predictions shorter than n is that of NLTK's `corpus_bleu`; sacreBLEU has
               no such floor and gives a higher figure.
`cer`          character error rate, a ratio that may exceed 1: the Levenshtein distances of the characters, the tokens
               joined by single spaces, summed over the pairs and divided by the number of the truths' characters; None
               where the truths have none. Uni-MuMER's "Character Error Rate" is another measure: it divides the
               distance in tokens by the length in characters.

These are the definitions that Uni-MuMER (BFlameSwift/Uni-MuMER on GitHub, Apache-2.0) published its scores with, `cer`
apart; on its CROHME-2014 predictions they agree to the last digit printed.

`exprate_render_equal`  share of pairs that look the same in display style: their visual keys (`rules.visual_key`) are
               equal. Where either side has no key nothing is known of its look, and only a pair with the same raw
               tokens counts; two missing keys are never equal.
`parse_rate`   share of predictions that are not empty and that `rules.reader` reads without an error LaTeX would stop
               at. Says nothing of the truths.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from rapidfuzz.distance import Levenshtein

from rules import engine, lexer, reader
from rules.registry import Ruleset

#: Metrics that are there for raw and for canonical tokens.
STRING_METRICS = ("exprate", "le1", "le2", "le3", "bleu4", "edit_score", "cer")
#: Metrics that don't depend on how a label is cut into tokens.
LOOK_METRICS = ("exprate_render_equal", "parse_rate")

#: Levenshtein costs a product of lengths. Beyond this one (100,000 tokens on both sides) a pair that isn't equal is
#: taken as wrong from end to end: only a model that got stuck on a truth of absurd length comes here.
MOST_CELLS = 10**10

_NGRAMS = (1, 2, 3, 4)
_ENVIRONMENT_OR_TOKEN = re.compile(rf"\\(?:begin|end)\s*\{{[^{{}}\\]*\}}|{lexer.PATTERN}")

Tokens = list[str]


def score(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Metrics of (truth, prediction) pairs, each defined in this module's docstring.

    Gives `n`, the STRING_METRICS of the raw tokens, the LOOK_METRICS, and under `canonical` the STRING_METRICS of the
    canonical tokens. Raises ValueError for no pairs, TypeError for one that isn't two strings.
    """
    truths: list[str] = []
    predictions: list[str] = []
    for number, pair in enumerate(pairs):
        truth, prediction = pair
        if not isinstance(truth, str) or not isinstance(prediction, str):
            raise TypeError(f"pair {number}: a pair is two strings, truth and prediction, not {pair!r}")
        truths.append(truth)
        predictions.append(prediction)
    if not truths:
        raise ValueError("there are no pairs to score")
    raw = [(truth.split(), prediction.split()) for truth, prediction in zip(truths, predictions, strict=True)]
    # Without rules the engine reads every distinct label once: canonical form and key, nothing judged.
    distinct = list(dict.fromkeys(chain(truths, predictions)))
    read = engine.judge(distinct, Ruleset(())).labels
    keys = dict(zip(distinct, read["visual_key"], strict=True))
    forms = dict(zip(distinct, read["canonical"], strict=True))
    alike = sum(
        _look_alike(keys[truth], keys[prediction], tokens)
        for truth, prediction, tokens in zip(truths, predictions, raw, strict=True)
    )
    parsed = {text: key is not None or _parses(text) for text, key in keys.items()}
    n = len(truths)
    return {
        "n": n,
        **_string_metrics(raw),
        "exprate_render_equal": 100 * alike / n,
        "parse_rate": 100 * sum(parsed[prediction] for prediction in predictions) / n,
        "canonical": _string_metrics(
            [_canonical(truth, prediction, forms) for truth, prediction in zip(truths, predictions, strict=True)]
        ),
    }


def _canonical(truth: str, prediction: str, forms: Mapping[str, str | None]) -> tuple[Tokens, Tokens]:
    first, second = forms[truth], forms[prediction]
    if first is None or second is None:  # like with like: canonical spelling reorders scripts, for one
        return _tex_tokens(truth), _tex_tokens(prediction)
    return first.split(), second.split()


def _tex_tokens(label: str) -> Tokens:
    return ["".join(token.split()) or token for token in _ENVIRONMENT_OR_TOKEN.findall(label)]


def _look_alike(truth: str | None, prediction: str | None, tokens: tuple[Tokens, Tokens]) -> bool:
    if truth is None or prediction is None:
        return tokens[0] == tokens[1]
    return truth == prediction


def _parses(label: str) -> bool:
    """Is a label that has no key one that LaTeX reads all the same? Some are: math-core knows less than LaTeX."""
    if len(label) > engine.MAX_LENGTH:
        return False
    toks = lexer.tokens(label)
    return bool(toks) and not reader.read(label, toks).fatal


def _string_metrics(pairs: Sequence[tuple[Tokens, Tokens]]) -> dict[str, float | None]:
    """The STRING_METRICS of token sequences."""
    n = len(pairs)
    distances = [distance(truth, prediction) for truth, prediction in pairs]
    scores = (1 - d / (max(len(a), len(b)) or 1) for d, (a, b) in zip(distances, pairs, strict=True))
    return {
        "exprate": 100 * distances.count(0) / n,
        **{f"le{most}": 100 * sum(d <= most for d in distances) / n for most in (1, 2, 3)},
        "bleu4": 100 * bleu4(pairs),
        "edit_score": 100 * math.fsum(scores) / n,
        "cer": _cer(pairs),
    }


def distance(truth: Sequence[str], prediction: Sequence[str]) -> int:
    """Levenshtein distance of two sequences of strings, or of two strings; the longer's length beyond MOST_CELLS."""
    if truth == prediction:
        return 0
    if len(truth) * len(prediction) > MOST_CELLS:
        return max(len(truth), len(prediction))
    return Levenshtein.distance(truth, prediction)


def _cer(pairs: Sequence[tuple[Tokens, Tokens]]) -> float | None:
    wrong = characters = 0
    for truth, prediction in pairs:
        text = " ".join(truth)
        characters += len(text)
        if truth != prediction:
            wrong += distance(text, " ".join(prediction))
    return wrong / characters if characters else None


def bleu4(pairs: Sequence[tuple[Tokens, Tokens]]) -> float:
    """Corpus BLEU-4 in [0, 1] of (truth, prediction) token sequences, as the module's docstring defines it."""
    matches = dict.fromkeys(_NGRAMS, 0)
    possible = dict.fromkeys(_NGRAMS, 0)
    truth_length = prediction_length = 0
    for truth, prediction in pairs:
        truth_length += len(truth)
        prediction_length += len(prediction)
        for n in _NGRAMS:
            there = max(0, len(prediction) - n + 1)
            possible[n] += max(1, there)
            # Equal sides match throughout. Most pairs are equal, and counting n-grams is what BLEU costs.
            matches[n] += there if truth == prediction else (_ngrams(prediction, n) & _ngrams(truth, n)).total()
    if not all(matches.values()):
        return 0.0
    precision = math.exp(math.fsum(math.log(matches[n] / possible[n]) for n in _NGRAMS) / len(_NGRAMS))
    return precision * (1.0 if prediction_length > truth_length else math.exp(1 - truth_length / prediction_length))


def _ngrams(tokens: Tokens, n: int) -> Counter[Any]:
    return Counter(tokens) if n == 1 else Counter(zip(*(tokens[start:] for start in range(n)), strict=False))
