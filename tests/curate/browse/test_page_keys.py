"""The page for deciding, in a headless Chromium, by keys alone: what people press and see, and what is written."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsing import FLAGS, make_run, page_of

from curate.base.errors import UserError
from curate.browse.page.web import PageServer
from curate.runs.decisions import append_decisions, decide, read_decisions

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on this machine"),
]
#: Timeout in milliseconds, for a busy machine.
PATIENCE = 60_000
#: Labels that would run if they were treated as markup, and others that must stay text.
HOSTILE = [
    r"\frac{a <img src=x onerror=window.broken=1>",
    r"x^ </code><script>window.broken=1</script>",
    r"\text{</textarea><svg onload=window.broken=1>",
    r"\href{javascript:window.broken=1}{x",
    "\\frac{\u202e a",
]
PLAIN = [rf"\frac{{a_{{{number}}}" for number in range(10)] + [rf"$b_{{{number}}} + 1$" for number in range(12)]


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    run = make_run(folder, [(label, ".png") for label in PLAIN + HOSTILE])
    summary = json.loads((run / "summary.json").read_text())
    read = [
        {"sample_id": f"formulas/s{number}", "pred_label": rf"\frac{{a_{{{number}}}}}{{b}}"} for number in range(10)
    ]
    read.append({"sample_id": f"formulas/s{len(PLAIN)}", "pred_label": "<img src=x onerror=window.broken=1>"})
    summary["predictions"] = {"files": [], "likely_label_errors": read}
    (run / "summary.json").write_text(json.dumps(summary))
    return run


@pytest.fixture
def run(_made: Path, tmp_path: Path) -> Path:
    shutil.copytree(_made.parent, tmp_path / "made")
    return tmp_path / "made" / "run"


@pytest.fixture
def server(run: Path, tmp_path: Path) -> Iterator[PageServer]:
    with page_of(run, tmp_path / "work") as served:
        yield served


def until(page: Any, condition: str, argument: Any = None) -> None:
    """Wait for a JavaScript condition. The page's policy blocks playwright's own waiting."""
    end = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(condition, argument):
        assert time.monotonic() < end, (condition, argument)
        time.sleep(0.02)


class Tab:
    """The page as a person without a mouse uses it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.pressed = 0

    @property
    def shown(self) -> str:
        found: str = self.page.locator("#title").inner_text()
        return found

    @property
    def said(self) -> str:
        found: str = self.page.locator("#said").inner_text()
        return found

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def until(self, condition: str, argument: Any = None) -> None:
        until(self.page, condition, argument)

    def go(self, *keys: str) -> str:
        """Press keys, and wait until another sample (or the end) is shown."""
        before = self.page.evaluate("location.hash")
        self.press(*keys)
        self.until("before => location.hash !== before && !moving", before)
        return self.shown


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium: install it (apt-get install chromium), the CI must see the page"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


def opened(browser: Any, server: PageServer, problems: list[str], queue: str = "all") -> Tab:
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    page.on(
        "request",
        lambda request: None if urlsplit(request.url).port == server.port else problems.append(f"asks {request.url}"),
    )
    page.goto(f"{server.url}#queue={queue}")
    tab = Tab(page)
    tab.until("document.title.includes('formulas/') && !moving")
    return tab


@pytest.fixture
def tab(browser: Any, server: PageServer) -> Iterator[Tab]:
    problems: list[str] = []
    tab = opened(browser, server, problems)
    yield tab
    tab.page.context.close()
    assert problems == []


def standing(run: Path) -> dict[str, tuple[str, str | None]]:
    found = read_decisions(run / "decisions.jsonl").standing
    return {name.removeprefix("formulas/"): (decision.action, decision.label) for name, decision in found.items()}


def wait_for(run: Path, number: int) -> dict[str, tuple[str, str | None]]:
    end = time.monotonic() + PATIENCE / 1000
    while len(standing(run)) != number:
        assert time.monotonic() < end, standing(run)
        time.sleep(0.05)
    return standing(run)


def test_twenty_samples_in_twenty_keys(tab: Tab, run: Path) -> None:
    expected: dict[str, tuple[str, str | None]] = {}
    for number in range(20):
        shown = tab.shown.removeprefix("formulas/")
        at = int(shown[1:])
        if number % 5 == 0:
            key, made = "r", ("reject", None)
        elif at < 10:
            key, made = "m", ("edit", rf"\frac{{a_{{{at}}}}}{{b}}")
        elif at < len(PLAIN):
            key, made = "f", ("fix", rf"b_{{{at - 10}}} + 1")
        else:
            key, made = "a", ("accept", None)
        expected[shown] = made
        tab.go(key)
    assert tab.pressed == 20
    assert len(expected) == 20
    assert wait_for(run, 20) == expected


def test_after_a_reload_keys_act_on_the_sample_that_is_shown(tab: Tab, run: Path) -> None:
    tab.go("ArrowRight")
    third = tab.go("ArrowRight")
    tab.page.reload()
    tab.until("id => document.title.includes(id) && !moving", third)
    fourth = tab.go("ArrowRight")
    assert len({third, fourth}) == 2
    assert tab.go("ArrowLeft") == third
    tab.go("r")
    tab.until("id => document.getElementById('said').textContent === `${id}: 1 rejected.`", third)
    assert standing(run) == {third.removeprefix("formulas/"): ("reject", None)}
    assert tab.shown == fourth
    tab.page.reload()
    tab.until("id => document.title.includes(id) && !moving", fourth)
    assert tab.go("u") == third  # the last decision of this tab before the reload
    assert standing(run) == {}


def test_the_page_says_what_it_waits_for(browser: Any, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first sample may take seconds on a large run. Until then the page is not blank."""
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE)
    slow = {name: getattr(server.answers, name) for name in ("start", "sample", "picture")}
    steps = {
        "start": "Reading the run",
        "sample": "Opening the first sample",
        "picture": "Drawing the labels and opening",
    }
    waited = {name: threading.Event() for name in slow}

    def held(name: str) -> Any:
        def answer(*arguments: Any) -> Any:
            waited[name].wait(PATIENCE / 1000)
            return slow[name](*arguments)

        return answer

    for name in slow:
        monkeypatch.setattr(server.answers, name, held(name))
    try:
        page.goto(server.url, wait_until="commit")
        for name, said in steps.items():
            until(page, "said => document.querySelector('#loading-what')?.textContent.startsWith(said)", said)
            assert page.locator("#loading").is_visible()
            waited[name].set()
        until(page, "() => document.querySelector('#loading').hidden && !document.querySelector('#card').hidden")
    finally:
        for event in waited.values():
            event.set()


def test_a_slow_sample_is_told_and_no_message_is_lost(
    tab: Tab, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    sample = server.answers.sample

    def slow(*arguments: Any) -> Any:
        go_on.wait(PATIENCE / 1000)
        return sample(*arguments)

    tab.press("ArrowLeft")
    tab.until("() => document.querySelector('#said').textContent === 'That was the first one.' && !moving")
    monkeypatch.setattr(server.answers, "sample", slow)
    try:
        before = tab.page.evaluate("say('1 accepted'), location.hash")
        tab.page.evaluate("void go('next', current.id)")
        tab.until("() => document.querySelector('#said').textContent === 'Loading the sample…'")
        go_on.set()
        tab.until("before => location.hash !== before && !moving", before)
        assert tab.said == "1 accepted"
    finally:
        go_on.set()


def test_a_run_that_cant_be_read_is_told(browser: Any, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise UserError("the run is gone")

    monkeypatch.setattr(server.answers, "sample", broken)
    page = browser.new_context().new_page()
    page.goto(server.url)
    until(page, "() => document.querySelector('#said').textContent === 'the run is gone'")
    assert page.locator("#loading-what").inner_text() == "No sample could be loaded. Reload the page to try again."
    assert not page.locator("#loading-bar").is_visible()


def test_state_message_and_proposal_are_there_at_once(tab: Tab) -> None:
    seen = tab.page.locator("main").inner_text()
    assert "undecided" in seen
    assert "this brace is never closed" in seen
    assert "Model’s reading" in seen
    for button in ("a", "f", "m", "e", "r", "s", "u", "ArrowLeft", "ArrowRight"):
        assert tab.page.locator(f'[aria-keyshortcuts="{button}"]').is_visible()
    assert tab.page.evaluate("[...document.querySelectorAll('figure img')].every((image) => image.naturalWidth > 9)")
    assert tab.page.evaluate("document.activeElement.id") == "title"
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.press("f")
    assert tab.said == "There is no proposed fix for this sample."


def test_skip_undo_and_the_end(tab: Tab, run: Path) -> None:
    first = tab.shown
    second = tab.go("s")
    tab.go("a")
    tab.go("r")
    wait_for(run, 2)
    tab.go("u")
    assert tab.go("u") == second
    assert standing(run) == {}
    third = tab.go("r")
    tab.go("ArrowLeft")
    assert tab.go("r") == third  # already decided: it moves on
    assert tab.go("u") == second
    tab.press("u")
    assert tab.said == "There is nothing to take back."
    labels = PLAIN + HOSTILE
    others = [(f"formulas/s{at}", label) for at, label in enumerate(labels) if f"formulas/s{at}" not in (first, second)]
    append_decisions(run, [decide(name, "accept", label, None, "bob") for name, label in others])
    tab.go("ArrowRight")
    tab.go("ArrowLeft")
    tab.go("s")
    last = tab.go("ArrowLeft")  # from the end back to the last sample of the list
    assert last not in (first, second)
    tab.go("s")
    assert "2 of 27 left" in tab.page.locator("#left").inner_text()
    assert tab.go("Enter") == first
    assert "25 decided" in tab.page.locator("#decided").inner_text()


def test_a_decision_whose_undoing_failed_can_still_be_undone(browser: Any, server: PageServer, run: Path) -> None:
    tab = opened(browser, server, [])
    tab.go("r")
    wait_for(run, 1)
    tab.page.route("**/api/decide", lambda route: route.abort())
    tab.press("u")
    tab.until("document.querySelector('#said').textContent.includes('Is it still running?')")
    tab.page.unroute("**/api/decide")
    tab.press("u")
    wait_for(run, 0)
    tab.page.context.close()


def test_an_edit_is_drawn_while_it_is_typed_and_opens_without_a_complaint(tab: Tab, run: Path) -> None:
    shown = tab.shown
    drawn = tab.page.locator("#new img")
    tab.press("e")
    drawn.wait_for()
    assert tab.page.evaluate("document.activeElement.id") == "text"
    assert tab.page.locator("#hint").inner_text() == "No change yet."
    assert tab.page.locator("#said.bad").count() == 0
    before = drawn.get_attribute("src")
    tab.page.locator("#text").fill(r"\sqrt{x}")
    tab.until("before => document.querySelector('#new img').getAttribute('src') !== before", before)
    tab.page.get_by_text("Nothing found").wait_for()
    tab.press("Escape")
    assert not tab.page.locator("#edit").is_visible()
    assert standing(run) == {}
    tab.press("e")
    tab.page.locator("#text").fill("")
    assert "reject it" in tab.page.locator("#hint").inner_text()
    tab.press("Enter")
    tab.page.locator("#text").fill("r a f u")  # in the text field these are letters, not keys
    tab.go("Enter")
    assert wait_for(run, 1) == {shown.removeprefix("formulas/"): ("edit", "r a f u")}


def test_two_people_on_one_run_are_told_of_each_other(browser: Any, server: PageServer, run: Path) -> None:
    problems: list[str] = []
    ann, bob = opened(browser, server, problems), opened(browser, server, problems)
    bob.page.locator("#who").fill("bob")
    bob.press("Enter")
    first, second = ann.shown, ann.page.evaluate("ahead.answer.then((answer) => answer.sample.id)")
    assert bob.shown == first
    bob.go("r")
    wait_for(run, 1)
    ann.press("a")
    ann.until("document.getElementById('said').textContent.includes('meanwhile')")
    assert ann.said == "bob rejected this sample meanwhile. Look again, then decide."
    assert (ann.shown, ann.page.locator("#state").inner_text()) == (first, "rejected by bob")
    assert list(standing(run).values()) == [("reject", None)]
    assert ann.go("s") == second
    bob.go("a")
    wait_for(run, 2)
    ann.page.evaluate("refresh()")
    ann.until("document.getElementById('state').textContent === 'accepted by bob'")
    assert problems == []


def test_labels_never_run(browser: Any, server: PageServer) -> None:
    problems: list[str] = []
    tab = opened(browser, server, problems)
    tab.page.evaluate("queue => { location.hash = queue }", f"#queue=all&id=formulas/s{len(PLAIN)}")
    tab.until("id => document.title.includes(id) && !moving", f"formulas/s{len(PLAIN)}")
    for at in range(len(PLAIN), len(PLAIN) + len(HOSTILE)):
        tab.page.evaluate("id => go('here', id)", f"formulas/s{at}")
        tab.until("id => document.title.includes(id) && !moving", f"formulas/s{at}")
        tab.press("e")
        tab.page.locator("#new img").wait_for()
        tab.page.wait_for_timeout(100)
        tab.press("Escape")
        assert tab.page.locator("main script, main svg, main a, main iframe").count() == 0
    assert tab.page.evaluate("window.broken") is None
    assert "⟨U+202E⟩" in tab.page.locator("figure code").first.inner_text()
    assert problems == []
    with pytest.raises(Exception, match="Trusted"):
        tab.page.evaluate("document.querySelector('main').innerHTML = '<img src=x onerror=window.broken=1>'")


def test_a_browser_that_lets_pages_store_nothing(browser: Any, server: PageServer, run: Path) -> None:
    refused = "Object.defineProperty(window, name, {get() { throw new DOMException('denied', 'SecurityError'); }})"
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(f"for (const name of ['localStorage', 'sessionStorage']) {refused};")
    page.goto(f"{server.url}#queue=all")
    tab = Tab(page)
    tab.until("document.title.includes('formulas/') && !moving")
    tab.go("r")
    assert len(wait_for(run, 1)) == 1
    page.context.close()


def test_a_hostile_page_in_the_same_browser_decides_nothing(
    browser: Any, server: PageServer, run: Path, tmp_path: Path
) -> None:
    """It knows everything but the token, which the browser keeps for the page. It tries form, request and frame."""
    tab = opened(browser, server, [])
    order = {"id": tab.shown, "judged": PLAIN[0], "seen": "", "action": "reject", "label": None}
    attack = f"""<form method="post" enctype="text/plain" target="f" action="http://127.0.0.1:{server.port}/api/decide">
      <input name='{json.dumps(order)[:-1]}, "x": "' value='"}}'></form><iframe name="f"></iframe>
      <iframe id="g" src="http://127.0.0.1:{server.port}/"></iframe><script>window.got = [];
      const page = "http://127.0.0.1:{server.port}/api/";
      for (const mode of ["cors", "no-cors"]) for (const type of ["application/json", "text/plain"])
        fetch(page + "decide", {{ method: "POST", mode, credentials: "include", headers: {{ "Content-Type": type }},
          body: {json.dumps(json.dumps(order))} }}).then((r) => got.push(r.status), () => got.push("failed"));
      fetch(page + "start", {{ credentials: "include" }}).then((r) => got.push(r.status), () => got.push("failed"));
      document.forms[0].submit();</script>"""
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack" / "index.html").write_text(attack)
    with files(tmp_path / "attack") as port:
        evil = tab.page.context.new_page()
        for host in ("127.0.0.1", "localhost"):
            evil.goto(f"http://{host}:{port}/")
            evil.wait_for_function("got.length === 5")
            assert set(evil.evaluate("got")) <= {"failed", 0}
            evil.wait_for_timeout(300)
            assert all("page.js" not in frame.content() for frame in evil.frames[1:])
    assert standing(run) == {}
    tab.go("r")
    assert len(wait_for(run, 1)) == 1


class files:
    """A web server for a folder, on another port of this machine."""

    def __init__(self, folder: Path) -> None:
        from functools import partial
        from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))

    def __enter__(self) -> int:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self._server.server_port

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
