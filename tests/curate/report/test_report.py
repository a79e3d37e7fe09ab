"""report.html is self-contained, safe for any data, below its size limit, and identical for identical runs."""

from __future__ import annotations

import random
import re
from html.parser import HTMLParser

import pytest
from PIL import Image
from report_fakes import FakeRun, describe, fake_run, finding, no_image, run_of, sample

from curate.audit.summary import SourceFacts
from curate.render import RenderError
from curate.report import page, pictures
from curate.report.page import build, write_report

TAGS = frozenset(
    word
    for line in (
        "html head meta title style body a header p span nav main h1 h2 h3 dl dt dd div section article ul ol li svg",
        "circle path rect line text desc polygon table caption thead tbody tr th td form label input output",
        "figure figcaption img code mark details summary pre footer script b i defs g use ellipse",
    )
    for word in line.split()
)
ATTRIBUTES = frozenset(
    word
    for line in (
        "lang charset http-equiv content name class href aria-label aria-labelledby aria-hidden aria-live role",
        "tabindex id viewbox width height cx cy r d x y x1 y1 x2 y2 points text-anchor preserveaspectratio scope",
        "data-v data-sev data-for title hidden type placeholder autocomplete value checked src alt loading dir open",
        "start fill transform xlink:href",
    )
    for word in line.split()
)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><svg onload=alert(1)>",
    "</title></textarea><!--",
    "]]> &lt;b&gt; &amp; {{ 7*7 }} {% raw %}",
    "javascript:alert(1)",
    "http://evil.example/x.png",
    "\x00\x01\x1b[31m\x7f\x85",
    "\u202e\u2066reversed\u2069\u200f",
    "`<b>`code`",
    "ﷺ" * 50 + "e" + "\u0301" * 300,
)


class Page(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.comments: list[str] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.scripts = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.scripts += tag == "script"
        self.open.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)


def html_of(run, *, explain=describe, open_image=no_image, examples=6) -> str:
    return build(run, explain, open_image, examples).decode("utf-8")


def hostile_run() -> FakeRun:
    samples, findings = [], []
    for number, text in enumerate(HOSTILE):
        source, sample_id = f"s{number} {text}", f"{text}/{number}"
        label = f"a {text} b"
        samples.append(sample(sample_id, source, label, split=text, image=text))
        finding_of = {"name": f"n {text}", "message": f"m {text}", "replacement": f"r {text}", "fix": "unsafe"}
        findings.append(finding(sample_id, source, f"X{number}{text}", 2, 2 + len(text), **finding_of))
    facts = [
        SourceFacts(
            row["source"],
            text,
            text,
            text,
            2,
            1,
            {text: 1},
            [{"file": text, "line": 1, "reason": text, "excerpt": text}],
        )
        for row, text in zip(samples, HOSTILE, strict=True)
    ]
    run = run_of(samples, findings, facts)
    run.summary["config"] = {"images": True, **{text: text for text in HOSTILE}}
    run.summary["versions"] = {text: text for text in HOSTILE}
    run.summary["run"] = {
        "created": HOSTILE[0],
        "command": list(HOSTILE),
        "timings": {HOSTILE[0]: 1.5},
        "peak_memory_bytes": 1,
    }
    return run


def test_no_string_from_data_becomes_markup(monkeypatch):
    def complain(label):
        raise RenderError(f"can't draw {label}")

    monkeypatch.setattr(pictures, "render_inside", complain)
    html = html_of(hostile_run(), explain=lambda code: (code, f"what {code}", f"why {code}"))
    parsed = Page(html)
    assert parsed.tags <= TAGS
    assert {name for _, name, _ in parsed.attributes} <= ATTRIBUTES
    assert not parsed.comments
    assert parsed.scripts == 1
    assert "a <script>alert(1)</script> b" in "".join(parsed.texts)
    assert "{{ 7*7 }}" in "".join(parsed.texts)


def test_nothing_is_loaded_from_anywhere():
    html = html_of(hostile_run(), open_image=lambda root, ref: Image.new("RGB", (9, 9)))
    for tag, name, value in Page(html).attributes:
        if name == "href":
            assert value.startswith("#")
        if name == "src":
            assert value.startswith("data:image/")
        assert not name.startswith("on"), (tag, name)
    style = re.search(r"<style>(.*?)</style>", html, re.S).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in html


def test_the_policy_names_the_hash_of_the_one_script_and_style():
    import base64
    import hashlib

    html = html_of(fake_run(scale=40))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1).replace("&#39;", "'")
    for kind in ("script", "style"):
        (body,) = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy.replace("&#43;", "+")
    assert " style=" not in html


def test_hidden_characters_are_made_visible():
    html = html_of(hostile_run())
    body = html.replace("\n", "")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x85\u200b-\u200f\u202a-\u202e\u2066-\u2069]", body)
    assert '<mark><span class="ctl">⟨NUL⟩⟨SOH⟩⟨ESC⟩</span>[31m<span class="ctl">⟨DEL⟩⟨U+0085⟩</span></mark>' in html


def test_ids_are_unique_and_every_link_has_its_target():
    parsed = Page(html_of(fake_run(scale=60)))
    assert len(parsed.ids) == len(set(parsed.ids))
    targets = {value[1:] for _, name, value in parsed.attributes if name == "href"}
    assert targets <= set(parsed.ids)
    labelled = {part for _, name, value in parsed.attributes if name == "aria-labelledby" for part in value.split()}
    assert labelled <= set(parsed.ids)


def test_equal_runs_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        write_report(fake_run(scale=80), tmp_path / name / "report.html", describe=describe)
    assert (tmp_path / "one/report.html").read_bytes() == (tmp_path / "two/report.html").read_bytes()


def test_the_order_of_the_frames_threads_doesn_t_show():
    run = fake_run(scale=120)
    assert html_of(run) == html_of(FakeRun(run.frame.rechunk(), run.found.lazy().collect(), run.summary))


def test_the_page_answers_which_source_is_good():
    run = fake_run(scale=200)
    text = " ".join(" ".join(Page(html_of(run)).texts).split())
    assert text.index("None of the 6 sources is ready to train on as it is") < text.index("No image was given")
    assert re.search("unfit crohme2023.*?, m2e.*? – don't train on it as it is", text)
    assert text.index("No image was given") < text.index("Findings, with examples")
    assert text.index("Findings, with examples") < text.index("Rules, worst and most frequent first")
    for rule in run.summary["rules"]:
        assert f"{rule['rule']} {rule['name']}" in text


def test_an_empty_run_has_a_page():
    run = run_of([], [], [SourceFacts("empty", "jsonl", "e.jsonl", ".", 0)])
    html = html_of(run)
    assert "No issue was found." in html
    assert "There is nothing in it" in Page(html).texts.__str__()
    assert html_of(run_of([], [], []))


def test_findings_about_images_and_data_sets_have_a_place():
    samples = [sample("a/1", "a", "x", image="1.png")]
    findings = [
        finding("a/1", "a", "IMG001", None, None, name="small-side", message="27 px high"),
        finding(None, "a", "DST001", None, None, name="few-tokens", message="about the set"),
        finding("a/gone", "a", "SYN001", 0, 400),
        finding("a/1", "a", "SYN001", -5, 999),
    ]
    html = html_of(run_of(samples, findings))
    assert "27 px high" in html
    assert "<b>a</b>: about the set" in html
    assert "<mark>x</mark>" in html


def test_a_hundred_thousand_huge_labels_stay_below_the_size():
    rng = random.Random(1)
    noise = "".join(rng.choice("<>&\"'\t\x00\u202e公a") for _ in range(4_000))
    samples = [sample(f"s{i % 3}/{i}", f"s{i % 3}", noise[i % 500 :] + str(i), visual_key=None) for i in range(3_000)]
    samples += [sample(f"s0/{i}", "s0", str(i)) for i in range(3_000, 100_000)]
    findings = [
        finding(
            row["sample_id"],
            row["source"],
            f"R{number % 400:03}",
            5,
            3_000,
            message=noise,
            replacement=noise,
            name=noise[:90],
        )
        for number, row in enumerate(samples[:12_000])
    ]
    rows = [{"file": noise, "line": i, "reason": noise, "excerpt": noise} for i in range(1_000)]
    facts = [
        SourceFacts(f"s{i}", noise, noise, noise, 100_000, 1_000, {noise[j:]: 5 for j in range(50)}, rows)
        for i in range(3)
    ]
    run = run_of(samples, findings, facts)
    run.summary["config"] = {"images": True, **{noise[i:]: noise for i in range(20)}}
    picture = Image.effect_noise((800, 240), 90).convert("RGB")
    samples_with_images = run.frame.with_columns(image=run.frame["sample_id"])
    html = build(
        FakeRun(samples_with_images, run.found, run.summary),
        lambda c: (noise,) * 3,
        lambda *_: picture,
        6,
    )
    assert 1_000_000 < len(html) < 10_000_000
    assert b"data:image/" in html


def test_a_page_that_would_grow_too_large_goes_without_pictures_then_examples(monkeypatch):
    run = fake_run(scale=60)
    full = html_of(run)
    assert '<svg class="drawn"' in full
    monkeypatch.setattr(page, "MOST_BYTES", len(full.encode()) - 1)
    less = html_of(run)
    cards = re.findall(r'<article class="card">.*?</article>', less, re.S)
    assert cards
    assert "<svg" not in "".join(cards)
    assert all(pictures.NO_ROOM.problem in card for card in cards)
    monkeypatch.setattr(page, "MOST_BYTES", 1_000)
    least = html_of(run)
    assert '<article class="card">' not in least
    assert "No example is shown: the page would grow too large." in least


@pytest.mark.parametrize("limit", [1, 30_000])
def test_a_card_without_its_picture_says_so(monkeypatch, limit):
    monkeypatch.setattr(page, "PICTURE_BYTES", limit)
    cards = re.findall(r'<article class="card">.*?</article>', html_of(fake_run(scale=200)), re.S)
    without = [card for card in cards if "<svg" not in card]
    assert 0 < len(without) < len(cards)
    assert all(re.search(r"Not shown: this page|be drawn:", card) for card in without)


def test_an_image_beyond_the_limit_is_said_and_a_missing_one_counts_for_none(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_IMAGES", 2)
    samples = [sample(f"a/{n}", "a", f"x_{n}", image=f"{n}.png") for n in range(6)]
    found = [finding(row["sample_id"], "a", "SYN001", 0, 1) for row in samples]

    def opened(root, ref):
        return no_image(root, ref) if ref < "2" else Image.new("L", (90, 30), 255)

    html = html_of(run_of(samples, found), open_image=opened)
    assert html.count("there is no such file") == 2
    assert html.count("data:image/") == 2
    assert html.count(pictures.NO_ROOM.problem) == 2


def test_drawn_labels_share_their_outlines():
    samples = [sample(f"a/{n}", "a", f"x^{{{n}}}") for n in range(6)]
    html = html_of(run_of(samples, [finding(row["sample_id"], "a", "SYN001", 0, 1) for row in samples]))
    parsed = Page(html)
    assert html.count('<svg class="drawn"') == 6
    used = [value[1:] for tag, name, value in parsed.attributes if (tag, name) == ("use", "xlink:href")]
    assert len(used) == 12
    assert set(used) == {one for one in parsed.ids if one.startswith("glyph-")}
    assert len(set(used)) == 7
    assert 'aria-label="The label drawn: x to the power 4"' in html or 'aria-label="The label drawn: x' in html


def test_examples_share_the_room_when_it_is_short(monkeypatch):
    run = fake_run(scale=200)
    monkeypatch.setattr(page, "TEXT_BYTES", 8 * 1_400)
    html = html_of(run)
    sections = re.findall(r'<details class="rule".*?</details>', html, re.S)
    shown = [section.count('<article class="card">') for section in sections]
    assert len(shown) == len(run.summary["rules"])
    assert 0 < max(shown) < 6
    assert min(shown) >= 1
    assert re.search(r"\d more examples are not shown: the page would grow too large", html)


@pytest.mark.parametrize("examples", [0, 2])
def test_the_number_of_examples_is_a_limit(examples):
    html = html_of(fake_run(scale=200), examples=examples)
    for section in re.findall(r'<details class="rule".*?</details>', html, re.S):
        assert section.count('<article class="card">') <= examples
