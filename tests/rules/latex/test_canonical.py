"""The engine's canonical form: proven to draw the same, stable, and null with a finding if it isn't."""

from __future__ import annotations

from pathlib import Path

import pytest
from latexlike import touching

import rules
from rules import engine
from rules.latex.commands import COMMANDS
from rules.latex.synonyms import SYNONYMS, prefer


def judged(label: str) -> dict[str, object]:
    return engine.judge([label]).labels.row(0, named=True)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("x^2", "x ^ { 2 }"),
        ("x^2_i", "x _ { i } ^ { 2 }"),
        (r"\frac12", r"\frac { 1 } { 2 }"),
        (r"a \mbox{ } b", r"a \text { } b"),
        (r"a \le b \,", r"a \leq b"),
        (r"a\ b\space c~d", r"a \ b c ~ d"),
        (r"\buildrel a \over =", r"\overset { a } { = }"),
        (r"\buildrel a \over {bc}", r"\stackrel { a } { b c }"),
        (r"\buildrel a \over b", r"\stackrel { a } { { } b }"),
        (r"a \text b", r"a \text {b}"),
        (r"a \not= b", r"a \neq b"),
        (r"\int\nolimits_0 \sin\nolimits^2", r"\int _ { 0 } \sin ^ { 2 }"),
        (r"\lim_{a}\limits b", r"\lim _ { a } b"),
        (r"\begin{array}{c} a \\ * b \\* c \end{array}", r"\begin{array} { c } a \\ * b \\ c \end{array}"),
        # sizes of fractions: left out if they are the usual ones
        (r"\dfrac{\dfrac12}{3}", r"\frac { \dfrac { 1 } { 2 } } { 3 }"),
        (r"\dbinom ab + \textstyle \tfrac12", r"\binom { a } { b } + \textstyle \frac { 1 } { 2 }"),
        (r"\dfrac12 \over 3", r"\frac { \dfrac { 1 } { 2 } } { 3 }"),
        (r"{3 \over \tfrac12}", r"\frac { 3 } { \tfrac { 1 } { 2 } }"),
        (r"{\frac12 \atop 3}", r"\frac { 1 } { 2 } \atop 3"),
        (r"\frac{{1 \atop 2}}{3}", r"\frac { { 1 \atop 2 } } { 3 }"),
        # nothing at all
        (r"\quad", "{ }"),
        (r"{\,}", "{ }"),
        (r"x {\,}", "x"),
        # \dag, in braces only if the space around an operator would show
        (r"a^{b\dag} = \dag c \dag d", r"a ^ { b \dagger } = \dagger c { \dagger } d"),
        (r"\operatorname{lim}\limits_x", r"\operatorname { l i m } _ { x }"),
        (r"a \\[4pt] b", r"a \\[4pt] b"),
        (r"\begin{tabular}[t]{l} a \end{tabular}", r"\begin{tabular} [t] {l} a \end{tabular}"),
        (r"a \  b", r"a \ b"),
        (r"\sum\ ,", r"\sum \ ,"),
        (r"\left( a \right)", r"\left ( a \right )"),
        # fonts: a switch that comes first and alone in its group
        (r"{\rm d}x", r"\mathrm { d } x"),
        (r"x_{\rm eff}", r"x _ { \mathrm { e f f } }"),
        (r"{a \bf b}", r"{ a \bf b }"),
        (r"{\rm a \over b}", r"\mathrm { \frac { a } { b } }"),
        (r"{{\rm a} \over b}", r"\frac { \mathrm { a } } { b }"),
        # dots: decided by what follows
        (r"1,\dots,n", r"1 , \ldots , n"),
        (r"1+\dots+n", r"1 + \cdots + n"),
        (r"(1,\dots)", r"( 1 , \dots )"),
        (r"\begin{matrix}\dots&\dots\end{matrix}", r"\begin{matrix} \dots & \ldots \end{matrix}"),
        # named functions
        (r"\operatorname{sin}x", r"\sin x"),
        (r"\operatorname*{lim}_x", r"\lim _ { x }"),
        (r"\operatorname{lim}_x", r"\operatorname { l i m } _ { x }"),
        (r"\operatorname{foo}x", r"\operatorname { f o o } x"),
        (r"\det{(a)}", r"\det { ( a ) }"),
        # boxes: in scripts, text gets smaller and boxes don't
        (r"x_{\mbox{a}}+\frac{\hbox{b}}{2}", r"x _ { \mbox {a} } + \frac { \text {b} } { 2 }"),
        (r"x_{\hbox{a}}", r"x _ { \mbox {a} }"),
        # environments
        (r"\begin{array}{c c} a & b \\ \end{array}", r"\begin{array} { c c } a & b \end{array}"),
        (r"\begin{array}{lr} a & b \end{array}", r"\begin{array} { l r } a & b \end{array}"),
        (r"\begin{array}{lrr} a & b \end{array}", r"\begin{array} { l r } a & b \end{array}"),
        (r"\begin{array}{c|c} a & b \end{array}", r"\begin{array} { c | c } a & b \end{array}"),
        (r"\left[\begin{array}{c}a\end{array}\right]", r"\left [ \begin{array} { c } a \end{array} \right ]"),
        (r"\left[\begin{matrix}a\\b\end{matrix}\right]", r"\begin{bmatrix} a \\ b \end{bmatrix}"),
        (r"\begin{matrix} a_1 \end{matrix}", r"\begin{matrix} a _ { 1 } \end{matrix}"),
        # braces that keep nothing together
        (r"{{a}}", "a"),
        (r"{\hat a}_1", r"\hat { a } _ { 1 }"),
        (r"{x^2}_1", "{ x ^ { 2 } } _ { 1 }"),
        (r"1{,}000", "1 { , } 0 0 0"),
        (r"{a=b}", "{ a = b }"),
        (r"x^2{}+y{}", "x ^ { 2 } + y"),
        (r"a+{}-b", "a + { } - b"),
        (r"\int{}a", r"\int a"),
        (r"\int{}\int a", r"\int { } \int a"),
        (r"a{\sum_i}b", r"a { \sum _ { i } } b"),
        (r"x^{a+{\textstyle b}}", r"x ^ { a + { \textstyle b } }"),
        (r"a{\left(b\right)}c", r"a { \left ( b \right ) } c"),
        (r"a{/}b{|}c", "a / b | c"),
        (r"\frac{{}}{2}", r"\frac { } { 2 }"),
        # limits that place nothing, and those that are usual
        (r"\int\limits x + \sum\nolimits y", r"\int x + \sum y"),
        (r"\int\limits\relax_a x", r"\int \limits _ { a } x"),
        (r"\operatorname*{lim}\limits_x", r"\lim _ { x }"),
        (r"\operatorname*{sin} x + \operatorname{lim} y", r"\sin x + \lim y"),
        (r"\operatorname*{sin}_x", r"\operatorname* { s i n } _ { x }"),
        # switches at the start of any list, before another and before nothing
        (r"\bf x", r"\mathbf { x }"),
        (r"\left(\bf x\right)", r"\left ( \mathbf { x } \right )"),
        (
            r"\begin{array}{cc} \rm a & \bf b \\ {c \rm} & \rm \bf d \end{array}",
            r"\begin{array} { c c } \mathrm { a } & \mathbf { b } \\ c & \mathbf { d } \end{array}",
        ),
        (r"x \, \rm", "x"),
        (r"\begin{array}{c} \rm \end{array}", r"\begin{array} { c } \rm \end{array}"),
        (r"{\rm a} \over \textstyle b", r"\frac { \mathrm { a } } { \textstyle b }"),
        # text: braces between letters, which TeX doesn't kern then, and others
        (r"\text{{if} {x}}", r"\text {if x}"),
        (r"\textrm{A{V}}", r"\text {A{}V}"),
        (r"\text{a { } b}", r"\text {a { } b}"),
        # what draws nothing, before a label and in rows
        (r"x ~ \label{a}", "x"),
        (r"x ~ \nonumber \\ \label{a}", "x"),
        (r"n\relax_S", "n _ { S }"),
        (r"a \over b \,", r"\frac { a } { b \, }"),
        (r"\begin{matrix} a \\ \\ \end{matrix}", r"\begin{matrix} a \\ \\ \end{matrix}"),
        # two accents: amsmath looks into the inner one
        (r"{\dot{\bar z}}^2", r"{ \dot { \bar { z } } } ^ { 2 }"),
        (r"\hat{\vec{\cal N}}", r"\hat { \vec { \cal N } }"),
        (r"\hat{\rm P}", r"\hat { \mathrm { P } }"),
    ],
)
def test_canonical_form(label, expected):
    assert judged(label)["canonical"] == expected


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
        r"\def\x{y}\x",
        r"{a\over b}\over c",
        r"\begin{array}{ccccccccccc} a&b&c&d&e&f&g&h&i&j&k \end{array}",
        r"\label{a}\displaystyle{x}",
        r"\left\{\rm a\over b\right\}",
        r"\begin{array}{c} x \end{array}",
        r"\begin{array}{c} {x} \end{array}+{{y}}",
        r"{\ }",
        "x{~}",
        "X ^ { + ~ }",
        "X^{+~}",
        r"\begin{matrix} a \\ b \\ \\ \end{matrix}",
        r"\matrix{a \cr b \cr \cr}",
        r"\operatorname*{lim}\limits",
        r"\sin\limits\relax",
        r"\, \rm",
        r"\hspace{1em} {{\hspace{1em}}}",
        r"{\rm a} \over \textstyle",
        r"a \over b \quad",
    ],
)
def test_it_has_the_same_key_and_is_its_own_canonical_form(label):
    first = judged(label)
    assert first["canonical"] is not None
    second = judged(str(first["canonical"]))
    assert second["canonical"] == first["canonical"]
    assert second["visual_key"] == first["visual_key"]


def test_one_form_has_one_key_and_is_its_own():
    read = engine.judge(touching(6000, seed=1), rules.Ruleset(())).labels.drop_nulls("visual_key")
    forms = read.unique(["canonical", "visual_key"])
    assert forms["canonical"].is_unique().all()
    again = engine.judge(forms["canonical"].to_list(), rules.Ruleset(())).labels
    assert again["canonical"].to_list() == forms["canonical"].to_list()
    assert again["visual_key"].to_list() == forms["visual_key"].to_list()
    assert forms["visual_key"].n_unique() > 0.9 * forms.height


@pytest.mark.parametrize("label", [r"\frac{a", r"\def\x{", "a & b"])
def test_where_there_is_none_a_finding_says_why(label):
    assert judged(label)["canonical"] is None
    found = rules.check([label], include=["CAN100"])
    assert found.height == 1
    assert found["message"][0].startswith("no visual key: ")


def test_a_data_set_can_be_written_in_canonical_spelling():
    fixed = rules.fix(["x^2", r"a\le b", "x ^ { 2 }", "x^", r"\text{a}^2_1"], style="canonical")["fixed"].to_list()
    assert fixed == ["x ^ { 2 }", r"a \leq b", "x ^ { 2 }", "x^", r"\text {a} _ { 1 } ^ { 2 }"]


def test_the_direction_of_synonyms_can_be_turned():
    wanted = rules.select(["CAN110"], options={"CAN110": {"prefer": r"\le \ne"}})
    fixed = rules.fix([r"a\leq b\neq c\geq d", r"a \le b"], style="canonical", ruleset=wanted)["fixed"].to_list()
    assert fixed == [r"a \le b \ne c \geq d", r"a \le b"]
    with pytest.raises(ValueError, match="not a synonym"):
        prefer("x", [r"\leqslant"])


def test_arrays_are_matrices_where_a_data_set_says_so():
    labels = [
        r"\left(\begin{array}{cc}a&\begin{array}{c}b\\c\end{array}\end{array}\right)",
        r"\begin{array}{l}a\end{array}",
        r"\left[\begin{matrix}a\end{matrix}\right]",
    ]
    as_written = rules.fix(labels, include=["CAN110"], style="rules")["fixed"].to_list()
    assert as_written[0].count("array") == 4
    wanted = rules.select(["CAN110"], options={"CAN110": {"arrays": "matrices"}})
    assert rules.fix(labels, ruleset=wanted, style="rules")["fixed"].to_list()[0] == labels[0], (
        "it isn't drawn the same"
    )
    assert rules.fix(labels, ruleset=wanted, level="unsafe", style="rules")["fixed"].to_list() == [
        r"\begin{pmatrix} a & \begin{matrix} b \\ c \end{matrix} \end{pmatrix}",
        r"\begin{array} { l } a \end{array}",
        r"\begin{bmatrix} a \end{bmatrix}",
    ]


def test_the_page_lists_every_synonym():
    page = (Path(__file__).parents[3] / "docs" / "canonical-form.md").read_text(encoding="utf-8")
    for spelling, canonical in SYNONYMS.items():
        shown = (f"`{text.replace('|', chr(92) + '|')}`" for text in (spelling, canonical))
        assert all(text in page for text in shown), spelling


@pytest.mark.parametrize(("spelling", "canonical"), [*SYNONYMS.items()])
def test_synonyms_have_one_key(spelling, canonical):
    argument = "{A}" if COMMANDS[spelling[1:]].args else ""
    first, second = rules.visual_key([f"x {spelling} {argument} y", f"x {canonical} {argument} y"])
    assert first == second is not None
