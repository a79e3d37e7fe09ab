"""curate.render: what is drawn, what is refused and why, and that a label has no effect on the next."""

from __future__ import annotations

import io
import os
import re
import signal
import threading
import time
import xml.etree.ElementTree as ET
from contextlib import suppress

import pytest
from PIL import Image

from curate.base.errors import UserError
from curate.render import (
    LABEL_LIMIT,
    RenderError,
    error_png,
    glyphs,
    render_many,
    render_png,
    render_svg,
    render_to_folder,
)
from curate.render.engine import Glyph
from curate.render.glyph_table import character
from curate.render.laid_out import laid_out
from curate.render.prepare import prepare
from finetune.metrics.glyphs import marks
from rules.workers.pool import the_pool

TABULAR = r"""\begin{tabular}{l}
$15.4 \times 4=61.6$ \\
15.4 \\
$\times \quad 4$ \\
\hline 61.6
\end{tabular}"""


def picture(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("L")


def ink(image: Image.Image) -> int:
    return sum(image.histogram()[:128])


def dark_rows(image: Image.Image, share: float) -> list[int]:
    """Rows with a share of ink of at least `share`: horizontal rules."""
    rows = (image.crop((0, y, image.width, y + 1)) for y in range(image.height))
    return [y for y, row in enumerate(rows) if ink(row) >= share * image.width]


def touches_the_edge(image: Image.Image) -> bool:
    w, h = image.size
    return any(ink(image.crop(box)) for box in ((0, 0, w, 1), (0, h - 1, w, h), (0, 0, 1, h), (w - 1, 0, w, h)))


@pytest.mark.parametrize(
    "label",
    [
        r"\frac{1}{2}",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        r"f f _ { f } ^ { f }",
        r"\left\{ \begin{array}{l} x+y=1 \\ 2x-y=3 \end{array} \right.",
        r"\sqrt[3]{\frac{\frac{a}{b}}{c}}",
        r"\int_0^\infty e^{-x^2} dx",
        r"\textcircled { 1 } 5 \div 3",
        r"\bm{x} \dag \sp 2",
        r"\mathrm { \boldmath ~ \rho }",
        r"x \tag{3}",
        r"\overline { { g } } ^ { \prime }",
        r"\ce{2H2 + O2 -> 2H2O}",
        TABULAR,
    ],
)
def test_draws_with_ink_and_nothing_cut_off(label: str) -> None:
    image = picture(render_png(label))
    assert ink(image) > 30
    assert not touches_the_edge(image)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (r"\frac{a}{b", "a brace { is never closed"),
        (r"\foo", r"the command \foo is unknown here"),
        (r"a^2^3", "a symbol has two superscripts"),
        (r"a & b", "an & stands outside a table"),
        (r"\left( a", r"\left has no \right"),
        (r"\begin{matrix} a \end{array}", r"\begin{matrix} is closed by \end{array}"),
        (r"\begin{cases} a", r"\begin{cases} is never closed"),
        (r"\end{cases}", r"\end{cases} closes nothing"),
        (r"\begin{foo} a \end{foo}", "the environment foo is unknown here"),
        (r"\frac{a}", "a command has no argument"),
        ("a}", "a brace } closes nothing"),
        (r"\right)", r"\right has no \left"),
        ("#1", "# stands outside a macro definition"),
        (r"\text{$}", r"a $ in \text is never closed"),
        (r"\hspace{foo}", "foo is not a length"),
        (r"\hspace{}", "a length is missing"),
        (r"\begin{} a", r"\begin has no name"),
        (r"\color{} a", "a colour has no name"),
        (r"1 \n 2", r"the command \n is unknown here"),
        ("", "nothing to draw"),
        ("% only a comment", "nothing to draw"),
        ("\x0crac { 1 } { 2 }", "U+000C at position 0"),
        ("x\ud800", "U+D800"),
        (r"\begin{tabular}{l} a", r"Missing \end{tabular}"),
        (r"a \end{tabular}", r"without \begin{tabular}"),
        (r"\begin{tabular} a \end{tabular}", "Missing column specification"),
        ("x" * (LABEL_LIMIT + 1), f"{LABEL_LIMIT + 1:,} characters"),
    ],
)
def test_refuses_in_plain_words(label: str, message: str) -> None:
    with pytest.raises(RenderError) as caught:
        render_png(label)
    assert message in str(caught.value)


def test_a_macro_or_a_label_of_one_formula_is_not_there_in_the_next() -> None:
    render_svg(r"\newcommand{\mine}{b}\mine")
    with pytest.raises(RenderError, match="is unknown here"):
        render_svg(r"\mine")
    render_svg(r"x \label{eq:1}")
    render_svg(r"y \label{eq:1}")


def test_each_line_may_have_a_name() -> None:
    named = r"\begin{aligned} x \label{eq:1} \\ y\label {eq:2} \end{aligned}"
    plain = r"\begin{aligned} x \\ y \end{aligned}"
    assert laid_out(named) == laid_out(plain)


@pytest.mark.parametrize("label", [r"\div", r"\Re", r"\sin(x)"])
def test_commands_mean_what_latex_means(label: str) -> None:
    # The package `physics` would turn \div into a nabla and \Re into roman letters.
    assert glyphs_of(label) == {r"\div": "÷", r"\Re": "ℜ", r"\sin(x)": "sin(𝑥)"}[label]


def glyphs_of(label: str) -> str:
    return "".join(
        character(element.number) or "?" for element in laid_out(label).elements if isinstance(element, Glyph)
    )


@pytest.mark.parametrize(
    "label",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\bbox[background:url(http://a.b)]{x}",
        r"\style{color:red}{x}",
        r"\colorbox{url(http://a.b)}{x}",
        r'\mmlToken{mi}[href="javascript:alert(1)"]{x}',
        r"\includegraphics{x}",
    ],
)
def test_links_and_styles_out_of_a_label_are_refused(label: str) -> None:
    with pytest.raises(RenderError, match="is unknown"):
        render_svg(label)


_NAMES = {"svg", "defs", "path", "g", "use", "rect", "line", "ellipse", "text"}
_VALUE = re.compile(
    r"#?t?[0-9a-f]*-?\d*|[-\d.e ]+|#[0-9a-f]{6}|currentColor|none|round|[\d.]+px|[MLCQZ\d\s.e-]+"
    r"|(?:translate\([-\d.,e]+\)|scale\([-\d.,e]+\)| )+"
)


@pytest.mark.parametrize(
    "label",
    [
        r"\text{<script>alert(1)</script> \& \" > 解<b>} \color{red}{y} \fcolorbox{red}{#00ff00}{x}",
        r"\begin{array}{|c|} \hline \cancel{x} \\ \textcircled{1} \end{array} \left( \frac{\sqrt[3]{a}}{b} \right)^2",
        r"\newcommand{\x}[1]{<script>#1}\x{a} \tag{<b>}",
    ],
)
def test_a_picture_holds_glyphs_rules_and_colours_by_number_or_name_only(label: str) -> None:
    root = ET.fromstring(render_svg(label))
    for element in root.iter():
        assert element.tag.rpartition("}")[2] in _NAMES
        assert element.text is None or len(element.text) == 1
        for name, value in element.attrib.items():
            assert _VALUE.fullmatch(value), (name, value)


@pytest.mark.parametrize(
    "label",
    [
        r"\sqrt{" * 1100 + "x" + "}" * 1100,
        r"\def\z{\z\z}\z",
        "[" * LABEL_LIMIT,
        r"\left(" * 900,
        "{" * LABEL_LIMIT,
        "x_" * (LABEL_LIMIT // 2),
        r"\begin{array}" * 600,
        "x + " * (LABEL_LIMIT // 4),
        r"\big(" * (LABEL_LIMIT // 5),
        r"\begin{array}{" + "c" * 5000 + "}" + "&" * 2000 + r"\end{array}",
        r"\def\a{xxxxxxxxxx}\def\b{\a\a\a\a\a\a\a\a\a\a}\def\c{\b\b\b\b\b\b\b\b\b\b}\c\c\c\c\c",
        r"\begin{array}{*{99}{*{99}{c|}}}x\end{array}",
        "''" * 4000,
        r"\not" * 2000,
        r"\text{" * 1300,
        r"\substack{" * 800,
        r"\mathop" * 1100,
        r"\frac" * 900,
        r"\frac{" * 149,
        "'" * 4999,
        r"\root" * 990,
        r"\left(" * 100 + r"\frac12" * 149,
    ],
)
def test_no_label_holds_the_interpreter_for_long(label: str) -> None:
    start = time.process_time()
    with suppress(RenderError):
        laid_out(label)
    assert time.process_time() - start < 0.25  # 0.05 on an idle machine


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\u0085", "\ufeff", "\u200b"])
def test_a_character_that_ends_a_line_or_is_none_is_no_crash(character: str) -> None:
    assert glyphs_of(f"x{character}y") == "𝑥𝑦"


def test_any_thread_may_draw() -> None:
    drawn: list[str] = []
    threads = [threading.Thread(target=lambda: drawn.append(render_svg(r"\frac12"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [render_svg(r"\frac12")] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_draws_too() -> None:
    render_svg("x")
    child = os.fork()
    if child == 0:
        os._exit(0 if "<svg" in render_svg("y") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    "wrapped",
    [
        "$x$",
        "$$x$$",
        r"\[ x \]",
        r"\(x\)",
        r"\begin{equation*}x\end{equation*}",
        r"\begin{equation} x \end{equation}",
        r" \begin{displaymath}x\end{displaymath} ",
    ],
)
def test_outer_delimiters_are_accepted(wrapped: str) -> None:
    assert prepare(wrapped) == "x"


@pytest.mark.parametrize("label", ["$a$ and $b$", r"\[a\] \[b\]", "$", r"$a\$", r"\$5"])
def test_what_only_looks_like_delimiters_stays(label: str) -> None:
    assert prepare(label) == label


@pytest.mark.parametrize(
    ("tabular", "array"),
    [
        (
            r"\begin{tabular}{l} a & $b$ \\ c \end{tabular}",
            r"\begin{array}{l} \text{a} & \text{$b$} \\ \text{c}\end{array}",
        ),
        (r"\begin{tabular}{|c|p{2cm}|} a\end{tabular}", r"\begin{array}{|c|l|} \text{a}\end{array}"),
        (r"\begin{tabular}{*{2}{r}@{ : }l} a\end{tabular}", r"\begin{array}{rrl} \text{a}\end{array}"),
        (r"\begin{tabular}{l} a \\ \hline \end{tabular}", r"\begin{array}{l} \text{a} \\ \hline \end{array}"),
        (
            r"\begin{tabular}{l} \toprule a \\[2pt] b \end{tabular}",
            r"\begin{array}{l} \hline \text{a} \\ \text{b}\end{array}",
        ),
        (
            r"\begin{tabular}{ll}\multicolumn{2}{c}{a \& b}\end{tabular}",
            r"\begin{array}{ll} \multicolumn{2}{c}{\text{a \& b}}\end{array}",
        ),
        (r"\begin{tabular}{l}{a & b}\end{tabular}", r"\begin{array}{l} \text{{a & b}}\end{array}"),
        (
            r"\begin{tabular}{l}\begin{tabular}{l}a\end{tabular}\end{tabular}",
            r"\begin{array}{l} \begin{array}{l} \text{a}\end{array}\end{array}",
        ),
    ],
)
def test_tabular_becomes_array(tabular: str, array: str) -> None:
    assert " ".join(prepare(tabular).split()) == array


def test_the_rule_above_the_result_is_drawn() -> None:
    image = picture(render_png(TABULAR))
    rule = dark_rows(image, 0.9)
    assert rule
    assert len(rule) <= 4, "a rule, not a filled box"
    assert image.height / 2 < rule[0] < image.height - 10


def test_a_frame_is_a_line_and_not_filled() -> None:
    image = picture(render_png(r"\begin{array}{|c|c|} \hline a & b \\ \hline \end{array}"))
    assert len(dark_rows(image, 0.8)) <= 8
    assert ink(image) < 0.3 * image.width * image.height


def test_a_decimal_point_between_tokens_is_as_narrow_as_without() -> None:
    assert picture(render_png("1 5 . 4")).width == picture(render_png("15.4")).width


def test_line_breaks_stand_under_each_other() -> None:
    assert picture(render_png(r"a \\ b")).height > 1.8 * picture(render_png("a b")).height


def test_the_same_label_gives_the_same_svg_whatever_came_before() -> None:
    first = render_svg(r"\frac{a}{b}")
    render_svg(r"\int x")
    assert render_svg(r"\frac{a}{b}") == first
    assert 'id="' in first
    ids = {part.split('"')[0] for part in first.split('id="')[1:]}
    others = {part.split('"')[0] for part in render_svg(r"\frac{a}{c}").split('id="')[1:]}
    assert not ids & others, "two drawings in one page would share ids"


def test_markup_in_a_label_stays_text() -> None:
    svg = render_svg(r"\text{<script>alert(1)</script> \& \" > 解<b>}")
    assert "<script" not in svg
    assert "<b>" not in svg


def test_height_colour_and_background() -> None:
    image = Image.open(io.BytesIO(render_png("x+1", height_px=64, colour="#c00000", background=None))).convert("RGBA")
    assert image.height == 64
    assert image.getpixel((0, 0))[3] == 0
    solid = {pixel[:3] for _, pixel in image.getcolors(1 << 16) if pixel[3] == 255}
    assert solid == {(0xC0, 0, 0)}
    with pytest.raises(ValueError, match="color"):
        render_png("x", colour='red" onload="')


def test_a_picture_never_grows_beyond_its_limits() -> None:
    image = picture(render_png("x" * 3_000, scale=8))
    assert image.width <= 16_001
    assert image.width * image.height <= 16_100_000


def forget_fonts() -> None:
    for cached in (glyphs.font_files, glyphs._opened, glyphs.font_for):
        cached.cache_clear()


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch):
    forget_fonts()
    monkeypatch.setattr(glyphs, "_folders", lambda: iter(()))
    yield
    forget_fonts()


def test_a_character_without_a_font_is_a_box(no_fonts: None) -> None:
    one, two = picture(render_png("解")), picture(render_png("解元"))
    assert ink(one) > 50
    assert ink(two) == pytest.approx(2 * ink(one), rel=0.1)
    assert two.width > 1.5 * one.width
    assert not touches_the_edge(two)
    assert picture(render_png(r"\text{解 元}")).height == one.height
    assert "解" in render_svg("解"), "a browser has its own fonts"


@pytest.mark.skipif(glyphs.font_for("解") is None, reason="no font with Chinese characters here")
def test_chinese_is_drawn_with_a_font_of_the_machine() -> None:
    drawn = {ink(picture(render_png(label))) for label in ("解", "一", "、", "元")}
    assert len(drawn) == 4, "boxes would all have the same ink"
    assert min(drawn) > 5


def test_error_png_shows_any_text() -> None:
    short, long = picture(error_png("Missing close brace")), picture(error_png("word " * 500 + "x" * 900))
    assert ink(short) > 100
    assert long.width == short.width
    assert short.height < long.height <= 8 * 22 + 20
    assert picture(error_png("")).height > 20
    assert picture(error_png("解 \ud800 \x00 <b>")).height > 20


def test_render_many_over_processes_keeps_order_and_goes_on_after_errors() -> None:
    labels = [r"\foo" if n % 5 == 0 else f"x^{{{n}}}" for n in range(40)]
    alone = list(render_many(iter(labels), workers=1, scale=1.0))
    together = list(render_many(iter(labels), workers=2, scale=1.0))
    assert [index for index, _ in together] == list(range(40))
    for (_, one), (_, other), label in zip(alone, together, labels, strict=True):
        if label == r"\foo":
            assert isinstance(other, RenderError)
            assert str(other) == str(one)
        else:
            assert other == one


def test_render_many_takes_no_more_than_it_needs() -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield "x"

    results = render_many(endless(), workers=1)
    next(results)
    results.close()
    assert taken == 1


def test_render_to_folder_takes_a_label_or_a_file(tmp_path) -> None:
    one = render_to_folder(r"\frac12", tmp_path / "one")
    assert [path.name for path in one.written] == ["label.png"]
    lines = tmp_path / "labels.txt"
    lines.write_text("x\n\n\\foo\ny\r\n", encoding="utf-8")
    many = render_to_folder(str(lines), tmp_path / "many", "svg")
    assert [path.name for path in many.written] == ["0001.svg", "0004.svg"]
    assert many.failed == [("0003", r"the command \foo is unknown here")]
    assert many.written[0].read_text(encoding="utf-8").startswith("<svg")
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        '{"id": "../a/b", "latex": "x"}\n{"id": "..-a-b", "tex": "y"}\n{"id": "A", "label": "z"}\n', "utf-8"
    )
    named = render_to_folder(rows, tmp_path / "named")
    assert all(path.parent == tmp_path / "named" and path.is_file() for path in named.written)
    assert len({path.name.lower() for path in named.written}) == 3
    whole = tmp_path / "table.tex"
    whole.write_text(TABULAR, encoding="utf-8")
    assert [path.name for path in render_to_folder(whole, tmp_path / "t").written] == ["table.png"]


def test_render_to_folder_says_what_is_wrong_with_a_file(tmp_path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": 1}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"line 1: no text under label, latex, tex, formula or another"):
        render_to_folder(bad, tmp_path / "out")
    bad.write_text("{\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"line 1: not JSON"):
        render_to_folder(bad, tmp_path / "out")
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"x\n\xff\n")
    with pytest.raises(UserError, match="not UTF-8"):
        render_to_folder(latin, tmp_path / "out")
    with pytest.raises(UserError, match="unknown picture format"):
        render_to_folder("x", tmp_path / "out", "gif")
    with pytest.raises(UserError, match="can't be read"):
        render_to_folder(tmp_path / "absent.txt", tmp_path / "out")


class Killer:
    """Kills the process that unpickles it, like a label that crashes the renderer."""

    def __reduce__(self):
        return os._exit, (3,)


def test_a_label_that_kills_its_process_is_an_error_and_stops_nothing() -> None:
    results = list(render_many(iter(["x", "y"]), workers=2, colour=Killer()))
    assert [(index, str(result)) for index, result in results] == [
        (0, "not drawn: its process ended with exit code 3"),
        (1, "not drawn: its process ended with exit code 3"),
    ]


def test_drawing_goes_on_when_a_process_is_ended_while_nobody_reads() -> None:
    results = render_many((f"x^{{{n}}}" for n in range(120)), workers=2, scale=0.3)
    assert next(results)[0] == 0
    for process in the_pool().pids():
        os.kill(process, signal.SIGKILL)
    time.sleep(0.5)  # gives the pool time to notice; it goes on either way
    assert [index for index, drawn in results if isinstance(drawn, bytes)] == list(range(1, 120))


def test_fonts_named_in_the_environment_come_first_and_may_be_broken(tmp_path, monkeypatch) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    monkeypatch.setenv(glyphs.FONTS_VARIABLE, str(tmp_path))
    forget_fonts()
    try:
        assert glyphs.font_files()[0] == broken
        assert ink(picture(render_png("解"))) > 50
    finally:
        forget_fonts()


@pytest.mark.parametrize(
    "label",
    [
        r"\rule{9999999999999999999999999999999999pt}{1pt}",
        r"\rule{1pt}{9999999999pt}",
        r"x \rule[9999999999999999999999999999pt]{1pt}{1pt}",
        r"a \hspace{99999999999999999999999999pt} b",
        r"\hspace{99999999999999pt} x \hspace{-99999999999999pt} y",
    ],
)
def test_no_drawing_is_endless(label: str) -> None:
    for draw in (render_svg, render_png, marks):
        with pytest.raises(RenderError, match="a length in it is too large to be drawn"):
            draw(label)


def test_the_widest_label_is_drawn() -> None:
    assert render_png(r"\sum" * (LABEL_LIMIT // 4))
