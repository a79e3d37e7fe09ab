r"""Labels as text: real ones from every set, checked by eye, and hostile ones, which must cost nothing."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latexlike import formulas, labels

from rules.latex.plain_text import MAX_LENGTH, plain_text

#: From HME100K, CROHME, MathWriting, im2latex (raw and normalised), M²E and models' answers.
REAL = [
    (r"0 . 1 6 6 7 > \frac { 1 } { 6 } > \frac { 4 } { 2 5 }", "0.1667 > 1/6 > 4/25"),
    (r"\angle 2 = 1 8 0 ^ { \circ } - \angle 1 = 1 5 0 ^ { \circ }", "∠2 = 180° - ∠1 = 150°"),
    (r"A H = 8 - \sqrt { 3 } x", "AH = 8 - √3x"),
    (r"\tan C = \frac { D E } { C D } = \frac { 1 } { 2 }", "tan C = DE/(CD) = 1/2"),
    (r"5 8 \div 5 = 1 1 \cdots 3", "58 ÷ 5 = 11⋯3"),
    (r"2 \frac { 1 } { 2 } - 5 0 \% = 2", "2 1/2 - 50% = 2"),
    (r"\{ 7 , 7 \} = \{ 7 \}", "{7,7} = {7}"),
    (r"\frac { 3 8 \sqrt { 9 x - 3 8 } } { 9 } + C", "(38√(9x - 38))/9 + C"),
    (r"\pm v ^ 1 \pm v ^ 2 \pm v ^ 3", "±v¹ ± v² ± v³"),
    (r"\sqrt { ( \frac { \Delta x } { x } ) ^ { 2 } + ( \frac { \Delta y } { y } ) ^ { 2 } }", "√((Δx/x)² + (Δy/y)²)"),
    (r"\sin x - \sin y - \sin ( x - y )", "sin x - sin y - sin(x - y)"),
    (r"\sum \limits _ { i } k _ { i }", "∑ᵢ kᵢ"),
    (r"\log _ { 2 } x", "log₂ x"),
    (r"| 2 \Theta _ { C } |", "|2Θ_C|"),
    (r"\widehat { a } \widehat { U } | \alpha \rangle", "âÛ|α⟩"),
    (r"[ \begin{matrix} { 4 } & { 2 } \\ { 3 } & { 1 } \\ \end{matrix} ]", "[[4, 2; 3, 1]]"),
    (r"M(E)=\left(\matrix{g-Bg^{-1}B& Bg^{-1}\cr -g^{-1}B& g^{-1}}\right),\label{matrixe}",
     "M(E) = ([g - Bg⁻¹B, Bg⁻¹; -g⁻¹B, g⁻¹]),"),
    (r"R_2(y_i,y_j) = {\kappa\over 2} \left(f_{2,1}(y_i,y_j)\right)+ O(\kappa^2)",
     "R₂(yᵢ, yⱼ) = κ/2 (f_(2,1)(yᵢ, yⱼ)) + O(κ²)"),
    (r"k _ { \mathrm { i n t } } = { \frac { 4 F } { ( 2 - \sigma ) ^ { 2 } } } \ .", "kᵢₙₜ = 4F/((2 - σ)²) ."),
    (r"\Psi ( x ) = 0 ~ ~ \mathrm { f o r } ~ ~ ~ r \leq r _ { H } + h .", "Ψ(x) = 0 for r ≤ r_H + h."),
    (r"1 5 . 4 \times 4 = 6 1 . 6 \t 1 5 . 4 \n \times 4 \n 6 1 . 6", "15.4 × 4 = 61.6\n15.4\n× 4\n61.6"),
    (r"\tan(5x)=\frac{5\tan(x)}{1-10\tan^{2}(x)}", "tan(5x) = (5 tan(x))/(1 - 10 tan²(x))"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "text"), REAL)
def test_a_real_label_as_people_read_it(label: str, text: str) -> None:
    assert plain_text(label) == text


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (r"\frac12", "1/2"), (r"\frac{a}{b}^2", "(a/b)²"), (r"{x+y}^2", "(x + y)²"), (r"{a\over b}^2", "(a/b)²"),
        (r"\frac{1}{2a}", "1/(2a)"), (r"\frac{1}{\sqrt2}", "1/√2"), (r"\frac{(a+b)}{c}", "(a + b)/c"),
        (r"\sqrt[3]{x}", "∛x"), (r"\sqrt[n]{x+1}", "ⁿ√(x + 1)"), (r"x^{q+1}", "x^(q + 1)"), ("x^Q", "x^Q"),
        ("f''(x)", "f′′(x)"), (r"x^{\prime}", "x′"), (r"- 3 - - 2 = -1", "-3 - -2 = -1"),
        (r"\int _ { a } ^ { } x", "∫ₐ x"),
        (r"\binom{n}{k}", "binom(n, k)"), (r"{n \choose k}", "binom(n, k)"), (r"\mathbb{R}^{n}", "ℝⁿ"),
        (r"a \not= b \not\in c", "a ≠ b ∉ c"), (r"\overline{AB}", "overline(AB)"), (r"\vec{a}", "a\u20d7"),
        (r"\textcircled{3}", "③"), (r"x \text{ if } y-z", "x if y - z"), (r"\text{well-known}", "well-known"),
        (r"\left.x\right|_{0}", "x|₀"), (r"\overset{a}{=}", "=^(a)"), (r"\lim_{x \to 0} x", "lim_(x → 0) x"),
        (r"\begin{cases}a&x>0\\b&\text{else}\end{cases}", "{a, x > 0; b, else"),
        (r"\begin{aligned}x&=1\\y&=2\end{aligned}", "x = 1; y = 2"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1; 2)"),
        (r"\left\{\begin{array}{l}x+y=1\\x-y=2\end{array}\right.", "{x + y = 1; x - y = 2"), (r"a \\ b", "a\nb"),
        (r"\begin{tabular}{l}a b\\$c d$\end{tabular}", "a b; cd"), (r"\operatorname{rank} A", "rank A"),
        (r"\kern 3pt x \hspace{1cm}", "x"), (r"\foo x", r"\foo x"), ("x % why\ny", "xy"), (r"$$x$$", "x"),
        ("解 设 x", "解设x"), ("", ""), (" ", ""), (r"\phantom{x}", ""), ("1 , 2 3 4", "1,234"),
        ("a\x1b[31mb", "a\ufffd[31mb"),
    ],
)  # fmt: skip
def test_what_is_written_in_our_own_way(label: str, text: str) -> None:
    assert plain_text(label) == text


@pytest.mark.parametrize(
    "label",
    [
        "{" * 1900, r"\frac" * 380, "^" * 1900, "{x^" * 600, r"\begin{matrix}" * 130, r"\begin{a}{" * 180,
        r"\left(" * 300,
        "$" * 1999, r"\sqrt[" * 300, r"\text{$" * 250, "}" * 1900, "'" * 1900, "-" * 1900, "- " * 950, "&" * 1900,
        "\ufdd0" * 1900, "(" * 1900, r"\over" * 380, r"\not" * 400,
        r"\frac{" * 20, r"\frac{" * 100, r"\sqrt[" * 40, r"\multicolumn{" * 30, r"a \frac{\binom{" * 25 + "}",
        "{" * 10**6, "\\", r"\begin", r"\end{x}", "%", "\ud800",
    ],
)  # fmt: skip
def test_a_hostile_label_costs_no_time_and_raises_nothing(label: str) -> None:
    start = time.process_time()
    text = plain_text(label)
    assert time.process_time() - start < 2
    assert len(text) <= 4 * MAX_LENGTH


def test_a_label_that_can_not_be_parsed_or_is_long_is_shown_as_it_is_written() -> None:
    assert plain_text("{x^  " * 600) == f"{'{x^ ' * 600}"[: MAX_LENGTH - 1] + "…"
    assert plain_text("{x^" * 600) == "{x^" * 600


@settings(max_examples=400, deadline=None)
@given(formulas | labels | st.text("\\{}_^&$#%'[]~ \n\tabc01/,-()", max_size=40))
def test_every_label_becomes_a_text_without_marks_and_control_characters(label: str) -> None:
    text = plain_text(label)
    assert text == text.strip()
    assert not any(unicodedata.category(character) in ("Cc", "Cn") for character in text if character != "\n")
