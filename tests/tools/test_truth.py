"""In every rule's examples, LaTeX draws fixes and canonical forms the same as the label. `make truth` asks more."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from latexlike import formulas

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import truth

pytestmark = pytest.mark.skipif(shutil.which("latex") is None, reason="LaTeX isn't installed")

#: Rare in made-up labels, but the subject of fixes and canonical forms.
_FIXED = st.sampled_from(
    [
        *(
            r"x ^ { { a } }",
            r"{ \hat { a } } ^ 2",
            r"\frac 1 2",
            r"{ a \over b }",
            r"\sum \limits _ i",
            r"\dfrac { a } { b }",
        ),
        *(
            r"{ \rm d } x",
            r"\operatorname { sin } x",
            r"a \dots b",
            r"x ^ 2 _ i",
            r"\sin { ( x ) }",
            r"x { } y",
            r"\le { }",
        ),
        *(
            r"\begin{array}{ccc} a & b \\[2pt] c \end{array}",
            r"\left( \begin{matrix} a \end{matrix} \right)",
            r"\mbox { a }",
        ),
        *(
            r"\not = b",
            r"\stackrel { a } { = }",
            r"{ \sum } a",
            r"~ - b",
            r"\ , b",
            r"{ \bf x } ' '",
            r"{ - } 1",
            r"\tfrac 1 2",
        ),
    ]
)
_made_up = st.lists(formulas | _FIXED, min_size=1, max_size=4).map(" ".join)


def test_no_safe_fix_or_canonical_form_of_made_up_labels_changes_a_drawing() -> None:
    same = []

    # Shrinking would ask LaTeX hundreds of times, and the failing label is short enough.
    @settings(max_examples=3, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.lists(_made_up, min_size=60, max_size=60))
    def ask(labels: list[str]) -> None:
        for pairs in (truth.safe_fixes(labels), truth.canonical_forms(labels)):
            found = truth.judge(list(pairs))
            assert found.differing == []
            same.append(found.same)

    ask()
    assert sum(same) >= 60


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


def test_other_spellings_with_the_key_of_a_label_are_drawn_alike() -> None:
    found = truth.judge(list(truth.respelled(truth.examples()[::8])))
    assert found.differing == []
    assert found.same >= 80


def test_commands_and_the_same_in_braces_have_one_key_only_where_they_are_drawn_alike() -> None:
    found = truth.judge(list(truth.braced_commands())[::8])
    assert found.differing == []
    assert found.same >= 150


def test_what_keys_merge_on_purpose_is_counted_by_itself() -> None:
    found = truth.judge([("", r"x \not\in A", r"x \notin A"), ("", r"x \not\mid A", r"x \nmid A")])
    assert found.merged == 1
    assert [one for _, one, _ in found.differing] == [r"x \not\mid A"]


def test_what_was_said_is_kept_and_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "said.jsonl"
    pairs = [("", "x^2", "x^{2}"), ("", "x", "y"), ("", r"\nosuch", "x")]
    first = truth.judge(pairs, truth.Said(kept))
    assert (first.same, len(first.differing), first.unjudged) == (1, 1, 1)
    monkeypatch.setattr(truth, "_asked", lambda pairs: pytest.fail(f"asked again: {pairs}"))
    assert truth.judge(pairs, truth.Said(kept)) == first
