"""Equal keys mean equal pictures: pairs that must share a key, pairs that must not, and labels without a key."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

import rules
from rules import engine
from rules.latex.commands import COMMANDS


def key(label: str) -> str | None:
    return engine.visual_key_of(label)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x^2_i", "x_i^2"),
        (r"a \le b", r"a \leq b"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"{a \over b}", r"\frac{a}{b}"),
        ("f'", r"f^{\prime}"),
        ("f''", r"f^{\prime\prime}"),
        ("f''^2", r"f^{\prime\prime2}"),
        ("{{a}}", "a"),
        ("x{}", "x"),
        (r"\in{}t", r"\in t"),
        (r"\bm{v}\in{}t", r"\bm{v}\in t"),
        (r"\to", r"\rightarrow"),
        ("a   b", "ab"),
        (r"\sum\limits_i", r"\sum_i"),
        (r"\lim\limits_x", r"\lim_x"),
        (r"\dfrac12", r"\frac12"),
        (r"\displaystyle x", "x"),
        (r"x\label{eq}", "x"),
        (r"x\nonumber", "x"),
        (r"x \,\quad", "x"),
        (r"x \\", "x"),
        ("$$x$$", "x"),
        (r"\begin{equation} x \end{equation}", "x"),
        (r"\mbox{if}", r"\text{if}"),
        (r"\hbox{if}", r"\text{if}"),
        (r"\matrix{a & b \cr}", r"\begin{matrix} a & b \end{matrix}"),
        (r"\matrix{a}", r"\begin{matrix} a \end{matrix}"),
        (r"\frac{\tfrac12}{3}", r"\frac{\frac12}{3}"),
        (r"\begin{matrix} \tfrac12 & 3 \end{matrix}", r"\begin{matrix} \frac12 & 3 \end{matrix}"),
        (r"\dfrac{\textstyle\tfrac12}{3}", r"\dfrac{\textstyle\frac12}{3}"),
        (r"(a,\dots)", r"(a,\ldots\,)"),
        (r"a,\dots", r"a,\ldots"),
        (r"\cases{1 & for $i<j$ \cr 0 & else}", r"\begin{cases} 1 & \text{for }i<j \\ 0 & \text{else} \end{cases}"),
        (r"\cases{1 & x_1 \cr}", r"\begin{cases} 1 & x_1 \end{cases}"),
        (r"\begin{array}{c} a \\ \end{array}", r"\begin{array}{c} a \end{array}"),
        (r"\sum_{\substack{a \\ b}}", r"\sum _ { \substack { a \\ b } }"),
        (r"\root 3 \of x", r"\sqrt[3]{x}"),
        (r"\buildrel a \over =", r"\overset{a}{=}"),
        (r"\stackrel{a}{\to}", r"\overset{a}{\to}"),
        (r"a \space b", "a b"),
        (r"a{}\,= b", r"a\,= b"),
        (r"\operatorname{lim}\limits_x", r"\operatorname{lim}_x"),
        (r"x\not\in A", r"x\notin A"),
        (r"\text{a  b}", r"\text{a b}"),
        ("a % b", "a"),
        (r"x\sp2\sb1", "x^2_1"),
        (r"x_\relax y", "x_y"),
        (r"x^\dag", r"x^{\dagger}"),
        (r"a \ddag b", r"a {\ddagger} b"),
        (r"\Box", r"\square"),
        (r"n\relax_S", "n_S"),
        (r"n\empty_S", "n_S"),
        (r"x ~ \label{a}", "x"),
        (r"\root a \over b \, \of x \quad", r"\root a \over b \, \of x"),
        ("X^{+~}", "X ^ { + ~ }"),
        (r"\text{{a} {b}}", r"\text{a b}"),
        (r"\int\limits x", r"\int x"),
        *(
            (rf"x \dots {sign} y", rf"x \ldots {sign} y")
            for sign in (r"\neq", r"\notin", r"\cong", r"\lim", r"\uparrow")
        ),
        *((rf"x \dots {sign} y", rf"x \cdots {sign} y") for sign in (r"\leq", r"\rightarrow", ":", r"\cup")),
        (r"\text{a~b,~c}", r"\text{a b, c}"),
        (r"\text{A.~B}", r"\text{A. B}"),  # the full stop of an abbreviation
        (r"\text{a.~b}", r"\text{a.\ b}"),
        (r"\text{a.\space b}", r"\text{a. b}"),
        (r"\textcircled{ 1 }", r"\textcircled {  1 }"),
    ],
)
def test_labels_that_look_the_same(one, other):
    assert key(one) is not None
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"a \\ b", "a b"),
        (r"a \newline b", "a b"),
        (r"\hslash", r"\hbar"),
        (r"a \coloneq b", r"a \coloneqq b"),
        (r"x_{12}", "x_12"),
        (r"{\frac{a}{b} \rm \over c d}", r"{\frac{a}{b} \over c d}"),
        (r"{x^2}^3", "x^{23}"),
        (r"\int\limits_a", r"\int_a"),
        (r"\frac{\sum\limits_i}{2}", r"\frac{\sum_i}{2}"),
        (r"\sin\limits_x", r"\sin_x"),
        (r"\frac{\dfrac12}{3}", r"\frac{\frac12}{3}"),
        (r"\begin{pmatrix} x \end{pmatrix}", "x"),
        (r"\begin{matrix} x \end{matrix}", "x"),
        (r"x^{\tfrac12}", r"x^{\frac12}"),
        (r"\sqrt{\tfrac12}", r"\sqrt{\frac12}"),
        (r"\frac{\frac{\tfrac12}{3}}{4}", r"\frac{\frac{\frac12}{3}}{4}"),
        (r"\left\{ a , \dots \right\}", r"\left\{ a , \ldots \right\}"),
        (r"\begin{matrix} \dots & a \end{matrix}", r"\begin{matrix} \ldots & a \end{matrix}"),
        (r"\begin{array}{c|c} a & b \end{array}", r"\begin{array}{cc} a & b \end{array}"),
        (r"\begin{array}{l} a \\ bbb \end{array}", r"\begin{array}{r} a \\ bbb \end{array}"),
        (r"\textcircled{1}", r"\boxed{1}"),
        (r"\textcircled{1}", "1"),
        (r"\textcircled{1}", r"\textcircled{ 1 }"),
        (r"\textcircled{1 0}", r"\textcircled{10}"),
        *((rf"\text{{a{stop}~b}}", rf"\text{{a{stop} b}}") for stop in (".", "?", "!", ":", ".)", ".''", "?{}")),
        (r"\text{a.\ b}", r"\text{a. b}"),
        (r"\text{a.~}b", r"\text{a. }b"),
        (r"\text{a.~~b}", r"\text{a.~ b}"),
        (r"\text{a.~{}~b}", r"\text{a.~{} b}"),
        (r"\textbf{a.~b}", r"\textbf{a. b}"),
        (r"\mbox{a.~b}", r"\mbox{a. b}"),
        (r"\lim {\rm ]}", r"\lim ]"),
        *(
            (rf"x \dots {sign} y", rf"x \cdots {sign} y")
            for sign in (r"\neq", r"\ne", r"\notin", r"\cong", r"\downarrow")
        ),
        (r"\lim {\bf \rm ]}", r"\lim ]"),
        (r"\int {\bf (}x", r"\int (x"),
        (r"\sum_{\substack{a \\ b}}", r"\sum_{ab}"),
        (r"\sum_{\substack{a \\ b}}", r"\sum_{\begin{matrix} a \\ b \end{matrix}}"),
        (r"a \, b", "a b"),
        (r"a \mbox{ } b", "a b"),
        (r"\text{a b}", r"\text{ab}"),
        (r"\text{ a}", r"\text{a}"),
        (r"\mathrm{d}", "d"),
        (r"\phi", r"\varphi"),
        (r"\in{}t", r"\int"),
        (r"\begin{matrix} \in{}t \end{matrix}", r"\begin{matrix} \int \end{matrix}"),
        ("解", "x"),
        (r"\sqrt[3]{x}", r"\sqrt{x}"),
        (r"a+\dots+b", r"a+\ldots+b"),
        (r"a \dag b", r"a \dagger b"),
        (r"\text{A{V}}", r"\text{AV}"),
        (r"\text{f{}i}", r"\text{fi}"),
        (r"a \over b \,", r"a \over b"),
        (r"{\ } \lim x", r"\ \lim x"),
        (r"+ {\hspace{1em}}", "+"),
        (r"\begin{matrix} a \\ \\ \end{matrix}", r"\begin{matrix} a \\ \end{matrix}"),
    ],
)
def test_labels_that_look_different(one, other):
    assert key(one) is not None
    assert key(other) is not None
    assert key(one) != key(other)


@pytest.mark.parametrize("where", ["x_%s", "x^%s", r"\hat%s", r"\sqrt%s", r"\frac%s2", r"\overline%s", r"\mathbf%s"])
def test_a_symbol_without_braces_is_one_with(where):
    # \newline, \relax and \space are not symbols.
    names = [c.name for c in COMMANDS.values() if c.latex and not c.args and c.name.isalpha()]
    symbols = [*(f"\\{name} " for name in names if name not in ("newline", "relax", "space")), *"=<>:;,.!?()[]|/+-*"]
    pairs = zip(*(rules.visual_key([where % form % s for s in symbols]) for form in ("%s", "{%s}")), strict=True)
    both = {symbol: pair for symbol, pair in zip(symbols, pairs, strict=True) if None not in pair}
    assert len(both) > 300
    assert [symbol for symbol, (bare, braced) in both.items() if bare != braced] == []


@pytest.mark.parametrize("label", ["", r"\frac{a", "a^", "x^^2", r"\foobar", "a & b", r"\def\x{y} \x \left("])
def test_labels_without_a_key(label):
    assert key(label) is None


def test_a_key_is_24_hexadecimal_digits():
    found = key("x")
    assert found is not None
    assert len(found) == 24
    assert set(found) <= set("0123456789abcdef")


def test_visual_key_of_many_labels_keeps_their_order_and_repeats():
    keys = rules.visual_key(["x", "a^", r"\le", "x", r"\leq"]).to_list()
    assert keys[0] == keys[3] != keys[2] == keys[4]
    assert keys[1] is None


def test_single_symbols_have_keys_of_their_own():
    keys = [key(symbol) for symbol in [*"abcxyz0123", r"\alpha", r"\beta", r"\infty", r"\cdot", r"\times", "解"]]
    assert None not in keys
    assert all(one != other for one, other in itertools.combinations(keys, 2))


@pytest.mark.parametrize(
    "bracket", ["(", "[", r"\{", r"\langle", r"\lfloor", "( a ]  [", "( { ) }", "( x ^ { ) }", r"( \big)", r"( a \\"]
)
def test_brackets_left_open_cost_no_time(bracket):
    """Each one doubles math-core's time. Without a limit, one runaway label would hang the whole audit."""
    label = f"{bracket} " * 400
    script = f"import rules; print(rules.visual_key([{label!r}])[0])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "None"


def test_many_brackets_that_close_have_a_key():
    assert rules.visual_key(["( a ) [ b ] " * 200, "( " * 40 + ") " * 40]).null_count() == 0


@pytest.mark.parametrize("name", [r"\gg", r"\Delta", r"\ldots", r"\operatorname*{lim}_x y"])
def test_a_star_behind_a_command_is_a_symbol(name: str):
    assert key(f"a {name}*b") == key(f"a {name} * b") is not None
    assert key(r"\operatorname*{lim}_x") == key(r"\operatorname *{lim}_x") != key(r"\operatorname{lim}_x")


@pytest.mark.parametrize("call", [rules.visual_key, lambda text: rules.fix(text)["fixed"]])
def test_a_string_is_one_label(call):
    assert call(r"x \le 1").to_list() == call([r"x \le 1"]).to_list()
    assert len(call("")) == 1


def test_a_string_is_one_label_to_check():
    assert rules.check(r"\frac{a").equals(rules.check([r"\frac{a"]))
