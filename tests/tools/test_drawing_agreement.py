"""If LaTeX is installed: drawings agree with LaTeX's in the cases we correct, and a wrong drawing is found."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import drawing_agreement as agreement
import tex_drawing

pytestmark = [pytest.mark.long, pytest.mark.skipif(shutil.which("latex") is None, reason="no latex here")]

ALIKE = [
    r"\begin{array}{|c|c|} \hline a & \frac12 \\ \hline c & d \\ \hline \end{array}",
    r"\left( \begin{array}{cc|c} 1 & 0 & 2 \\ 0 & 1 & 3 \end{array} \right)",
    r"\mathop{\mathrm{Tr}}\nolimits_x A + \sum\nolimits_i^n x",
    r"\!\!\!\!I + \not\!\!D",
    r"\begin{aligned}[t] a &= b \\ c &= d \end{aligned}",
    r"\substack{a \\ b} + \sum_{\substack{i < n \\ j < m}} x",
    r"\begin{tabular}{lr} word & $x^2$ \\ \hline two & 5 \end{tabular}",
    r"\sqrt[3]{\frac{\frac{a}{b}}{c}} + \left| \frac{\frac12}{\frac34} \right\|",
    r"\underbrace{a + b}_{n} \xrightarrow{k} \overrightarrow{CD} \neq \widehat{xy} g'_2",
    r"x_{\mbox{if}} {\bf \theta x} + \dots + \ldots, f'' \boxed{y} \textcircled{1}",
    r"y\prime z + a_{b\prime} + \prime",
    r"\sideset{_a^b}{_c^d}\sum_i^n x + \sideset{}{'}\sum_{k} y + \sideset{_p}{^q}{\prod}",
    r"\vec{k}^2 + \hat f_1^{2} - \bar{\mathbf{x}}^n \tilde{\Phi}'",
    r"\not{p} + \not q + \vec\partial^2 + \not= + \not\in",
    r"\begin{tabular}{cc} \multicolumn{2}{c}{ab} \\ c & $d$ \end{tabular}",
    r"\begin{array}{ccc} x & \multicolumn{2}{r}{ab} \\ c & d & e \end{array}",
    r"\left\{ \begin{array}{l} x \\ y \\ z \\ w \end{array} \right. \binom{n}{k} \cfrac{1}{1 + \cfrac{1}{x}}",
]
APART = [
    (r"y\prime", "y'"),
    (r"\sideset{_a^b}{}\sum", r"\sideset{}{_a^b}\sum"),
    ("x^2", "x_2"),
    ("x^2", "x2"),
    ("ab", "ba"),
    (r"\frac{a}{b}", r"\frac{b}{a}"),
    (r"\sqrt{ab}", r"\sqrt{a}b"),
    (r"\overline{ab}c", r"\overline{abc}"),
    (r"\begin{array}{c|c} a & b \end{array}", r"\begin{array}{cc|} a & b \end{array}"),
    (r"\begin{array}{c} \hline a \end{array}", r"\begin{array}{c} a \end{array}"),
    (r"\sum_i^n", r"\sum\nolimits_i^n"),
    (r"\mathcal{L}", "L"),
    (r"x_{\text{if}}", r"x_{\mbox{if}}"),
    (r"\begin{matrix} a & b \\ c & d \end{matrix}", r"\begin{matrix} a & c \\ b & d \end{matrix}"),
]


@pytest.fixture(scope="module")
def signs() -> agreement.Signs:
    signs = agreement.Signs()
    signs.learn()
    return signs


def test_what_is_mended_agrees_with_latex(signs: agreement.Signs) -> None:
    drawn = tex_drawing.drawings(ALIKE)
    assert None not in drawn
    found = {
        label: agreement.difference(signs.of_tex(theirs or ()), signs.of_ours(label))
        for label, theirs in zip(ALIKE, drawn, strict=True)
    }
    assert {label: what for label, what in found.items() if what} == {}


def test_a_wrong_drawing_is_found_out(signs: agreement.Signs) -> None:
    drawn = tex_drawing.drawings([label for label, _ in APART])
    missed = [
        (label, other)
        for (label, other), theirs in zip(APART, drawn, strict=True)
        if agreement.difference(signs.of_tex(theirs or ()), signs.of_ours(other)) is None
    ]
    assert missed == []


def test_two_drawings_of_latex_are_compared() -> None:
    one, same, other, none = tex_drawing.drawings([r"\frac12", r"{1 \over 2}", "x^2", r"\nosuch"])
    assert tex_drawing.same(one, same)
    assert not tex_drawing.same(one, other)
    assert none is None
    assert not tex_drawing.same(none, none)
