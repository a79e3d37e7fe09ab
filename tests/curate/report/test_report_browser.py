"""report.html in a real browser: its script runs under its own policy, sorts and filters. Skipped without Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from report_fakes import describe, fake_run, no_image

from curate.report.page import build

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--dump-dom",
)

#: What a reader would click and type; takes the place of the page's policy.
CLICKS = """<script>
const button = [...document.querySelectorAll("table.issues button")].find((b) => b.textContent.includes("Samples"));
button.click(); button.click();
const box = document.querySelector("#filter");
box.value = "unbalanced BRACE"; box.dispatchEvent(new Event("input", { bubbles: true }));
</script>"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on this machine"),
]


def dom_of(html: str, tmp_path, *flags: str, fragment: str = "") -> str:
    assert CHROMIUM, "no Chromium: install it, the CI must see this page run"
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={tmp_path / 'profile'}", path.as_uri() + fragment]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture(scope="module")
def html() -> str:
    return build(fake_run(scale=100), describe, no_image, 2).decode("utf-8")


def test_the_script_and_style_run_under_the_policy(html, tmp_path):
    dom = dom_of(html, tmp_path)
    assert re.search(r'<form class="filter" role="search"[^>]*>', dom)
    assert "hidden" not in re.search(r'<form class="filter"[^>]*>', dom).group()
    assert '<th scope="col"><button type="button">Rule</button></th>' in dom


#: The page printed on A4 by a browser that may prefer dark mode: its width and its colours.
PRINTED = """<script>
for (const rule of [...document.styleSheets[0].cssRules].filter((rule) => rule.media)) {
  const media = rule.media.mediaText.replace("(prefers-color-scheme: dark)", "all").replace("all and ", "");
  rule.media.mediaText = media.includes("screen") ? "not all" : media.replace("print", "all");
}
const style = getComputedStyle(document.querySelector("h2"));
document.title = `${document.documentElement.scrollWidth} ${innerWidth} ${style.color}`;
</script>"""


def test_on_paper_nothing_is_cut_off_or_pale(html, tmp_path):
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    dom = dom_of(open_page.replace("</body>", PRINTED + "</body>"), tmp_path, "--window-size=718,1000")
    width, window, colour = re.search(r"<title>(\d+) (\d+) (rgb.*?)</title>", dom).groups()
    assert int(width) <= int(window)
    assert max(map(int, re.findall(r"\d+", colour))) < 100


def test_a_foreign_script_is_stopped_by_the_policy(html, tmp_path):
    dom = dom_of(html.replace("</body>", "<script>document.title = 'stolen'</script></body>"), tmp_path)
    assert "<title>stolen" not in dom


#: For each link, the top position of its target in the window after a click, and its height: a target that is not at
#: the top, or that has no height, is invisible.
LINKS = """<script>
const found = [];
for (const link of document.querySelectorAll("nav a, .why3 a, .links a")) {
  link.click();
  const target = document.querySelector(link.getAttribute("href"));
  const box = target.getBoundingClientRect();
  const end = Math.abs(scrollY + innerHeight - document.documentElement.scrollHeight) < 2;
  const seen = box.height > 0 && box.top >= 0 && (box.top < 40 || end);
  if (!seen) found.push(`${link.textContent} ${Math.round(box.top)}`);
}
document.title = `links ${document.querySelectorAll("nav a, .why3 a, .links a").length}: ${found.join("; ")}`;
</script>"""


@pytest.mark.parametrize("width", [1400, 390])
def test_every_link_leads_to_what_it_names(html, tmp_path, width):
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    dom = dom_of(open_page.replace("</body>", LINKS + "</body>"), tmp_path, f"--window-size={width},900")
    number, missed = re.search(r"<title>links (\d+): (.*?)</title>", dom).groups()
    assert int(number) > 8
    assert missed == ""


def test_sorting_and_the_filter(html, tmp_path):
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    dom = dom_of(open_page.replace("</body>", CLICKS + "</body>"), tmp_path)
    rows = re.findall(r'<tr class="rule"(.*?)</tr>', dom, re.S)
    samples = [int(re.search(r'class="n" data-v="(\d+)"', row).group(1)) for row in rows]
    assert samples == sorted(samples)
    shown = [row for row in rows if "hidden" not in row.split(">", 1)[0]]
    assert len(shown) == 1
    assert "unbalanced-brace" in shown[0]
    sections = re.findall(r'<details class="rule"([^>]*)>', dom)
    assert sum("hidden" not in section for section in sections) == 1
    assert f"1 of {len(rows)} rules" in dom


#: Which folded parts are open on paper, and whether they close again; how many rows a table's own search leaves.
PAPER_AND_SEARCH = """<script>
const folds = () => [...document.querySelectorAll("details.on-paper")].filter((fold) => fold.open).length;
const before = folds(); dispatchEvent(new Event("beforeprint"));
const during = folds(); dispatchEvent(new Event("afterprint"));
const box = document.querySelector("#issues .find input");
box.value = "UNBALANCED brace"; box.dispatchEvent(new Event("input"));
const shown = (row) => getComputedStyle(row).display !== "none";
const rows = [...document.querySelectorAll("#issues tbody tr")].filter(shown);
document.title = [before, during, folds(), document.querySelectorAll("details.on-paper").length, rows.length].join(" ");
</script>"""


def test_paper_opens_what_is_folded_and_a_long_table_is_searched(html, tmp_path):
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    dom = dom_of(open_page.replace("</body>", PAPER_AND_SEARCH + "</body>"), tmp_path)
    before, during, after, folds, rows = map(int, re.search(r"<title>([\d ]+)</title>", dom).group(1).split())
    assert before == after == 0
    assert during == folds > 5
    assert rows == 1


@pytest.mark.parametrize("fragment", ["#%", "#%E0%A4%A", "#%zz"])
def test_an_address_with_a_malformed_escape_stops_no_script(html, tmp_path, fragment):
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    dom = dom_of(open_page.replace("</body>", PAPER_AND_SEARCH + "</body>"), tmp_path, fragment=fragment)
    before, during, *_ = map(int, re.search(r"<title>([\d ]+)</title>", dom).group(1).split())
    assert before < during


#: Where the last reason of the fifth source ends, and the height and width of the page.
FIRST_SCREEN = """<script>
const last = document.querySelectorAll(".why3")[4].getBoundingClientRect();
const page = document.documentElement;
document.title = [last.bottom, page.scrollHeight, Math.max(page.scrollWidth - innerWidth, 0)].map(Math.round).join(" ");
</script>"""


@pytest.mark.parametrize(("width", "screen"), [(1400, 900), (390, 2_500)])
def test_five_sources_stand_on_the_first_screen_and_the_page_is_short(html, tmp_path, width, screen):
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    dom = dom_of(open_page.replace("</body>", FIRST_SCREEN + "</body>"), tmp_path, f"--window-size={width},900")
    last, height, cut_off = map(int, re.search(r"<title>([\d ]+)</title>", dom).group(1).split())
    assert last <= screen
    assert height < 15_000
    assert cut_off == 0
