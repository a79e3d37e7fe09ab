"""What fixes and canonical forms call the same, LaTeX draws alike, in every rule's examples. `make truth` asks more."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import truth

pytestmark = pytest.mark.skipif(shutil.which("latex") is None, reason="LaTeX isn't installed")

#: An empty group between two operators makes the second one binary; the canonical form leaves it out.
KNOWN = {r"a + { } - b"}


def test_safe_fixes_of_the_rules_examples_change_no_drawing() -> None:
    found = truth.judge(list(truth.safe_fixes(truth.examples())))
    assert found.differing == []
    assert found.same >= 80


def test_canonical_forms_of_the_rules_examples_are_drawn_alike() -> None:
    found = truth.judge(list(truth.canonical_forms(truth.examples())))
    assert {one for _, one, _ in found.differing} == KNOWN
    assert found.same >= 180


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
