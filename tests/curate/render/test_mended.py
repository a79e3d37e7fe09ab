"""What mathra draws differently from LaTeX, or not at all, and we correct: by name, each against LaTeX's rule."""

from __future__ import annotations

import pytest

from curate.render import RenderError, render_svg
from curate.render.engine import Character, Glyph, Rule
from curate.render.glyph_table import character
from curate.render.laid_out import laid_out
from curate.render.prepare import prepare


def glyphs(label: str) -> list[Glyph]:
    return [element for element in laid_out(label).elements if isinstance(element, Glyph)]


def text(label: str) -> str:
    return "".join(character(glyph.number) or "?" for glyph in glyphs(label))


def place(label: str, letter: str) -> Glyph:
    return next(glyph for glyph in glyphs(label) if character(glyph.number) == letter)


def upright(label: str) -> list[Rule]:
    return [rule for rule in laid_out(label).elements if isinstance(rule, Rule) and rule.height > rule.width]


@pytest.mark.parametrize("environment", ["array", "tabular"])
def test_column_rules_stand_between_and_beside_the_columns(environment: str) -> None:
    rows = r"\hline $a$ & $\frac12$ & $c$ \\ \hline $d$ & $e$ & $f$ \\ \hline"
    label = rf"\begin{{{environment}}}{{|c|cc|}} {rows} \end{{{environment}}}"
    label = label.replace("$", "") if environment == "array" else label
    rules = upright(label)
    across = [rule for rule in laid_out(label).elements if isinstance(rule, Rule) and rule.width > 1000]
    assert len(rules) == 3
    left, middle, right = rules
    assert left.x < place(label, "𝑎").x < middle.x < place(label, "𝑒").x < place(label, "𝑓").x < right.x
    top, bottom = max(rule.y + rule.height for rule in across), min(rule.y for rule in across)
    for rule in rules:
        assert rule.y == pytest.approx(bottom, abs=41)
        assert rule.y + rule.height == pytest.approx(top, abs=41)
    assert left.x == pytest.approx(across[0].x, abs=1)
    assert right.x + right.width == pytest.approx(across[0].x + across[0].width, abs=1)


@pytest.mark.parametrize(
    ("label", "number"),
    [
        (r"\frac{\begin{array}{|c|c|} a & b \\ c & d \end{array}}{2} + x", 3),
        (r"\begin{array}{c||c} a & b \\[5pt] c & d \end{array}", 2),
        (r"x_{\begin{array}{c|c} a & b \end{array}}", 1),
        (r"\left( \begin{array}{c|c} \begin{array}{|c} a \end{array} & b \\ c & d \end{array} \right)", 2),
        (r"\begin{array}{*{3}{c|}} a & b & c \end{array} \boxed{x}", 3 + 2),
    ],
)
def test_column_rules_are_as_high_as_their_array_wherever_it_stands(label: str, number: int) -> None:
    rules = upright(label)
    assert len(rules) == number
    a = place(label, "𝑎")
    assert all(rule.y < a.y < rule.y + rule.height for rule in rules[:1])


@pytest.mark.parametrize(
    "label", [r"\!\!\!\!I", r"\not\!\!D", r"\hspace{-2em}x", r"\llap{abc}x", r"\vec{A}\overrightarrow{AB}"]
)
def test_the_picture_is_as_large_as_the_ink(label: str) -> None:
    left, top, width, height = map(float, render_svg(label).partition('viewBox="')[2].partition('"')[0].split())
    ink = laid_out(label).ink()
    assert ink is not None
    assert (left, -top) == pytest.approx((ink[0] - 120, ink[3] + 120), abs=0.1)
    assert (left + width, -top - height) == pytest.approx((ink[2] + 120, ink[1] - 120), abs=0.1)


@pytest.mark.parametrize(
    "operator", [r"\mathop{\mathrm{ab}}", r"\mathop {\rm ab}", r"\operatorname*{ab}", r"\lim", r"\sum"]
)
def test_nolimits_keeps_the_index_beside(operator: str) -> None:
    index, *others = (place(rf"{operator}\nolimits_{{q}}", letter) for letter in "𝑞")
    assert not others
    widest = max(glyph.x for glyph in glyphs(rf"{operator}\nolimits_{{q}}") if glyph.number != index.number)
    assert index.x > widest


def test_a_position_after_an_environment_is_not_printed() -> None:
    for environment in ("aligned", "gathered"):
        assert text(rf"\begin{{{environment}}}[t] a \\ b \end{{{environment}}}") == "𝑎𝑏"


def test_words_in_a_tabular_are_upright() -> None:
    assert text(r"\begin{tabular}{lc} ab & $c$ \end{tabular}") == "ab𝑐"


def test_eqnarray_has_three_columns_in_display_style() -> None:
    label = r"\begin{eqnarray} \frac{a}{b} &=& c \\ d &<& e \end{eqnarray}"
    assert place(label, "𝑎").size == 1
    assert place(label, "=").x == pytest.approx(place(label, "<").x, abs=40)


def test_substack_is_small_wherever_it_stands() -> None:
    assert {
        glyph.size
        for glyph in glyphs(r"\substack{a \\ b} + \sum_{\substack{c \\ d}}")
        if character(glyph.number) in "𝑎𝑏𝑐𝑑"
    } == {0.7}


@pytest.mark.parametrize(
    ("label", "drawn"),
    [
        (r"\slash \, \smallskip x \vspace{2pt} y", "/𝑥𝑦"),
        (r"\mbox{\boldmath $\pi$}", "𝝅"),
        (r"\mathrm{\boldmath \pi}", "𝜋"),
        (r"{\bf x \theta}", "𝐱𝜃"),
        (r"\makebox{tr}\mbox{\hspace{2pt} a}", "tra"),
        (r"A \buildrel x \over = B", "𝐴=𝑥𝐵"),
        (r"\root 3 \of x", "3√𝑥"),
        (r"x \dots + \dots , \dots \land", "𝑥⋅⋅⋅+...,...∧".replace("...∧", "⋅⋅⋅∧")),
        ("x % not drawn \n y", "𝑥𝑦"),
        (r"5 \% x", "5%𝑥"),
        ("x \\", "𝑥"),
        (r"\text{\'e \oe}", "éœ"),
        (r"\raise2pt\hbox{a}", "a"),
        (r"f'' g'''", "𝑓′′𝑔′′′"),
        ("a…b", "𝑎...𝑏"),
        (r"\newcommand{\L}{y}\L", "𝑦"),
        (r"\begin{array}{c} 1 \\-\lambda \\L \end{array}", "1−𝜆𝐿"),
        (r"\text{don't} x'^2", "don’t𝑥′2"),
        (r"\def\slash{z}\slash", "𝑧"),
    ],
)
def test_what_mathra_lacks_or_reads_otherwise(label: str, drawn: str) -> None:
    assert text(label) == drawn


def test_a_box_in_a_script_keeps_its_size() -> None:
    sizes = {character(glyph.number): glyph.size for glyph in glyphs(r"x_{\mbox{a} \text{b}}")}
    assert (sizes["a"], sizes["b"]) == (1, 0.7)


def test_a_size_in_a_box_counts() -> None:
    sizes = {
        character(glyph.number): glyph.size
        for glyph in glyphs(r"\mbox{a \tiny b} x \mbox{\scriptsize c} \mbox{\tiny d}")
    }
    assert (sizes["c"], sizes["d"]) == (0.7, 0.55)


def test_a_bare_prime_is_large_and_on_the_baseline() -> None:
    """0.556 em high, as in LaTeX: the prime of an exponent, not the mark for feet."""
    (bare,) = [glyph for glyph in glyphs(r"y\prime z") if character(glyph.number) == "′"]
    low, high = (laid_out(r"y\prime z").box(bare) or ())[1::2]
    assert (bare.y, bare.size) == (0, 1)
    assert 0 <= low < 150
    assert 450 < high < 600
    assert {place("x'", "′").size, place(r"x^{y\prime}", "′").size} == {0.7}


def test_the_scripts_of_sideset_stand_at_the_height_of_nolimits() -> None:
    label = r"\sideset{_a^b}{_c^d}\sum_i^n"
    beside, below = place(r"\sum\nolimits_c^d", "𝑑"), place(r"\sum\nolimits_c^d", "𝑐")
    for letter, other in (("𝑏", beside), ("𝑑", beside), ("𝑎", below), ("𝑐", below)):
        assert place(label, letter).y == pytest.approx(other.y, abs=25)
    assert place(label, "𝑎").x < place(label, "∑").x < place(label, "𝑐").x
    assert place(label, "𝑖").y < below.y < beside.y < place(label, "𝑛").y
    assert laid_out(r"\sideset{}{'}\sum").elements == laid_out(r"\mathop{\sum\nolimits'}").elements


def test_sidesets_in_one_another_stay_short() -> None:
    nested = r"\sum"
    for _ in range(30):
        nested = rf"\sideset{{_a}}{{}}{{{nested}}}"
    assert len(prepare(nested)) < 2 * len(nested)


@pytest.mark.parametrize("accent", ["vec", "hat", "bar", "widetilde", "dot"])
@pytest.mark.parametrize("base", ["{k}", " k", r"{\mathbf{k}}"])
def test_the_exponent_of_a_sign_with_an_accent_is_as_high_as_without(accent: str, base: str) -> None:
    for script in ("^2", "_i^{2}", "^{2}_i"):
        with_accent, without = place(rf"\{accent}{base}{script}", "2"), place(rf"{base}{script}", "2")
        assert with_accent == without
    plain = [glyph for glyph in glyphs(rf"\{accent}{base}") if character(glyph.number) not in "𝑘𝐤"]
    lifted = [glyph for glyph in glyphs(rf"\{accent}{base}^2") if character(glyph.number) not in "𝑘𝐤2"]
    assert plain == lifted


def test_a_prime_is_a_script() -> None:
    index, prime = place(r"g'_q", "𝑞"), place(r"g'_q", "′")
    assert index.x < prime.x + 200
    assert place(r"\left( \frac{a}{b} \right)^{\prime}", "′").y > 600


def test_a_fraction_has_no_space_around_it() -> None:
    assert place(r"a\frac{1}{2}b", "𝑏") == place(r"a{\frac{1}{2}}b", "𝑏")


def test_characters_without_an_outline_keep_their_places() -> None:
    label = r"解x^{元}_{的} \text{同 y 解}"
    found = [element for element in laid_out(label).elements if isinstance(element, Character)]
    assert sorted(one.text for one in found) == sorted("解元的同解")
    small = {one.text: one for one in found if one.size == 0.7}
    assert set(small) == {"元", "的"}
    assert small["元"].y > 0 > small["的"].y
    many = "".join(chr(0x4E00 + n) for n in range(200))
    assert "".join(e.text for e in laid_out(many).elements if isinstance(e, Character)) == many


def test_a_misplaced_ampersand_is_refused() -> None:
    for label in ("a & b", "{a & b}", r"\begin{array}{c} a \end{array} & b"):
        with pytest.raises(RenderError, match="an & stands outside a table"):
            laid_out(label)
    assert text(r"\matrix{a & b \cr c & d}") == "𝑎𝑏𝑐𝑑"
    assert text(r"a \& b") == "𝑎&𝑏"
