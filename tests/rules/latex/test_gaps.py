"""Which empty groups change the space between atoms, and where the last atom begins. test_truth asks LaTeX for more."""

from __future__ import annotations

import pytest

from rules.latex import gaps


@pytest.mark.parametrize(
    ("tokens", "head", "kind"),
    [
        (r"a \rightarrow x", 2, "ord"),
        (r"\left ( a \right )", 0, "inner"),
        (r"a \left ( \left [ b \right ] \right ) ^ { 2 }", 1, "inner"),
        (r"\frac { \text {if} } { a }", 0, "ord"),
        (r"x \sum _ { i } ^ { n }", 1, "op"),
        (r"\begin{array} { c } \begin{array} { c } a \end{array} \end{array}", 0, "ord"),
        (r"= \,", 0, "rel"),
        ("= ~", 1, "ord"),
        (r"\,", -1, "start"),
        (r"\not", 0, None),
    ],
)
def test_the_last_atom(tokens: str, head: int, kind: str | None) -> None:
    assert gaps.head_of_last(tokens.split()) == head
    assert gaps.class_before(tokens.split()) == kind


@pytest.mark.parametrize(
    ("before", "after", "apart"),
    [
        ("a", "+ b", False),
        ("=", "- b", True),  # a sign becomes an operator
        ("+", "b", False),
        (r"\sum", r"\sum", True),
        (r"\sum", "a", False),
        ("V", "A", True),  # they may be kerned
        (r"\cdots", ". x", True),  # amsmath's dots look ahead
        ("a", "} b", False),
        ("=", "} b", True),  # the space after the sign matters
        ("2", "3", False),
        (",", r"\sin x", True),
    ],
)
def test_what_an_empty_group_sets_apart(before: str, after: str, apart: bool) -> None:
    assert gaps.is_set_apart(before.split(), after.split(), 0) is apart
