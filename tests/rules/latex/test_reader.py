"""What the reader says of labels whose verdict from pdfLaTeX (TeX Live, amsmath, amssymb, equation*) is recorded."""

from __future__ import annotations

import pytest

from rules.latex import lexer, reader

# (label, kinds of problem, sorted): pdfLaTeX compiles these.
COMPILES = [
    ("x^2", ""),
    (r"\frac12", ""),
    (r"\left( a \middle| b \right)", ""),
    (r"\sqrt \frac 1 2", ""),
    (r"\hat \bar a", ""),
    (r"\mathrm \mathbf a", ""),
    (r"\overrightarrow \mathrm { A B }", ""),
    (r"\pmod \frac 1 2", ""),
    (r"\frac \\ a", ""),
    ("f''", ""),
    ("f'^2", ""),
    ("x ^ 2 { } ^ 3", ""),
    ("^ { 2 } x", "leading-script"),
    (r"a \\ b", ""),
    (r"\begin{array}{*{3}{c}} a & b & c \end{array}", ""),
    (r"\frac { a } { { b \over c } }", ""),
    (r"\stackrel { a \over b } { c }", ""),
    (r"\left( a \over b \right) \over c", ""),
    (r"\begin{array}{c} \hline a \\ \hline \end{array}", ""),
    (r"\hspace { -2 em } a", ""),
    (r"\kern \arraycolsep a", ""),
    (r"\text{$a_b$}", ""),
    (r"\c C", ""),
    (r"x _ \frac 1 2", ""),
    (r"x _ \relax a", ""),
    (r"\sum ^ \int", ""),
    (r"\sum \limits _ a", ""),
    (r"\operatorname { a } \limits _ b", ""),
    ("x^^2", "caret-notation"),
    (r"\begin{aligned} a \\ [b] \end{aligned}", ""),
    (r"a \\ [2pt] b", ""),
    (r"\sqrt[3]\sin x", ""),
    (r"a \newline [b]", ""),
    (r"\sum_{\substack{a \\ b}}", ""),
    (r"\root 3 \of x", ""),
    (r"\buildrel a \over b", ""),
    (r"\begin{tabular}{l} $a_b$ \end{tabular}", ""),
    (r"\hbox to 3pt{a}", ""),
    (r"\begin{matrix} a \\ \end{matrix} \\", ""),
    (r"\( a \mbox{ if \( b \)} \)", ""),
    (r"$ a \mbox{ if $b$} $", ""),
    (r"$$ a \mbox{ if $b$} $$", ""),
    (r"\mbox{a \begin{tabular}[t]{cc} b & c \end{tabular}}", ""),
]

# pdfLaTeX rejects these.
REJECTED = [
    (r"\frac{a}{b", "unclosed-brace"),
    ("a}b", "extra-close-brace"),
    (r"\left( a", "left-without-right"),
    (r"a \right)", "right-without-left"),
    (r"a \middle| b", "middle-outside-left-right"),
    (r"\begin{matrix} a", "begin-without-end"),
    (r"a \end{matrix}", "end-without-begin"),
    (r"\begin{matrix} a \end{array}", "environment-mismatch"),
    (r"\frac{a}", "missing-argument"),
    (r"\sqrt", "missing-argument"),
    (r"\sqrt[3{x}", "missing-argument unclosed-optional"),
    (r"\sqrt \sin x", "unbraced-argument"),
    (r"\sqrt ~ a", "unbraced-argument"),
    (r"\sqrt \rm a", "unbraced-argument"),
    (r"\bar \mathcal V", "unbraced-argument"),
    (r"\text \alpha", "math-in-text"),
    (r"\text \textbf { a }", "unbraced-argument"),
    (r"\begin{array}{c} \frac \\ a \end{array}", "missing-argument"),
    ("a ^", "dangling-script"),
    ("{ x _ } y", "dangling-script"),
    ("b ^ { 2 } ^ { 3 }", "double-superscript"),
    ("f ' '", "double-superscript"),
    ("f' ^2", "double-superscript"),
    ("x ^ 2 '", "double-superscript"),
    ("a & b", "alignment-outside-environment"),
    (r"\begin{matrix} { a & b } \end{matrix}", "alignment-in-group"),
    (r"\begin{matrix} { a \\ b } \end{matrix}", "row-break-in-group"),
    (r"a \cr b", "misplaced-cr"),
    (r"\begin{array}{c} a & b \end{array}", "too-many-columns"),
    (r"\begin{array}{zz} a & b \end{array}", "illegal-column-specification"),
    (r"\begin{cases} a & b & c \end{cases}", "too-many-columns"),
    (r"\begin{matrix} a & b & c & d & e & f & g & h & i & j & k \end{matrix}", "too-many-columns"),
    (r"\left a b \right)", "missing-delimiter"),
    (r"\left{ a \right}", "extra-close-brace missing-delimiter unclosed-brace"),
    (r"\big x", "missing-delimiter"),
    (r"{ a \over b \over c }", "ambiguous-infix"),
    (r"\frac { a } { b \over c }", "ambiguous-infix"),
    (r"\begin{array}{c} a \hline \end{array}", "misplaced-rule"),
    (r"\hspace { 1 . 5 c m } a", "illegal-length"),
    (r"\kern \alpha a", "illegal-length"),
    (r"\text{a_b}", "script-in-text"),
    (r"\mbox{\alpha}", "math-in-text"),
    (r"\mbox{\begin{array}{c} a \end{array}}", "math-in-text"),
    (r"\mbox{\( a $ b \)}", "inner-dollar"),
    (r"\mbox{$ a \( b $}", "inner-dollar"),
    (r"\' e", "text-in-math"),
    (r"x ^ \sqrt { 2 }", "unbraced-script"),
    (r"x _ \ldots", "unbraced-script"),
    (r"x ^ \int", "unbraced-script"),
    (r"x \limits _ a", "limits-misplaced"),
    ("a # b", "parameter-character"),
    ("a $ b", "inner-dollar"),
    (r"a \( b", "inner-dollar"),
    (r"a \] b", "inner-dollar"),
    (r"\( a \) , \( b \)", "inner-dollar"),
    ("$$ a $$ $$ b $$", "inner-dollar"),
    (r"\[ a \] \[ b \]", "inner-dollar"),
    (r"\foobar", "unknown-command"),
    (r"\pmatrix { a & b \cr c & d }", "old-form"),
    (r"\begin{align*} a \end{align*}", "display-environment"),
    (r"\begin{foo} a \end{foo}", "unknown-environment"),
    (r"\begin{ matrix } a \end{ matrix }", "unknown-environment"),
    (r"\label{a} x \label{b}", "multiple-labels"),
    ("x^^{2}", "caret-notation extra-close-brace"),
    (r"\begin{array}{c} a \\ [b] \end{array}", "illegal-length"),
    (r"a \\ [b]", "illegal-length"),
    (r"\sqrt '", "missing-argument"),
    (r"x \\* [b]", "illegal-length"),
    (r"\tag{1}\tag{2}", "multiple-labels"),
    (r"\sum_{\substack{a \\[b]}}", "illegal-length"),
    (r"\mathrel \mathop =", "unbraced-argument"),
    (r"\textcircled \textcircled 1", "unbraced-argument"),
    (r"\begin{tabular}{l} a & b \end{tabular}", "too-many-columns"),
    (r"\begin{tabular}{l} a_b \end{tabular}", "script-in-text"),
]


def kinds(label: str) -> str:
    return " ".join(sorted({problem.kind for problem in reader.read(label, lexer.tokens(label)).problems}))


@pytest.mark.parametrize(("label", "expected"), COMPILES + REJECTED, ids=lambda value: value or "-")
def test_problems(label, expected):
    assert kinds(label) == expected


def test_the_table_says_something_of_all_that_is_rejected():
    assert all(expected for _, expected in REJECTED)
    assert {expected for _, expected in COMPILES} == {"", "leading-script", "caret-notation"}


@pytest.mark.parametrize(
    ("label", "kind", "tokens"),
    [
        (r"a + \frac { b", "unclosed-brace", "{"),
        (r"\begin { matrix } a", "begin-without-end", r"\begin { matrix }"),
        (r"\left ( a", "left-without-right", r"\left ("),
        (r"x ^ 2 ^ 3", "double-superscript", "^"),
        (r"\hspace { 1 . 5 c m }", "illegal-length", "{ 1 . 5 c m }"),
        (r"x ^ \sqrt 2", "unbraced-script", r"^ \sqrt"),
        (r"\frac { a } { b \over c }", "ambiguous-infix", r"\over"),
    ],
)
def test_a_problem_points_at_its_tokens(label, kind, tokens):
    toks = lexer.tokens(label)
    problem = next(found for found in reader.read(label, toks).problems if found.kind == kind)
    assert " ".join(toks[problem.start : problem.end]).replace("m a t r i x", "matrix") == tokens


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("x^2_1", "x _ { 1 } ^ { 2 }"),
        (r"\frac12", r"\frac { 1 } { 2 }"),
        (r"{a \over b}", r"\frac { a } { b }"),
        (r"{n \choose k}", r"\binom { n } { k }"),
        (r"{\frac{a}{b} \atop c}", r"{ \frac { a } { b } \atop c }"),
        ("f''", r"f ^ { \prime \prime }"),
        (r"\le \ge \to", r"\leq \geq \rightarrow"),
        (r"{{a}} x{}", "a x"),
        (r"\[ x \]", "x"),
        ("$$ x $$", "x"),
        (r"\root 3 \of x", r"\sqrt [ 3 ] { x }"),
        (r"\begin{matrix} a & b \\ \end{matrix}", r"\begin{matrix} a & b \end{matrix}"),
        (r"\pmatrix{a & b \cr c & d}", r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}"),
        (r"x = 1 \, \quad \\", "x = 1"),
        (r"\text{ a  b }", r"\text { a b }"),
        (r"x \label{a} \nonumber", "x"),
        ("a % b", "a"),
    ],
)
def test_canonical_spelling(label, expected):
    canonical = reader.read(label, lexer.tokens(label)).canonical
    assert canonical is not None
    assert reader.spell(canonical) == expected


def test_a_broken_label_has_no_canonical_spelling():
    for label, _ in REJECTED:
        reading = reader.read(label, lexer.tokens(label))
        assert reading.canonical is None or not reading.fatal


def test_a_harmless_problem_leaves_a_canonical_spelling():
    reading = reader.read("^ 2 x", lexer.tokens("^ 2 x"))
    assert not reading.fatal
    assert reading.canonical == ["^", "{", "2", "}", "x"]


def test_too_deep_is_a_problem():
    label = "{" * (reader.MAX_DEPTH + 5)
    assert "too-deep" in kinds(label)
