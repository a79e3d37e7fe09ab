r"""Scores (truth, prediction) pairs. Reads no files and draws nothing; `predictions` reads, `cli` prints.

Every metric is defined in docs/metrics.md. Here are the numbers of each pair (`Scored`), and the figures that their
sums give (`figures`): a figure is a function of sums, so that a group, or a sample drawn for an interval, costs a sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from finetune.metrics import strings
from finetune.metrics.layout_tree import tex_tokens
from finetune.metrics.strings import MOST_CELLS, Numbers, distance
from rules import engine, faults
from rules.latex import lexer, reader
from rules.registry import Ruleset

__all__ = ["LOOK_METRICS", "MOST_CELLS", "STRING_METRICS", "Scored", "bleu4", "distance", "score", "score_pairs"]

#: Metrics that are there for raw and for canonical tokens.
STRING_METRICS = ("exprate", "le1", "le2", "le3", "bleu4", "edit_score", "cer")
#: Metrics that don't depend on how a label is cut into tokens.
LOOK_METRICS = ("exprate_render_equal", "parse_rate")

_AT = {name: place for place, name in enumerate(strings.COLUMNS)}

Tokens = list[str]


@dataclass(frozen=True)
class Scored:
    """What was measured of every pair, in the pairs' order.

    `raw` and `canonical` have the columns of `finetune.metrics.strings.COLUMNS`; `alike` (looks the same) and `parsed`
    (of the prediction) are 0 or 1; `tokens` are the canonical tokens of both sides, as docs/metrics.md defines them.
    """

    raw: Numbers
    canonical: Numbers
    alike: Numbers
    parsed: Numbers
    tokens: list[tuple[Tokens, Tokens]]


def score(pairs: Iterable[tuple[str, str]], *, workers: int = 1) -> dict[str, Any]:
    """Metrics of (truth, prediction) pairs, each defined in docs/metrics.md.

    Gives `n`, the STRING_METRICS of the raw tokens, the LOOK_METRICS, and under `canonical` the STRING_METRICS of the
    canonical tokens; percentages but for `cer`. `workers` above 1 reads labels in so many processes; the caller's
    script must then guard its entry with `if __name__ == "__main__"`. Raises ValueError for no pairs, TypeError for one
    that isn't two strings.
    """
    scored = score_pairs(pairs, workers=workers)
    n = len(scored.alike)
    return {
        "n": n,
        **as_floats(figures(scored.raw.sum(axis=0), n)),
        "exprate_render_equal": float(100 * scored.alike.sum() / n),
        "parse_rate": float(100 * scored.parsed.sum() / n),
        "canonical": as_floats(figures(scored.canonical.sum(axis=0), n)),
    }


def score_pairs(pairs: Iterable[tuple[str, str]], *, workers: int = 1) -> Scored:
    """The same pairs, one by one; see `score` for what goes in and what is raised."""
    truths: list[str] = []
    predictions: list[str] = []
    for number, (truth, prediction) in enumerate(pairs):
        if not isinstance(truth, str) or not isinstance(prediction, str):
            raise TypeError(f"pair {number}: a pair is two strings, truth and prediction, not {(truth, prediction)!r}")
        truths.append(lexer.whole(truth))
        predictions.append(lexer.whole(prediction))
    if not truths:
        raise ValueError("there are no pairs to score")
    # Without rules the engine reads every distinct label once: canonical form and key, nothing judged.
    distinct = list(dict.fromkeys(chain(truths, predictions)))
    read = engine.judge(distinct, Ruleset(()), workers=workers).labels
    keys = dict(zip(distinct, read["visual_key"], strict=True))
    forms = dict(zip(distinct, read["canonical"], strict=True))
    split = {text: text.split() for text in distinct}
    raw = [(split[truth], split[prediction]) for truth, prediction in zip(truths, predictions, strict=True)]
    tokens = list(_canonical(truths, predictions, forms, split))
    alike = (
        _look_alike(keys[truth], keys[prediction], pair)
        for truth, prediction, pair in zip(truths, predictions, raw, strict=True)
    )
    parsed = {text: keys[text] is not None or _parses_surely(text) for text in dict.fromkeys(predictions)}
    n = len(truths)
    texts = list(zip(truths, predictions, strict=True))
    return Scored(
        strings.measure(raw, "raw", texts),
        strings.measure(tokens, "canonical", texts),
        np.fromiter(alike, np.float64, n),
        np.fromiter((parsed[prediction] for prediction in predictions), np.float64, n),
        tokens,
    )


def figures(sums: Numbers, n: Any) -> dict[str, Numbers]:
    """The STRING_METRICS of sums over pairs: an array of shape (…, columns) gives arrays of shape (…); nan: undefined.

    `n`: the number of pairs, of a shape that goes with it.
    """

    def of(name: str) -> Numbers:
        return sums[..., _AT[name]]

    with np.errstate(divide="ignore", invalid="ignore"):
        matches, there = (
            np.stack([of(f"{kind}{size}") for size in (1, 2, 3, 4)], axis=-1) for kind in ("match", "there")
        )
        precision = np.exp(np.log(matches / there).mean(axis=-1))
        brevity = np.exp(np.minimum(1 - of("truth_tokens") / of("pred_tokens"), 0))
        bleu = np.where((matches > 0).all(axis=-1), precision * brevity, 0.0)
        return {
            "exprate": 100 * of("exact") / n,
            **{name: 100 * of(name) / n for name in ("le1", "le2", "le3")},
            "bleu4": 100 * bleu,
            "edit_score": 100 * of("edit") / n,
            "cer": np.where(of("characters") > 0, of("wrong") / of("characters"), np.nan),
        }


def as_floats(values: Mapping[str, Any]) -> dict[str, float | None]:
    """Figures as JSON has them: what is not defined is None."""
    return {name: None if np.isnan(value) else float(value) for name, value in values.items()}


def bleu4(pairs: Sequence[tuple[Tokens, Tokens]]) -> float:
    """Corpus BLEU-4 in [0, 1] of (truth, prediction) token sequences, as docs/metrics.md defines it."""
    return float(figures(strings.measure(pairs).sum(axis=0), len(pairs))["bleu4"]) / 100


def _canonical(
    truths: Sequence[str], predictions: Sequence[str], forms: Mapping[str, str | None], split: Mapping[str, Tokens]
) -> Iterator[tuple[Tokens, Tokens]]:
    cut: dict[str, Tokens] = {}
    as_it_stands: dict[str, Tokens] = {}
    for truth, prediction in zip(truths, predictions, strict=True):
        first, second = forms[truth], forms[prediction]
        if first is None or second is None:  # like with like: canonical spelling reorders scripts, for one
            for text in (truth, prediction):
                if text not in as_it_stands:
                    as_it_stands[text] = tex_tokens(text)
            yield as_it_stands[truth], as_it_stands[prediction]
            continue
        for form in (first, second):
            if form not in cut:
                cut[form] = split[form] if form in split else form.split()
        yield cut[first], cut[second]


def _look_alike(truth: str | None, prediction: str | None, tokens: tuple[Tokens, Tokens]) -> bool:
    if truth is None or prediction is None:
        return tokens[0] == tokens[1]
    return truth == prediction


def _parses_surely(label: str) -> bool:
    """`_parses`; False, too, where that fails."""
    try:
        return _parses(label)
    except BaseException as error:
        faults.caught("the metric parse_rate", error, label)
        return False


def _parses(label: str) -> bool:
    """Is a label that has no key one that LaTeX reads all the same? Some are: math-core knows less than LaTeX."""
    if len(label) > lexer.MAX_LENGTH:
        return False
    toks = lexer.tokens(label)
    return bool(toks) and not reader.read(label, toks).fatal
