"""What fixes and canonical forms call the same, LaTeX draws alike, in every rule's examples. `make truth` asks more."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import truth

pytestmark = pytest.mark.skipif(shutil.which("latex") is None, reason="LaTeX isn't installed")


def test_safe_fixes_of_the_rules_examples_change_no_drawing() -> None:
    found = truth.judge(list(truth.safe_fixes(truth.examples())))
    assert found.differing == []
    assert found.same >= 80


def test_canonical_forms_of_the_rules_examples_are_drawn_alike() -> None:
    found = truth.judge(list(truth.canonical_forms(truth.examples())))
    assert found.differing == []
    assert found.same >= 180


def test_canonical_forms_keep_what_only_latex_tells_apart() -> None:
    labels = [
        *(r"\sum \ ,", r"a - \ ( b", r"a \space b", r"\sum ~ ,", r"\left( \frac12 \ \right)"),
        *(r"a + {} - b", r"\int{}a", r"\cdots{}.", r"a{\sum_i}b", r"{\sin}x", r"{\cdots}a", r"a{\left(b\right)}c"),
        *(r"x_{\mbox{a}}", r"x_{\hbox{a}}", r"\frac{\hbox{a}}{b}", r"x_{\textrm{a}}", r"\frac{\frac{\mbox{a}}2}3"),
        *(r"\hat{\vec{\cal N}}", r"\bar{\tilde{\cal H}}^2", r"{\dot{\bar z}}^b", r"{\dot z}^b"),
        *(r"(a,\dots)", r"\begin{matrix}\dots&\dots\\a\end{matrix}", r"a,\dots", r"\dots\bigr)", r"\dots\sin"),
        *(r"\sqrt{\tfrac12}", r"x^{\tfrac12}", r"\begin{matrix}x\end{matrix}", r"\matrix{x\cr}"),
    ]
    found = truth.judge(list(truth.canonical_forms(labels)))
    assert found.differing == []
    assert found.unjudged <= 1  # `\matrix`


def test_equal_keys_are_drawn_alike_in_small_fractions_dots_and_cells() -> None:
    labels = [
        *(r"x^{\tfrac{1}{2}}", r"x^{\frac{1}{2}}", r"\sqrt{\tfrac{1}{2}}", r"\sqrt{\frac{1}{2}}"),
        *(r"\frac{\tfrac{1}{2}}{3}", r"\frac{\frac{1}{2}}{3}", r"\begin{matrix} x \end{matrix}", "x"),
        *(r"( a , \dots )", r"( a , \ldots )", r"( a , \ldots \, )", r"a , \dots", r"a , \ldots"),
    ]
    found = truth.judge(list(truth.equal_keys(labels)))
    assert found.differing == []
    assert found.same == 3


def test_what_stands_in_a_fraction_set_in_display_style_is_in_text_style() -> None:
    labels = [
        r"\dfrac{\dfrac{a}{b}}{c}",
        r"\cfrac{1}{\dfrac{a}{b}}",
        r"\dfrac{\sum\limits_i x}{2}",
        r"\dfrac{\tfrac{a}{b}}{c}",
    ]
    assert truth.judge(list(truth.safe_fixes(labels))).differing == []
    assert truth.judge(list(truth.canonical_forms(labels))).differing == []


def test_the_judge_tells_drawings_apart() -> None:
    pairs = [
        ("", r"x \begin{array}{c} a \end{array}", r"x \begin{matrix} a \end{matrix}"),
        ("", r"( \dots )", r"( \ldots )"),
    ]
    assert [kind for kind, _, _ in truth.judge(pairs).differing] == ["other", "dots"]
    assert truth.judge([("", r"a \\ b", "a b")]).differing
    assert truth.judge([("", r"x \label{a}", "x"), ("", "$x^2$", "x ^ { 2 }"), ("", "解 = x", "解=x")]).same == 3
    assert truth.judge([("", r"\frac{a", "x")]).unjudged == 1
