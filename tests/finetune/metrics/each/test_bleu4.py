"""Corpus BLEU-4 on pairs small enough to compute by hand."""

from __future__ import annotations

import math

import pytest

import finetune


def bleu4(*pairs: tuple[str, str]) -> float:
    return finetune.score(pairs)["bleu4"] / 100


def test_bleu_by_hand() -> None:
    # truth a b c d e, prediction a b c d: all n-grams there match, 1 token too short
    assert bleu4(("a b c d e", "a b c d")) == pytest.approx(math.exp(1 - 5 / 4))
    # 1-grams 5/6, 2-grams 4/5, 3-grams 3/4, 4-grams 2/3; too long costs nothing more
    assert bleu4(("a b c d e", "a b c d e f")) == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    # matches are clipped: the truth has one a
    assert bleu4(("a b c d", "a b c d"), ("a", "a a a")) == pytest.approx((5 / 7 * 3 / 5 * 2 / 3 * 1 / 2) ** 0.25)


def test_bleu_counts_a_sentence_too_short_for_an_n_gram_as_one_missed() -> None:
    # sacreBLEU would say 1: x has no 2-gram. The floor of 1 that NLTK has makes it 3/4, 2/3 and 1/2.
    assert bleu4(("a b c d", "a b c d"), ("x", "x")) == pytest.approx((5 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_bleu_is_not_smoothed() -> None:
    assert bleu4(("a b c d", "a b c")) == 0
    assert bleu4(("a b c d", "")) == 0
