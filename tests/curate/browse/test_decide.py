"""From the browser to the data set: `curate browse`, a real mongod, a real App and a headless Chromium.

A person filters to one family of rules, accepts a fix, takes a model's reading, edits a label on the decision page and
rejects a sample. Another process reads the decisions, and the export honours them. Requests of the browser to other
machines are blocked and checked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
from browsing import FLAGS, Browsing

from curate.browse.deciding.taking import NOTHING
from curate.browse.process.mongod import VARIABLE
from curate.render import render_png

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: Timeout in milliseconds, for a machine that is busy with other tests.
PATIENCE = 90_000
#: Records the App's notices: each shows for three seconds, which a busy machine may miss.
HEAR = """
window.notices = [];
const heard = new WeakSet();
new MutationObserver(() => document.querySelectorAll("#notistack-snackbar").forEach((notice) => {
  if (!heard.has(notice)) { heard.add(notice); window.notices.push(notice.textContent); }
})).observe(document, { childList: true, subtree: true });
"""
DELIMITERS, SYNTAX, DOUBTED = "dlm-delimiters-and-wrappers", "syn-syntax", "likely-label-error"
TILES = '[data-cy="fo-grid"] [data-cy="looker"]'

DELIMITED, WRONG, HOPELESS = r"$\alpha + 11$", r"$\frac{a}{c} + 22$", r"$q _ 3 + 33$"
MISREAD, READING = r"\frac{k}{l} + 77", r"\frac{k}{h} + 71"
OPEN, TURNED, TURNED_ANEW = r"\sqrt{y + 55", r"\frac{z}{w + 66", r"\frac{z}{v + 66"
#: Each test has its own samples: one `curate browse` serves them all.
LABELS = {
    "fix": DELIMITED,
    "edit": WRONG,
    "reject": HOPELESS,
    "clean": "x + 44",
    "open": OPEN,
    "turned": TURNED,
    "read": MISREAD,
}
EDITED = r"\frac{a}{b} + 22"


pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on this machine"),
]


def curate(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in its own process."""
    code = "from curate.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
        timeout=300,
        **options,
    )


def write_source(folder: Path, labels: dict[str, str]) -> Path:
    """Write JSON lines with the labels, and an image of each label's original formula."""
    folder.mkdir(exist_ok=True)
    for name, label in LABELS.items():
        path = folder / f"{name}.png"
        if not path.exists():
            path.write_bytes(render_png(label if label.count("{") == label.count("}") else label + "}", scale=3))
    rows = [{"id": name, "label": label, "image": f"{name}.png"} for name, label in labels.items()]
    source = folder / "s.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return source


def decisions(run: Path) -> dict[str, list[str | None]]:
    """Action and label by sample, as another process reads them."""
    code = (
        "import json, sys; from pathlib import Path; from curate.runs.decisions import read_decisions\n"
        "standing = read_decisions(Path(sys.argv[1])).standing\n"
        "print(json.dumps({key: [one.action, one.label] for key, one in standing.items()}))"
    )
    command = [sys.executable, "-c", code, str(run / "decisions.jsonl")]
    read = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True, timeout=60)
    found: dict[str, list[str | None]] = json.loads(read.stdout)
    return found


@pytest.fixture(scope="module")
def run(mongod: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of LABELS."""
    folder = tmp_path_factory.mktemp("decide")
    source = write_source(folder / "data", LABELS)
    read = folder / "read.jsonl"
    read.write_text(json.dumps({"sample_id": "s/read", "gt": MISREAD, "pred": READING}) + "\n")
    curate("audit", source, "--out", folder / "run", "--predictions", read)
    return folder / "run"


@pytest.fixture(scope="module")
def url(run: Path, mongod: Path) -> Iterator[str]:
    """`curate browse` on the run; stopped afterwards, and checked to have ended well."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")}
    environment |= {"HOME": str(run.parent), "TEXSIEVE_CACHE": str(run.parent / "cache"), VARIABLE: str(mongod)}
    browsing = Browsing(run, {**environment, "PYTHONPATH": str(ROOT)}, "--who", "ann")
    try:
        yield browsing.wait().url
    finally:
        assert browsing.stop(seconds=60) == 0, browsing.said


# The browser ----------------------------------------------------------------------------------------------------------


class Page:
    """The App in a browser, used as a person does: only through what is visible and clickable."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.tiles = page.locator(TILES)
        page.set_default_timeout(PATIENCE)
        # An advertisement appears at random and covers the page until it has been dismissed once.
        page.add_init_script("localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true')")
        page.add_init_script(HEAR)

    def open(self, view: str) -> None:
        self.page.goto(f"{self.url}?view={view}")
        self.tiles.first.wait_for()

    def counted(self, number: int) -> Any:
        """The place where the App says that the grid holds this many samples."""
        words = f"{number} sample{'s' * (number != 1)}"
        return self.page.locator('[data-cy="entry-counts"]').get_by_text(words, exact=True)

    def count(self, number: int) -> None:
        """Wait until the grid holds this many samples."""
        self.counted(number).wait_for()

    def tile(self, label: str) -> Any:
        """The tile that shows this label."""
        found = self.tiles.filter(has_text=label)
        found.wait_for()
        return found

    def select(self, label: str) -> None:
        """Tick the box of a tile, which only shows while the mouse is over the tile."""
        selected = self.page.locator('[data-cy="action-manage-selected"]')
        selected.wait_for(state="hidden")  # the samples of the previous decision are no longer selected
        tile = self.tile(label)

        def tick() -> None:
            self.close_sample()  # the click came before the box appeared, and opened the sample
            tile.hover(timeout=5000)
            corner = tile.locator('[data-cy="looker-checkbox-"]').bounding_box(timeout=2000)
            if corner is not None:  # None while the tile is redrawn
                self.page.mouse.click(corner["x"] + 15, corner["y"] + 15)

        self.until(tick, selected)

    def close_sample(self) -> None:
        """Close the open sample, if any. The server remembers it and would open it for the next page, too."""
        opened = self.page.locator("#modal.modalon")
        for _ in range(10):
            if not opened.count():
                return
            self.page.mouse.click(6, 600)  # outside the sample
            self.page.keyboard.press("Escape")
            self.page.wait_for_timeout(500)

    def until(self, act: Any, there: Any) -> None:
        """Repeat an action until its result appears: the App ignores clicks on a tile that it still draws."""
        from playwright.sync_api import Error

        deadline = time.monotonic() + PATIENCE / 1000
        while True:
            try:
                act()
                there.first.wait_for(timeout=3000)
                return
            except Error:
                assert time.monotonic() < deadline, f"{there} is not there"

    def press(self, operator: str) -> None:
        """Click until the App sends the request: a click on a button that is being redrawn is lost."""
        from playwright.sync_api import Error

        button = self.page.locator(f'[data-item-id="@texsieve/decide/{operator}"]')
        name = f'"@texsieve/decide/{operator}"'
        for last in (False, False, True):
            try:
                with self.page.expect_request(lambda asked: name in (asked.post_data or ""), timeout=PATIENCE / 3):
                    button.click()
                return
            except Error:
                if last:
                    raise

    def decide_by_keys(self) -> Any:
        """The page for deciding by keys, which the App opens in a tab."""
        with self.page.context.expect_page(timeout=PATIENCE) as opened:
            self.press("decide_by_keys")
        tab = opened.value
        tab.set_default_timeout(PATIENCE)
        tab.locator("#pictures img").first.wait_for()
        return tab

    def notice(self) -> str:
        """The text of the App's next notice."""
        self.page.wait_for_function("window.notices.length")
        said: str = self.page.evaluate("window.notices.shift()")
        return said

    def decide(self, label: str, operator: str) -> str:
        """Select a sample and press a button; returns the text of the notice.

        The App may drop a selection while it redraws the grid. It then says that nothing is selected, and the sample is
        selected again, as a person would.
        """
        for _ in range(5):
            self.select(label)
            self.press(operator)
            said = self.notice()
            if said != NOTHING:
                break
            self.page.get_by_text(NOTHING).wait_for(state="hidden")  # otherwise it would not be shown again
        return said


@pytest.fixture
def page(url: str) -> Iterator[Page]:
    """A page of a fresh browser. Its requests to other machines are blocked, and must be for fonts."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium: install it (apt-get install chromium), the CI must see the App"
    outside: list[str] = []

    def block(route: Any) -> None:
        outside.append(route.request.url)
        route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1900, "height": 1000})
        context.route(lambda url: urlsplit(url).hostname not in ("127.0.0.1", None), block)
        opened = Page(context.new_page(), url)
        yield opened
        browser.close()
    assert [url for url in outside if urlsplit(url).hostname != "fonts.googleapis.com"] == []


# What people do -------------------------------------------------------------------------------------------------------


def test_three_decisions_go_from_the_browser_to_the_export(page: Page, run: Path, tmp_path: Path) -> None:
    page.open(DELIMITERS)
    page.count(3)

    assert page.decide(DELIMITED, "accept_fix") == "1 fixed."
    page.count(2)  # the fixed label has no delimiters to find

    page.select(WRONG)
    tab = page.decide_by_keys()
    assert tab.locator("#title").inner_text() == "s/edit"
    assert tab.get_by_text("Filter in FiftyOne").get_attribute("href") == page.url
    tab.keyboard.press("e")
    text = tab.locator("#text")
    assert text.input_value() == r"\frac{a}{c} + 22"  # the proposed fix
    text.fill(r"\frac{a}{b")
    tab.get_by_text("this brace is never closed").first.wait_for()
    text.fill(EDITED)
    tab.get_by_text("Nothing found").wait_for()
    tab.keyboard.press("Enter")
    tab.get_by_text("All decided").wait_for()
    tab.close()
    page.until(lambda: page.open(DELIMITERS), page.counted(1))

    assert page.decide(HOPELESS, "reject") == "1 rejected."

    page.open(DOUBTED)
    assert page.decide(MISREAD, "take_reading") == "1 edited."

    mine = ("s/fix", "s/edit", "s/reject", "s/read")
    assert {key: found for key, found in decisions(run).items() if key in mine} == {
        "s/fix": ["fix", r"\alpha + 11"],
        "s/edit": ["edit", EDITED],
        "s/reject": ["reject", None],
        "s/read": ["edit", READING],
    }
    assert {json.loads(line)["who"] for line in (run / "decisions.jsonl").read_text().splitlines()} == {"ann"}

    curate("export", run, "--out", tmp_path / "out")
    table = pl.concat([pl.read_parquet(path) for path in sorted((tmp_path / "out" / "data").glob("*.parquet"))])
    assert dict(
        table.filter(pl.col("sample_id").is_in([*mine, "s/clean"])).select("sample_id", "label").iter_rows()
    ) == {
        "s/fix": r"\alpha + 11",
        "s/edit": EDITED,
        "s/read": READING,
        "s/clean": LABELS["clean"],
    }
    dropped = pl.read_parquet(tmp_path / "out" / "dropped.parquet")
    assert dict(dropped.select("sample_id", "reason").iter_rows())["s/reject"] == "rejected"


def test_what_the_grid_shows_is_walked_through_by_keys(page: Page, run: Path) -> None:
    page.open(SYNTAX)
    tab = page.decide_by_keys()
    assert tab.locator("#place").inner_text() == "sample 1 of 2"
    first = tab.locator("#title").inner_text()
    tab.keyboard.press("a")
    tab.get_by_text("sample 2 of 2").wait_for()
    tab.get_by_text(f"{first}: 1 accepted as it is.").wait_for()
    assert decisions(run)[first] == ["accept", None]
    tab.keyboard.press("u")
    tab.get_by_text("sample 1 of 2").wait_for()
    assert (tab.locator("#title").inner_text(), tab.locator("#state").inner_text()) == (first, "undecided")
    assert first not in decisions(run)


def test_a_label_that_changed_meanwhile_is_not_decided_on(page: Page, run: Path) -> None:
    page.open(SYNTAX)
    page.tile(TURNED)
    source = write_source(run.parent / "data", {**LABELS, "turned": TURNED_ANEW})
    curate("audit", source, "--out", run, "--update")
    assert page.decide(TURNED, "reject").startswith("1 has another label since the last audit of the run")
    assert "s/turned" not in decisions(run)
    assert page.decide(TURNED, "check_again") == "1 checked again."
    assert page.decide(TURNED_ANEW, "reject") == "1 rejected."
    assert decisions(run)["s/turned"] == ["reject", None]
