"""Corpus BLEU-4 on pairs small enough to compute by hand."""

from __future__ import annotations

import math

import pytest

import finetune
from curate.predictions.rows import Prediction
from finetune.metrics.evaluation import as_metrics, evaluate
from finetune.metrics.summary import as_text


def bleu4(*pairs: tuple[str, str]) -> float:
    return finetune.score(pairs)["bleu4"] / 100


def test_bleu_by_hand() -> None:
    # truth a b c d e, prediction a b c d: every n-gram matches, 1 token too short
    assert bleu4(("a b c d e", "a b c d")) == pytest.approx(math.exp(1 - 5 / 4))
    # 1-grams 5/6, 2-grams 4/5, 3-grams 3/4, 4-grams 2/3; a long answer has no further penalty
    assert bleu4(("a b c d e", "a b c d e f")) == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    # matches are clipped: the truth has one a
    assert bleu4(("a b c d", "a b c d"), ("a", "a a a")) == pytest.approx((5 / 7 * 3 / 5 * 2 / 3 * 1 / 2) ** 0.25)


def test_bleu_counts_a_sentence_too_short_for_an_n_gram_as_one_missed() -> None:
    # sacreBLEU would say 1, as x has no 2-gram. NLTK's floor of 1 makes it 3/4, 2/3 and 1/2.
    assert bleu4(("a b c d", "a b c d"), ("x", "x")) == pytest.approx((5 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_bleu_is_not_smoothed() -> None:
    assert bleu4(("a b c d", "a b c")) == 0
    assert bleu4(("a b c d", "")) == 0


def test_bleu_of_labels_without_a_4_gram_is_undefined() -> None:
    """Here sacreBLEU 2.6 says 0, and NLTK 3.10 a number like 1e-77. Both say the same for wrong answers."""
    scores = finetune.score([("a b c", "a b c"), ("x", "x")])
    assert (scores["bleu4"], scores["canonical"]["bleu4"], scores["exprate"]) == (None, None, 100)
    # One label with a 4-gram is enough. Both libraries give these numbers, with or without NLTK's floor.
    assert bleu4(("a b c d", "a b c d"), ("x", "x")) == pytest.approx(0.7071067811865476)  # nltk's corpus_bleu
    assert bleu4(("a b c d", "a b c")) == 0  # the answer is too short, so it is wrong


def test_short_labels_are_counted_and_said() -> None:
    rows = [Prediction("1", "a b c", "a b c"), Prediction("2", "x", "x"), Prediction("3", "a b c d", "a b c d")]
    all_short, some = (as_metrics(evaluate(some)) for some in (rows[:2], rows))
    assert all_short["short"] == {"raw": 2, "canonical": 2}
    assert "bleu4: 2 ground truths have fewer than four tokens. If all are that short, it is undefined" in as_text(
        all_short, 120
    )
    (line,) = [line for line in as_text(all_short, 120).splitlines() if line.startswith("bleu4  ")]
    assert set(line.split()[1:]) == {"–", "BLEU-4"}
    assert "Each counts as one missed 4-gram, as in NLTK" in as_text(some, 120)
    assert "fewer than four" not in as_text(as_metrics(evaluate(rows[2:])), 120)
