"""The strategies themselves: the texts they make stay small, and so does their `repr`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import find
from hypothesis import strategies as st
from latexlike import calculations, formulas, labels, m2e_labels, shaped

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "strategy", [labels, formulas, m2e_labels, calculations], ids=["labels", "formulas", "m2e", "sums"]
)
def test_a_strategy_is_written_out_in_little(strategy: st.SearchStrategy[str]) -> None:
    # Hypothesis's shrinker writes it out at every step: with `st.recursive`, it took gigabytes.
    strategy.validate()
    assert len(repr(strategy)) < 50_000


def test_no_strategy_nests_itself() -> None:
    nested = re.compile(r"\bst\.(?:recursive|deferred)\b\(")
    assert not [path for path in TESTS.rglob("*.py") if nested.search(path.read_text(encoding="utf-8"))]


def test_shapes_take_what_was_made_before_them_or_the_filler() -> None:
    texts = shaped(st.just("a"), st.just(r"\frac{□}{□}"), filler="x", most=3)
    for wanted in ("a", "a a", r"\frac{x}{x}", r"\frac{a}{x}", r"\frac{a}{a}", r"\frac{\frac{a}{x}}{x}"):
        assert find(texts, lambda text, wanted=wanted: text == wanted) == wanted
