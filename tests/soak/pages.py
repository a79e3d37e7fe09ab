"""Opens reports of hostile labels in a headless browser: nothing runs, nothing is fetched."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path
from random import Random

from attack import Failure, complaint, program, run
from labels import made

_SCRIPTS = (
    "<script>window.broken=1</script>",
    '"><img src=x onerror=window.broken=1>',
    "</script><script>window.broken=1</script>",
    "\\text{<svg onload=window.broken=1>}",
    "\\href{javascript:window.broken=1}{x}",
    '\\mmlToken{mi}[href="javascript:window.broken=1"]{x}',
    "<!--<script>window.broken=1</script>-->",
    "${window.broken=1}`{{constructor.constructor('window.broken=1')()}}",
    "\\includegraphics{http://127.0.0.1:9/x.png} x",
    "\\colorbox{url(http://127.0.0.1:9/)}{x}",
    "&lt;img src=x onerror=window.broken=1&gt;",
)


def attack(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """Labels with scripts in them, in labels, names and columns: the report shows them as text."""
    from playwright.sync_api import sync_playwright

    source = folder / "labels.jsonl"
    with source.open("w", encoding="utf-8") as lines:
        for number in range(40):
            script = random.choice(_SCRIPTS)
            label = made(random)[:300].encode("utf-8", "replace").decode()
            at = random.randint(0, len(label))
            row = {"id": f"{number}{script}", "latex": label[:at] + script + label[at:], script: script}
            lines.write(json.dumps(row) + "\n")
    command = program("curate", "audit", source, "--out", folder / "run")
    if what := complaint(run(command), (0,)):
        return [Failure(what, shlex.join(command))], Counter({"report": 1})
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        page = browser.new_page()
        page.on("dialog", lambda dialog: found.append(f"a dialog: {dialog.message}"))
        page.on("pageerror", lambda error: found.append(f"an error of the page's script: {error}"))
        page.on(
            "request", lambda request: found.append(f"asks for {request.url[:100]}") if _is_out(request.url) else None
        )
        page.goto((folder / "run" / "report.html").as_uri())
        page.wait_for_timeout(300)
        for fold in page.query_selector_all("details"):
            fold.evaluate("element => element.open = true")
        page.wait_for_timeout(300)
        if page.evaluate("window.broken"):
            found.append("a script of a label ran")
        browser.close()
    return [Failure(what, f"{shlex.join(command)}; open {folder}/run/report.html") for what in found[:1]], Counter(
        {"report": 1}
    )


def _is_out(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:", "about:"))


def chromium() -> str | None:
    """The system's Chromium; None for the one that playwright brings."""
    import shutil

    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
