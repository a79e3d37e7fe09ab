"""The canonical form that the engine gives: proven to draw the same, stable, and null with a finding where it isn't."""

from __future__ import annotations

import pytest

import rules
from rules import engine


def judged(label: str) -> dict[str, object]:
    return engine.judge([label]).labels.row(0, named=True)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("x^2", "x ^ { 2 }"),
        (r"\frac12", r"\frac { 1 } { 2 }"),
        (r"{\rm d}x", None),
        (r"a \mbox{ } b", r"a \mbox { } b"),
        (r"a \le b \,", r"a \leq b"),
        (r"\left( a \right)", r"\left ( a \right )"),
        (r"\begin{array}{c c} a & b \\ \end{array}", r"\begin{array} { c c } a & b \end{array}"),
    ],
)
def test_canonical_form(label, expected):
    canonical = judged(label)["canonical"]
    if expected is None:
        assert canonical is not None
    else:
        assert canonical == expected


@pytest.mark.parametrize(
    "label",
    [
        "x^2",
        r"{a \over b}",
        "f''",
        r"\sum\limits_{i}^n",
        r"\text{ a b}",
        r"\pmatrix{a&b\cr c&d}",
        r"\matrix{ }",
        "a % b",
    ],
)
def test_it_has_the_same_key_and_is_its_own_canonical_form(label):
    first = judged(label)
    assert first["canonical"] is not None
    second = judged(str(first["canonical"]))
    assert second["canonical"] == first["canonical"]
    assert second["visual_key"] == first["visual_key"]


@pytest.mark.parametrize("label", [r"\frac{a", r"\def\x{y}\x", "a & b"])
def test_where_there_is_none_a_finding_says_why(label):
    assert judged(label)["canonical"] is None
    found = rules.check([label], include=["CAN101"])
    assert found.height == 1
    assert found["message"][0].startswith("no canonical form: ")
