"""Plain calculations: what they come to, which equations are false, where two stand on one line."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from latexlike import calculations

from rules.latex import lexer
from rules.toolkit import arithmetic
from rules.toolkit.quick_arithmetic import surely_true


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


@settings(max_examples=300)
@given(calculations, calculations)
def test_the_quick_look_says_right_only_of_what_is_right(left, right):
    tokens = lexer.tokens(f"{left} = {right}")
    sides = [arithmetic.value(lexer.tokens(side)) for side in (left, right)]
    if surely_true(tokens) and None not in sides:
        assert abs(sides[0][0] - sides[1][0]) <= 1e-6 * max(1, abs(sides[0][0]))


@settings(max_examples=200)
@given(calculations)
def test_the_quick_look_sees_that_a_side_equals_its_value(side):
    exact = arithmetic.value(lexer.tokens(side))
    if exact is not None and exact[0].denominator == 1 and exact[0] >= 0 and not re.search(r"[-+sv] -", side):
        assert surely_true(lexer.tokens(f"{side} = {' '.join(str(exact[0]))}")), side


@pytest.mark.parametrize(
    ("label", "sure"),
    [
        (r"5 8 \div 5 = 1 1 \cdots 3", True),
        (r"5 8 \div 5 = 1 1 \cdots 4", False),
        ("= 3 + 4 = 7", True),
        (r"1 \frac { 1 } { 2 } = 1 . 5", True),
        (r"S = 3 \times 2 = 6", True),
        ("1 + 1 = 3 , x = 3 = 3", False),
        ("( 1 - 3 ) ^ 2 + 2 ^ { 3 } = 1 2", True),
        (r"2 0 \% = 0 . 2", True),
        ("1 ^", False),
        ("1 + 1 = 3", False),
        ("x = x", False),
        ("1 = 1 +", False),
        (r"1 \div 0 = 1", False),
        ("( 1 = 1 )", False),
    ],
)
def test_the_quick_look(label, sure):
    assert surely_true(lexer.tokens(label)) is sure
