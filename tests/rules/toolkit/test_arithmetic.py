"""Plain calculations: their results, which equations are false, and when two are on one line."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from latexlike import calculations

from rules.latex import lexer
from rules.toolkit import arithmetic


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("1 2 + 3", 15),
        ("2 + 3 \\times 4", 14),
        ("( 2 + 3 ) \\times 4", 20),
        ("- 3 - - 2", -1),
        ("2 \\frac { 1 } { 2 }", Fraction(5, 2)),
        ("\\frac 1 2", Fraction(1, 2)),
        ("5 0 \\%", Fraction(1, 2)),
        ("2 ^ { 3 } ^ 2", None),
        ("2^{10}", 1024),
        ("0 . 1 2 5", Fraction(1, 8)),
        ("3 \\div 0", None),
        ("x + 1", None),
        ("0 5", None),
        ("", None),
        ("( 1", None),
        ("9 ^ { 9 9 }", None),
    ],
)
def test_value(label, value):
    found = arithmetic.value(lexer.tokens(label))
    assert (None if found is None else found[0]) == value


@pytest.mark.parametrize(
    ("label", "false"),
    [
        ("1 + 1 = 3", [("2", "3")]),
        ("1 + 1 = 2 = 1 + 2", [("2", "3")]),
        ("5 8 \\div 5 = 1 1 \\cdots 3", []),
        ("5 8 \\div 5 = 1 1 \\cdots 4", [("58 / 5", "11 remainder 4")]),
        ("1 0 \\div 3 = 3 . 3 3", []),
        ("2 \\div 3 = 0 . 6 7", []),
        ("2 \\div 3 = 0 . 7 1", [("2/3", "0.71")]),
        ("3 = 4", []),
        ("= 3 + 4 = 7", []),
        ("= 3 + 4 = 8", [("7", "8")]),
        (r"1 \frac { 1 } { 2 } = 1 . 5", []),
        (r"S = 3 \times 2 = 6", []),
        (r"S = 3 \times 2 = 7", [("6", "7")]),
        ("( 1 - 3 ) ^ 2 + 2 ^ { 3 } = 1 2", []),
        (r"2 0 \% = 0 . 2", []),
        (r"1 \div 0 = 1", []),
        ("1 = 1 +", []),
        # At this size, floating-point numbers can't hold a difference of 1.
        (
            "1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 + 1 = 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
            [("10000000000000001", "10000000000000000")],
        ),
        ("1 : 2 = 2 : 4", []),
        ("6 : 4 : 2 = 3 : 2 : 1", []),
        ("1 8 + 1 2 = 3 0 3 0 \\div 2 = 1 5", []),
        ("1 8 + 1 2 = 3 0 3 0 \\div 2 = 1 6", [("15", "16")]),
    ],
)
def test_false_equations(label, false):
    tokens = lexer.tokens(label)
    found = [(left, right) for _, _, left, right in arithmetic.false_equations(tokens)]
    assert found == false


def test_glued_equations_name_where_the_second_begins():
    tokens = lexer.tokens("1 8 + 1 2 = 3 0 3 0 \\div 2 = 1 5")
    assert list(arithmetic.glued_equations(tokens)) == [(8, "30")]
    assert not list(arithmetic.glued_equations(lexer.tokens("1 8 + 1 2 = 3 0 3")))


def test_deep_nesting_is_no_calculation():
    assert arithmetic.value(["("] * 119 + ["1"]) is None


@settings(max_examples=200)
@given(calculations)
def test_no_calculation_is_false_that_equals_its_exact_value(side):
    exact = arithmetic.value(lexer.tokens(side))
    if exact is not None and exact[0].denominator == 1 and exact[0] >= 0:
        number = " ".join(str(exact[0]))
        assert not list(arithmetic.false_equations(lexer.tokens(f"{side} = {number}")))
        if exact[1]:
            assert list(arithmetic.false_equations(lexer.tokens(f"{side} = {number} + 1")))
            assert arithmetic.all_true(lexer.tokens(f"{side} = {number}"))
