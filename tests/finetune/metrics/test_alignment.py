"""Layout trees, their alignment, the two scores and the confusions, on pairs small enough to check by eye."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.metrics import alignment, layout_tree
from finetune.metrics.pairs import read_pairs

TRUTH = (
    r"H' = \beta N \int d\lambda \left\{ \frac{1}{2\beta^2 N^2} \partial_\lambda \zeta^\dagger"
    r" \partial_\lambda \zeta + V(\lambda) \zeta^\dagger \zeta \right\} ."
)
BEFORE = (
    r"H^{\prime} = B N \int d \lambda \left\{ \frac{1}{2 B^2 N^2} \partial_{\lambda} \epsilon^{\dagger}"
    r" \partial_{\lambda} \epsilon + V(\lambda) \epsilon^{\dagger} \epsilon \right\}"
)


def compared(truth: str, prediction: str) -> alignment.Compared:
    (pair,) = read_pairs([(truth, prediction)]).canonical
    return alignment.compare(*(layout_tree.read(" ".join(tokens)) for tokens in pair))


def test_the_source_reports_example_is_named() -> None:
    found = compared(TRUTH, BEFORE)
    assert found.confused == {(r"\zeta", r"\epsilon"): 4, (r"\beta", "B"): 2, (".", ""): 1}
    assert not found.layout
    assert found.structure == 1
    assert found.symbols == pytest.approx(25 / 32)


def test_nodes_in_reading_order() -> None:
    nodes = layout_tree.read(r"\sqrt [ 3 ] { x } \frac { a _ { 1 } } { \text {if b} }")
    assert [(node.mark, node.path) for node in nodes] == [
        ("root", ""),
        ("index", ""),
        ("3", "index"),
        ("x", "root"),
        ("fraction", ""),
        ("a", "numerator"),
        ("subscript", "numerator"),
        ("1", "numerator/subscript"),
        (r"\text", "denominator"),
        *((letter, r"denominator/\text") for letter in "ifb"),
    ]
    assert [node.mark for node in nodes if not node.symbol] == ["root", "index", "fraction", "subscript", r"\text"]


def test_what_draws_nothing_is_no_node() -> None:
    assert layout_tree.read(
        r"\left . x \, \hspace{1em} \displaystyle \right | ~ \color {red} y { }"
    ) == layout_tree.read("x | y")


def test_what_is_coloured_is_read() -> None:
    assert layout_tree.read(
        r"\textcolor {red} { x _ { 1 } } \fcolorbox {red} {blue} { y } \red { z }"
    ) == layout_tree.read("x _ { 1 } y z")
    assert compared(r"\textcolor{red}{x}", r"\textcolor{red}{y}").symbols == 0
    assert layout_tree.read(r"x \tag* {1} \mspace { 3mu }") == layout_tree.read("x 1")


@pytest.mark.parametrize(
    ("truth", "prediction", "structure", "symbols", "errors"),
    [
        ("x^2", "x", 1 / 2, 1 / 2, {("lost", "superscript"): 1}),
        ("x", "x^2", 1 / 2, 1 / 2, {("extra", "superscript"): 1}),
        ("x_1", "x 1", 1 / 3, 1, {("lost", "subscript"): 1}),
        ("x^2", "x_3", 1 / 3, 1 / 2, {("changed", "superscript → subscript"): 1}),
        (r"\sqrt{ab}", r"\sqrt{a}b", 2 / 3, 1, {("moved", "root → line"): 1}),
        (r"\sqrt{ab^2}", r"\sqrt{a}b^2", 2 / 5, 1, {("moved", "root → line"): 1}),  # the 2 moved with its base
        (r"\frac{a}{b}", r"\frac{a}{c}", 1, 1 / 2, {}),
        (r"\hat a", r"\tilde a", 1 / 2, 1, {("changed", r"\hat → \tilde"): 1}),
        (r"\sqrt[3]{a}", r"\sqrt{a}", 2 / 3, 1 / 2, {("lost", "index"): 1}),
        (
            r"\begin{pmatrix}a&b\\c&d\end{pmatrix}",
            r"\begin{pmatrix}a&b\\c d\end{pmatrix}",
            7 / 8,
            1,
            {("lost", "new column"): 1},
        ),
        ("a", "", 0, 0, {}),
        ("a b", "c d", 1, 0, {}),
    ],
)
def test_scores_and_errors_by_hand(truth, prediction, structure, symbols, errors) -> None:
    found = compared(truth, prediction)
    assert (found.structure, found.symbols) == (pytest.approx(structure), pytest.approx(symbols))
    assert found.layout == errors


def test_a_label_that_latex_can_t_read_has_a_layout() -> None:
    found = compared(r"\frac{a}{b}", r"\frac { a } { b")
    assert (found.structure, found.symbols) == (1, 1)
    assert compared("a", r"} a } \end{matrix} {").symbols == 1


def test_a_model_that_got_stuck_is_aligned_fast_and_the_rest_is_right() -> None:
    stuck = "x ^ { 2 } " + "+ x " * 40_000
    found = compared("x ^ { 2 } + y", stuck)
    assert found.symbols < 0.001
    assert found.confused.total() == 79_999  # y became x; the other 79,998 are extra
    assert (
        alignment.compare(layout_tree.read("{ " * 5000 + "a"), layout_tree.read("a")).symbols == 0
    )  # too deep, so left out


NODES = st.lists(st.sampled_from(layout_tree.read("a b a ^ { a b } _ { a } \\frac { a } { b }")), max_size=12).map(
    tuple
)


@given(NODES, NODES)
def test_alignment_keeps_order_and_loses_nothing(one, other) -> None:
    for steps in (alignment.align(one, other), alignment._quickly(one, other)):
        assert tuple(a for a, _ in steps if a is not None) == one
        assert tuple(b for _, b in steps if b is not None) == other
        assert all(a.symbol == b.symbol for a, b in steps if a is not None and b is not None)
    found = alignment.compare(one, other)
    assert 0 <= found.structure <= 1
    assert 0 <= found.symbols <= 1
    swapped = alignment.compare(other, one)
    assert Counter({(b, a): n for (a, b), n in swapped.confused.items()}).total() == swapped.confused.total()


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "{",
                "}",
                "^",
                "_",
                r"\frac",
                r"\sqrt",
                "[",
                "]",
                "&",
                r"\\",
                r"\begin{matrix}",
                r"\end{matrix}",
                r"\left",
                r"\right",
                "(",
                r"\text",
                r"\color",
                r"\hspace",
                ".",
            ]
        ),
        max_size=25,
    )
)
def test_any_tokens_are_read(tokens) -> None:
    nodes = layout_tree.read(" ".join(tokens))
    assert len(nodes) <= 2 * len(tokens)
