"""Each difference from LaTeX that docs/drawing.md lists has a remark; what is drawn correctly has none."""

from __future__ import annotations

import pytest

from curate.render.remarks import remark


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (r"\mathscr L", r"\mathscr"),
        (r"\hslash", r"\hbar"),
        (r"\varnothing", r"\emptyset"),
        (r"\begin{tabular}{|c|c|} \multicolumn{2}{|c|}{ab} \\ c & d \end{tabular}", r"\multicolumn"),
        (r"\begin{tabular}{lp{3cm}} a & b \end{tabular}", "paragraphs"),
        (r"\begin{array}{c} a \\[5pt] b \end{array}", "space"),
        (r"x_{\begin{array}{c} a \end{array}}", "script"),
        (r"\l + \ae", "letters"),
    ],
)
def test_a_kind_that_differs_has_a_remark(label: str, words: str) -> None:
    assert remark(label).startswith("Unlike LaTeX: ")
    assert words in remark(label)


@pytest.mark.parametrize(
    "label",
    [
        *("x", r"\hbar \emptyset \mathcal{L}", r"\left| a \right|", r"a \\ b", r"\lambda \omega \aleph"),
        r"\begin{array}{cc} \multicolumn{2}{c}{a} \\ b & c \end{array}",
        r"\begin{array}{c|c} a & b \end{array}",
    ],
)
def test_others_have_none(label: str) -> None:
    assert remark(label) == ""


def test_two_kinds_are_one_remark() -> None:
    assert remark(r"\mathscr{L} \hslash").count("Unlike LaTeX") == 1
    assert ";" in remark(r"\mathscr{L} \hslash")
