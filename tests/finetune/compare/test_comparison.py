"""`finetune compare`: which changes it finds, and its page, read as markup and in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from test_alignment import BEFORE, TRUTH

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.predictions.rows import Prediction
from curate.report.pictures import NO_ROOM
from finetune.cli.main import main_group
from finetune.compare import cards as cards_of_comparison
from finetune.compare.blame import Blame
from finetune.compare.cards import MOST_CARDS, differences
from finetune.compare.comparison import compare, confused
from finetune.compare.page import build
from finetune.compare.tell import as_text, headline
from finetune.metrics.error_kinds import counted, name_of

AFTER = (
    r"H^{\prime} = \beta N \int d \lambda \left\{ \frac{1}{2 \beta^2 N^2} \partial_{\lambda} \zeta^{\dagger}"
    r" \partial_{\lambda} \zeta + V(\lambda) \zeta^{\dagger} \zeta \right\} ."
)
#: id, truth, before, after
ROWS = [
    ("printed/test/report", TRUTH, BEFORE, AFTER),
    ("printed/test/broken", "x ^ { 2 }", "x^2", "x_2"),
    ("printed/test/better", "a b c d", "x y z d", "a b c x"),
    ("printed/test/worse", "a b c", "a b x", "a x x"),
    ("printed/test/same", "a b", "a x", "x b"),
    ("printed/test/right", r"\frac { 1 } { 2 }", r"\frac12", r"\frac{1}{2}"),
]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def sides(rows=ROWS, image=None):
    return tuple(
        (name, [Prediction(row[0], row[1], row[place], image) for row in rows])
        for name, place in (("base.jsonl", 2), ("tuned.jsonl", 3))
    )


@pytest.fixture(scope="module")
def found():
    return compare(*sides())


def test_verdicts(found) -> None:
    assert found.verdicts == ["fixed", "broken", "better", "worse", "still wrong", "right"]


def test_the_source_reports_example(found) -> None:
    assert found.before.read([0]).compared[0].confused == {(r"\zeta", r"\epsilon"): 4, (r"\beta", "B"): 2, (".", ""): 1}
    assert found.after.alike[0] == 1
    assert found.after.numbers.column("exprate")[0] == 0  # the strings differ, the drawings do not
    table = {name: (before, after) for name, before, after in confused(found, "confused")}
    assert table[r"\zeta", r"\epsilon"] == (4, 0)


def test_changes_have_intervals_and_the_right_test(found) -> None:
    changes = {change.name: change for change in found.changes}
    look = changes["exprate_render_equal"]
    assert (look.before, look.after, look.difference, look.test) == (pytest.approx(200 / 6),) * 2 + (0, "McNemar")
    assert look.p == 1  # one fixed, one broken
    assert look.ci[0] < 0 < look.ci[1]
    assert changes["edit_score"].test == "bootstrap"
    assert changes["canonical/exprate"].test == "McNemar"


def test_a_sure_change_is_one_and_lower_cer_is_better() -> None:
    rows = [(f"s/t/{n}", "a b c", "x y z", "a b c") for n in range(30)]
    changes = {change.name: change for change in compare(*sides(rows)).changes}
    assert changes["exprate"].better is True
    assert changes["exprate"].p == pytest.approx(2 / 2**30)
    assert changes["cer"].difference < 0
    assert changes["cer"].better is True
    assert changes["parse_rate"].better is None


def test_rows_are_paired_by_id_and_must_have_one_truth() -> None:
    before, after = sides()
    shuffled = (after[0], [*after[1][::-1][:-1], Prediction("else", "a", "a")])
    paired = compare(before, shuffled)
    assert (len(paired.verdicts), paired.unpaired) == (5, (1, 1))
    assert paired.verdicts[0] == "broken"
    with pytest.raises(UserError, match="no sample_id in common"):
        compare(before, ("x", [Prediction("else", "a", "a")]))
    with pytest.raises(UserError, match="different truths"):
        compare(before, ("x", [Prediction(ROWS[0][0], "a", "a")]))


def test_it_is_said_where_raw_metrics_are_of_no_use() -> None:
    """A model is no worse for writing no spaces, but raw metrics take each of its answers for one token."""
    rows = [(f"s/t/{n}", "a + b = c _ { 1 }", "a + b = c _ { 1 }", "a+b=c_{1}") for n in range(4)]
    found = compare(*sides(rows))
    assert [name for name, _ in found.notes] == ["tuned.jsonl"]
    told = as_text(found, 120)
    assert "tuned.jsonl: most predictions have no spaces between tokens and the truths have" in told
    assert re.search(r"canonical exprate +100.0 % +100.0 %", told)
    assert re.search(r"raw exprate +100.0 % +0.0 %", told)
    html = build(found).decode()
    assert "most predictions have no spaces" in html
    raw = re.search(r'<caption id="c-raw">.*?</table>', html, re.S).group()
    assert raw.count("says nothing here") == raw.count('<td class="is-chance"') == 7
    assert "is-better" not in raw
    assert "is-worse" not in raw
    assert compare(*sides([row[:3] + row[1:2] for row in rows])).notes == []


KIND_OF = {
    "structure": (r"x ^ { 2 }", "x_2"),
    "confused": (r"\beta + 1", "B + 1"),
    "missing": ("a + b + c", "a + b +"),
    "extra": ("a + b", "a + b c"),
    "other": (r"\left( x \right)", "( x )"),
    "unread_answer": (r"\frac { 1 } { 2 }", r"\frac { 1 } { 2"),
    "unread_label": (r"a _ { 1", r"a _ { 1 }"),
    "runaway": ("a + b", "a + b " * 40),
    "": (r"\frac { 1 } { 2 }", r"\frac12"),
}


def test_every_wrong_answer_has_one_kind_and_the_counts_add_up() -> None:
    rows = [(f"s/t/{kind}", gt, gt, pred) for kind, (gt, pred) in KIND_OF.items()]
    rows += [("s/t/tie", "x ^ { 2 }", "y ^ { 2 }", "y _ { 2 }"), ("s/t/most", "a b c _ 1", "x y c 1", "a b c _ 1")]
    first, last = compare(*sides(rows)).models
    found = dict(zip([row.sample_id[4:] for row in last.rows], map(name_of, last.kinds), strict=True))
    assert found == {**{kind: kind for kind in KIND_OF}, "tie": "structure", "most": ""}
    assert name_of(first.kinds[-1]) == "confused"  # two symbols, one subscript
    for model in (first, last):
        assert sum(counted(model.kinds).values()) == sum(model.alike == 0)


def test_a_label_or_an_answer_that_cant_be_read_is_not_called_drawn_differently() -> None:
    rows = [(f"s/t/{kind}", *KIND_OF[kind][:1], *KIND_OF[kind]) for kind in ("unread_label", "unread_answer")]
    found = compare(*sides(rows))
    html = build(found).decode()
    assert "compared by its tokens only, since the label can&#39;t be read as LaTeX" in html
    assert "the answer can&#39;t be read as LaTeX" in html
    assert "drawn differently, with the same symbols" not in html
    assert re.search(r"label unreadable +0 +1 ", as_text(found, 120))
    assert re.search(r"answer unreadable +0 +1 ", as_text(found, 120))


def test_missing_answers_are_counted_for_every_model() -> None:
    rows = [("s/t/1", "x ^ { 2 }", "x ^ { 2 }", ""), ("s/t/2", "a", "a", " "), ("s/t/3", "b", "b", "b")]
    found = compare(*sides(rows))
    (told,) = found.notes
    assert told[0] == "tuned.jsonl"
    assert told[1].startswith("2 of 3 answers (66.7 %) are missing (null or empty) and count as wrong, except in le1,")
    assert "2 of 3 answers (66.7 %) are missing" in build(found).decode()


@pytest.mark.parametrize(
    ("fixed", "broken", "which", "sure"),
    [
        (20, 1, "better", "This is more than chance: b gets 20 right that a gets wrong, and 1 wrong that a gets right"),
        (1, 20, "worse", "This is more than chance"),
        (3, 2, "chance", "This may be chance: b gets 3 right that a gets wrong, and 2 wrong that a gets right"),
        (0, 0, "chance", "b and a read the same formulas right."),
    ],
)
def test_the_headline_says_what_how_sure_and_on_what(fixed: int, broken: int, which: str, sure: str) -> None:
    outcomes = [("y", "x")] * fixed + [("x", "y")] * broken + [("x", "x")] * 10
    files = [
        (name, [Prediction(f"set/t/{n}", "x", answers[side]) for n, answers in enumerate(outcomes)])
        for side, name in enumerate("ab")
    ]
    said = headline(compare(*files))
    assert said.which == which
    assert said.sure.startswith(sure)
    of = len(outcomes)
    assert f"Of {of} formulas, b reads {100 * (fixed + 10) / of:.1f} %" in said.what
    assert said.on == f"Measured on the {of} samples that all files have (set {of})."


def test_labels_that_all_models_contradict_alike_are_shown_first(found) -> None:
    rows = [*ROWS, ("printed/test/label", "q _ { = }", "q=", "q ="), ("printed/test/empty", "q", "", "")]
    agreed = compare(*sides(rows))
    assert [agreed.before.rows[place].sample_id for place in agreed.agreed] == ["printed/test/label"]
    html = build(agreed).decode()
    first = re.search(r'<article class="pair"[^>]*>.*?</article>', html, re.S).group()
    assert "data-doubt" in first.split(">", 1)[0]
    assert "printed/test/label" in first
    assert "<dt>1</dt><dd>the label may be wrong: both models agree on another formula</dd>" in html
    assert "The label may be wrong: both models agree on another formula." in first
    assert "may be wrong" not in build(found).decode()
    assert "<dd>nothing speaks against the label</dd>" in build(found).decode()


def test_what_an_audit_says_against_a_label_stands_with_its_example(found) -> None:
    doubt = Blame(4, doubted={3: "2 of 2 predictions read <b>x"}, audited=1, run="<i>run", scores="As <i>they are")
    html = build(found, labels=doubt).decode()
    first = re.search(r'<article class="pair"[^>]*>.*?</article>', html, re.S).group()
    assert "printed/test/worse" in first
    assert "The label may be wrong: 2 of 2 predictions read &lt;b&gt;x." in first
    assert "nobody has checked it: the audit doubts it (1)</dd>" in html
    assert "<i>" not in html.replace("<i>(nothing)</i>", "")


def test_three_models_stand_side_by_side() -> None:
    (_, before), (_, after) = sides()
    right = [Prediction(row.sample_id, row.gt, row.gt) for row in before]
    evil = "<b>evil</b>"
    found = compare(("base", before), (evil, after), ("best", right[:-1]))
    assert found.unpaired == (1, 1, 0)
    assert [changes[0].after for changes in found.against_first] == [20, 100]
    html = build(found).decode()
    assert evil not in html
    assert "All 3 models" in html
    card = re.search(r'<article class="pair".*?</article>', html, re.S).group()
    assert re.findall(r"<h4>(.*?)</h4>", card) == ["truth", "base", "&lt;b&gt;evil&lt;/b&gt;", "best"]
    assert re.search(r"exprate_render_equal +20.0 % +20.0 % +100.0 %", as_text(found, 160))
    assert [counts["fixed"] for counts in found.counts_against_first] == [1, 4]
    assert [sum(counts.values()) for counts in found.counts_against_first] == [5, 5]
    assert re.search(r"against base +fixed +broken", as_text(found, 160))
    assert "What became of the 5 formulas, from base to each model" in html


def test_differences_are_marked_at_their_place() -> None:
    truth, prediction = ["a", "b", "c", "d"], ["a", "x", "c"]
    one, other = differences(truth, prediction)
    assert ["a b c d"[start:end] for start, end in one] == ["b", "d"]
    assert ["a x c"[start:end] for start, end in other] == ["x", ""]


def test_the_page_names_the_errors_and_escapes_data(found) -> None:
    html = build(found).decode()
    assert r"\zeta → \epsilon (4 times), \beta → B (2 times), . lost" in html
    assert "renders like the ground truth" in html
    assert r"<mark>\epsilon</mark>" in html
    assert build(found).decode() == html
    evil = "<script>alert(1)</script>"
    rows = [(f"s/t/{evil}", f"a {evil}", f"b {evil}", "c")]
    assert evil not in build(compare(*sides(rows))).decode()
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)


def test_thousands_of_rows_make_a_page_of_bounded_size() -> None:
    rows = [(f"s/t/{n}", f"a b {n}", f"a b {n if n % 3 else 'x'}", f"a c {n}") for n in range(3000)]
    html = build(compare(*sides(rows))).decode()
    assert html.count("<article") <= MOST_CARDS
    assert "more samples are not shown" in html
    assert len(html) < 3_000_000


def test_a_card_says_that_there_is_no_room_for_its_pictures(monkeypatch) -> None:
    monkeypatch.setattr(cards_of_comparison, "PICTURE_BYTES", 1_000)
    cards = re.findall(r"<article.*?</article>", build(compare(*sides())).decode(), re.S)
    drawn, said = ([word in card for card in cards] for word in ('<svg class="drawn"', NO_ROOM.problem))
    assert any(drawn)
    assert any(said)
    assert all(one or other for one, other in zip(drawn, said, strict=True))


def write(path: Path, rows) -> Path:
    path.write_text(
        "".join(
            json.dumps({"sample_id": r.sample_id, "gt": r.gt, "pred": r.pred, "image": r.image}) + "\n" for r in rows
        ),
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> tuple[str, Path]:
    """The page that the command writes, with an image and drawn labels, and the page's folder."""
    folder = tmp_path_factory.mktemp("compare")
    Image.new("L", (90, 30), 255).save(folder / "one.png")
    files = [write(folder / name, rows) for name, rows in sides(image="one.png")]
    assert run("finetune", main_group, ["compare", *map(str, files), "--out", str(folder / "report.html")]) == 0
    return (folder / "report.html").read_text(encoding="utf-8"), folder


def test_the_command_shows_image_truth_before_and_after_drawn(page) -> None:
    card = re.search(r'<article class="pair" data-verdict="fixed".*?</article>', page[0], re.S)
    assert card is not None
    assert re.findall(r"<h4>([\w.]+)</h4>", card.group()) == ["image", "truth", "base.jsonl", "tuned.jsonl"]
    assert re.findall("data:image/|<svg class=.drawn", card.group()) == ["data:image/", *['<svg class="drawn'] * 3]


def test_images_are_found_in_another_folder(page, tmp_path) -> None:
    """Prediction files name images by their paths on the machine that predicted."""
    (tmp_path / "pictures" / "test").mkdir(parents=True)
    Image.new("L", (90, 30), 255).save(tmp_path / "pictures" / "test" / "one.png")
    files = [write(tmp_path / name, rows) for name, rows in sides(image="../../machine/data/images/test/one.png")]
    arguments = ["compare", *map(str, files), "--out", str(tmp_path / "page.html"), "--no-cdm"]
    for more, pictures in ((["--images", str(tmp_path / "pictures")], 4), ([], 3)):
        assert run("finetune", main_group, [*arguments, *more]) == 0
        card = re.search(
            r'<article class="pair" data-verdict="fixed".*?</article>', (tmp_path / "page.html").read_text(), re.S
        )
        assert card is not None
        assert len(re.findall("data:image/|<svg class=.drawn", card.group())) == pictures


def test_files_of_one_name_are_told_apart(page, tmp_path, capsys) -> None:
    base, tuned = page[1] / "base.jsonl", tmp_path / "base.jsonl"
    tuned.write_bytes((page[1] / "tuned.jsonl").read_bytes())
    html = tmp_path / "page.html"

    def heads(*files: Path) -> list[str]:
        assert run("finetune", main_group, ["compare", *map(str, files), "--out", str(html), "--no-cdm"]) == 0
        row = re.search(r"<tr><th[^>]*>Metric</th>(.*?)Change", html.read_text(encoding="utf-8"))
        return re.findall(r">([^<>]+)</th>", row.group(1)) if row else []

    assert heads(base, base) == ["base.jsonl (1)", "base.jsonl (2)"]
    assert heads(base, tuned) == [f"{folder.name}/base.jsonl" for folder in (page[1], tmp_path)]
    long = [tmp_path / f"qwen2.5-vl-7b-seed-{seed}.jsonl" for seed in (1, 2, 3)]
    for file in long:
        file.write_bytes(tuned.read_bytes())
    capsys.readouterr()
    assert heads(*long) == [file.name for file in long]
    table = capsys.readouterr().out.splitlines()
    title = next(line for line in table if line.startswith("met"))  # cut where a terminal is narrow
    assert all(f"seed-{seed}.jsonl" in title for seed in (1, 2, 3)), title


def test_bad_files_are_one_line_and_2(page, capsys) -> None:
    folder = page[1]
    for arguments in (["none.jsonl", "tuned.jsonl"], ["base.jsonl", "tuned.jsonl", "--images", "none"]):
        paths = [word if word.startswith("--") else str(folder / word) for word in arguments]
        assert run("finetune", main_group, ["compare", *paths, "--out", str(folder / "new.html")]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    both = [str(folder / "base.jsonl"), str(folder / "tuned.jsonl")]
    for names in ("one", "a,b,c", "a,a", "a,"):
        assert run("finetune", main_group, ["compare", *both, "--names", names, "--out", str(folder / "new.html")]) == 2
        assert "name 2 models, each differently" in capsys.readouterr().err
    assert run("finetune", main_group, ["compare", both[0], "--out", str(folder / "new.html")]) == 2
    assert "is the only file" in capsys.readouterr().err
    for out in (folder, folder / "base.jsonl"):
        files = [str(folder / "base.jsonl"), str(folder / "tuned.jsonl")]
        assert run("finetune", main_group, ["compare", *files, "--out", str(out)]) == 2
    assert not (folder / "new.html").exists()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on this machine")
@pytest.mark.parametrize(
    ("clicks", "shown", "of"),
    [
        ("", 12, 36),
        ("document.querySelector('button.more').click();", 24, 36),
        (
            "document.querySelector('form.examples input[value=\"fixed\"]').click();"
            "const box = document.querySelector('#words'); box.value = 'TEST/ lost';"
            "box.dispatchEvent(new Event('input', { bubbles: true }));",
            0,
            0,
        ),
        ("document.querySelector('a[data-kind=\"structure\"]').click();", 1, 1),
        ("document.querySelector('a[data-labels]').click();", 12, 30),
    ],
)
def test_the_filters_work_in_a_browser(tmp_path, clicks: str, shown: int, of: int) -> None:
    rows = [*ROWS, *((f"printed/test/{n}", "q", "z", "z") for n in range(30))]
    html = build(compare(*sides(rows))).decode()
    if clicks:
        html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
        html = html.replace("</body>", f"<script>{clicks}</script></body>")
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom")
    assert CHROMIUM, "no Chromium: install it, the CI must see this page run"
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    cards = re.findall(r'<article class="pair"([^>]*)>', dom)
    assert len(cards) == len(rows)
    assert sum("hidden" not in card for card in cards) == shown
    assert f"{of} of {len(rows)} examples" in dom


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on this machine")
def test_metrics_of_three_models_fit_a_phone(tmp_path) -> None:
    """No table of metrics has to be scrolled sideways; every figure says whose it is."""
    before, after = sides()
    path = tmp_path / "page.html"
    path.write_bytes(build(compare(before, after, ("a model with a long name", after[1]))))
    measure = (
        "[document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll('table.cells')]"
        ".map(one => one.parentElement.scrollWidth - one.parentElement.clientWidth)]"
    )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(path.as_uri())
        assert page.evaluate(measure) == [0] * 5
        named = page.evaluate("getComputedStyle(document.querySelector('.cells td'), '::before').content")
        assert named == '"Renders like the ground truth"'
        page.set_viewport_size({"width": 1200, "height": 800})
        assert page.evaluate("getComputedStyle(document.querySelector('.cells td')).display") == "table-cell"
        browser.close()
