"""The parts of the report one by one: marks, choice of examples, images, plots."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageDraw
from report_fakes import describe, fake_run, finding, frames, no_image, run_of, sample

from curate.report import data, plots
from curate.report.examples import choose
from curate.report.markup import SHOWN, code_spans, marked
from curate.report.page import build
from curate.report.pictures import HIGHEST, LONGEST_DRAWN, WIDEST, PagePicture, Pictures, of_image
from rules.workers.spread import isolated


@pytest.mark.parametrize(
    ("label", "spans", "html"),
    [
        ("a<b", [(1, 2)], "a<mark>&lt;</mark>b"),
        ("abc", [(0, 3)], "<mark>abc</mark>"),
        ("abc", [(1, 1)], 'a<mark class="here"></mark>bc'),
        ("abc", [(3, 3)], 'abc<mark class="here"></mark>'),
        ("abcdef", [(3, 5), (0, 1)], "<mark>a</mark>bc<mark>de</mark>f"),
        ("abcdef", [(0, 3), (2, 5)], "<mark>abc</mark><mark>de</mark>f"),
        ("abcdef", [(0, 4), (1, 2)], "<mark>abcd</mark>ef"),
        ("abc", [(None, None), (2, 1), (7, 9)], "abc"),
        ("\times", [(0, 1)], '<mark><span class="ctl">⟨TAB⟩</span></mark>imes'),
        ("", [], ""),
    ],
)
def test_spans_are_marked_exactly(label, spans, html):
    assert str(marked(label, spans)) == html


def test_a_long_label_is_cut_to_a_window_round_its_first_span():
    label = "x" * 5_000 + "HERE" + "y" * 5_000
    html = str(marked(label, [(5_000, 5_004)]))
    assert "<mark>HERE</mark>" in html
    assert html.startswith('<span class="cut"')
    assert "more characters" in html
    assert html.count("x") + html.count("y") < SHOWN + 20


def test_a_span_longer_than_the_window_ends_with_it():
    html = str(marked("z" * 9_000, [(10, 8_000)]))
    assert html.count("z") == SHOWN
    assert html.count("<mark>") == 1


def test_backticks_become_code_and_nothing_else_does():
    assert str(code_spans("run `a <b>` at 5 %")) == "run <code>a &lt;b&gt;</code> at 5\u00a0%"
    assert str(code_spans("one ` alone")) == "one ` alone"
    assert str(code_spans("`a` and ` alone")) == "<code>a</code> and ` alone"


def chosen_of(samples, findings, rules, each=6):
    frame, found = frames(samples, findings)
    return choose(frame.lazy(), found.lazy(), rules, each)


def test_sources_take_turns_and_labels_differ():
    samples = [sample(f"a/{i}", "a", f"x {i % 2}") for i in range(50)] + [sample("b/0", "b", "y")]
    findings = [finding(row["sample_id"], row["source"], "SYN001", 0, 1) for row in samples]
    found = chosen_of(samples, findings, ["SYN001"], 3)["SYN001"]
    assert [example.source for example in found] == ["a", "b", "a"]
    assert len({example.label for example in found}) == 3


def test_examples_come_from_the_whole_of_a_source_and_short_ones_first():
    samples = [sample(f"a/{i:04}", "a", f"x {i}" + (" y" * 200 if i < 500 else "")) for i in range(1_000)]
    findings = [finding(row["sample_id"], "a", "SYN001", 0, 1) for row in samples]
    found = chosen_of(samples, findings, ["SYN001"])["SYN001"]
    assert len(found) == 6
    assert all(int(example.sample_id[2:]) >= 500 for example in found)


def test_all_findings_of_a_rule_in_one_label_make_one_example():
    findings = [finding("a/1", "a", "ESC001", start, start + 2) for start in (9, 2)]
    findings.append(finding("a/1", "a", "SYN001", 0, 1))
    (example,) = chosen_of([sample("a/1", "a", r"1 \n 2  x\n")], findings, ["ESC001"])["ESC001"]
    assert example.spans == ((2, 4), (9, 11))
    assert example.message.endswith("(and 1 more in this label)")


def uri_of(picture: PagePicture) -> str:
    return re.search(r'src="([^"]*)"', picture.markup).group(1)


def decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


def page_with_ink(mode: str = "RGBA") -> Image.Image:
    page = Image.new("RGBA", (1654, 2339), (0, 0, 0, 0))
    ImageDraw.Draw(page).rectangle((700, 300, 1000, 340), fill=(0, 0, 0, 255))
    if mode == "P":
        return page.quantize(4)
    return page.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
def test_a_page_is_cut_to_its_ink_on_white(mode):
    picture = of_image(Path(), "page.png", lambda root, ref: page_with_ink(mode))
    assert picture.problem == ""
    shown = decoded(uri_of(picture)).convert("L")
    assert shown.width / shown.height > 3
    assert shown.getpixel((0, 0)) > 240
    assert shown.getpixel((shown.width // 2, shown.height // 2)) < 20
    assert len(uri_of(picture)) < 4_000


def test_white_ink_on_black_is_cut_too():
    image = Image.new("L", (900, 900), 0)
    ImageDraw.Draw(image).line((400, 450, 500, 450), fill=255, width=3)
    shown = decoded(uri_of(of_image(Path(), "x.bmp", lambda *_: image)))
    assert shown.width < 200


def test_a_tight_crop_and_a_blank_page_stay_whole():
    tight = Image.new("L", (300, 80), 255)
    ImageDraw.Draw(tight).rectangle((5, 5, 294, 74), fill=0)
    assert decoded(uri_of(of_image(Path(), "t", lambda *_: tight))).size == (300, 80)
    assert decoded(uri_of(of_image(Path(), "b", lambda *_: Image.new("L", (300, 80), 255)))).size == (300, 80)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_every_mode_gives_a_small_picture(mode):
    picture = of_image(Path(), "x", lambda *_: Image.new(mode, (3_000, 40)))
    assert uri_of(picture).startswith("data:image/")
    assert decoded(uri_of(picture)).width <= WIDEST
    assert decoded(uri_of(picture)).height <= HIGHEST


def test_a_photo_becomes_a_jpeg_within_the_size():
    noise = Image.merge("RGB", [Image.effect_noise((2_000, 1_000), 80) for _ in range(3)])
    picture = of_image(Path(), "x", lambda *_: noise)
    assert uri_of(picture).startswith("data:image/jpeg")
    assert len(uri_of(picture)) < 150_000


def test_what_can_t_be_opened_or_drawn_says_why():
    def fail(*_):
        raise OSError("truncated <file>")

    assert of_image(Path(), "x", fail).problem == "Can't be shown: truncated <file>"
    assert of_image(None, "x", fail).problem
    assert of_image(Path("/nowhere"), "x", lambda root, ref: Image.open(root / ref)).problem.endswith("no such file.")
    labels = ["  ", "x" * (LONGEST_DRAWN + 1), r"\frac{", r"\foo"]
    found = Pictures(labels)
    assert [found.of_label(label).problem for label in labels] == [
        "Nothing to draw: the label is empty.",
        "Not drawn: 1,201 characters long.",
        "Can't be drawn: a brace { is never closed",
        "Can't be drawn: the command \\foo is unknown here",
    ]


def test_a_drawn_label_is_read_out_in_words():
    picture = Pictures(labels := [r"\frac{x}{2} \times 15 = 3", r"\text{中}"])
    assert 'aria-label="The label drawn: x over 2 times 15 equals 3"' in picture.of_label(labels[0]).markup
    assert r'aria-label="The label drawn: \text{中}"' in picture.of_label(labels[1]).markup


def test_a_drawing_unlike_latexs_says_so():
    found = Pictures(labels := [r"\mathscr{L}", "x"])
    assert [found.of_label(label).remark for label in labels] == [
        r"Unlike LaTeX: the letters of \mathscr are those of \mathcal.",
        "",
    ]
    samples = [sample("a/1", "a", labels[0])]
    html = build(run_of(samples, [finding("a/1", "a", "SYN001", 0, 1)]), describe, no_image, 6).decode()
    assert r'<p class="remark">Unlike LaTeX: the letters of \mathscr' in html


@pytest.mark.parametrize("isolate", [False, True])
def test_pictures_are_made_in_any_order_and_the_same_by_helpers(isolate, tmp_path):
    Image.new("L", (90, 30), 255).save(tmp_path / "one.png")
    wanted = [*(f"x^{{{n}}}" for n in range(40)), (tmp_path, "one.png"), (tmp_path, "none.png"), "y", "x^{3}"]
    with isolated(isolate):
        found = Pictures(wanted)
        made = {want: found.of(want) for want in reversed(wanted)}
    assert made[tmp_path, "none.png"].problem == "Can't be shown: no such file"
    assert made[tmp_path, "one.png"].markup.startswith('<img src="data:image/png;base64,')
    assert made == {want: Pictures([want]).of(want) for want in wanted}


def test_plots_are_well_formed_and_say_their_numbers():
    run = fake_run(scale=100)
    made = [
        data.score_plot(run.summary),
        data.rules_plot(run.summary),
        data.length_plot(run.samples, run.summary["sources"]),
        data.image_plot(run.samples),
        plots.composition([("clean", 5), ("error", 1)]),
    ]
    for plot in made:
        ElementTree.fromstring(str(plot))
    assert "<desc" in made[1]
    assert f"{run.summary['rules'][0]['samples']:,}" in made[1]
    assert "100 images in" in made[3]


def test_plots_of_nothing_are_made_or_left_out():
    frame, _ = frames([], [])
    assert data.image_plot(frame.lazy()) is None
    for plot in (
        plots.score_histogram([0] * 20),
        plots.rule_counts([]),
        plots.lengths([], [1, 2, 4]),
        plots.composition([]),
    ):
        ElementTree.fromstring(str(plot))


def test_odd_sizes_find_a_cell():
    samples = [
        sample(f"a/{i}", "a", "x", width=w, height=h) for i, (w, h) in enumerate([(0, 1), (2_000_000_000, 3), (28, 28)])
    ]
    frame, _ = frames(samples, [])
    assert "3 images in" in data.image_plot(frame.lazy())


def test_one_error_in_a_million_is_still_seen():
    root = ElementTree.fromstring(str(plots.composition([("clean", 999_999), ("error", 1)])))
    widths = [float(rect.get("width")) for rect in root]
    assert widths[1] >= 4
    assert float(root.get("viewBox").split()[2]) >= sum(widths) - 0.1
