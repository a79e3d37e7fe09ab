"""Opens reports and training pages of hostile labels in a headless browser. Nothing may run or be fetched."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

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
    """Scripts in labels, names, columns and a model's answers: pages must show them as text."""
    from playwright.sync_api import sync_playwright

    source = folder / "labels.jsonl"
    rows = [_row(random, number) for number in range(40)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = program("curate", "audit", source, "--out", folder / "run")
    if what := complaint(run(command), (0,)):
        return [Failure(what, shlex.join(command))], Counter({"report": 1})
    pages = {folder / "run" / "report.html": shlex.join(command), _training_page(rows, folder): "samples_page.build"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        failures = [
            Failure(what, f"{made_by}; open {path}")
            for path, made_by in pages.items()
            for what in _opened(browser, path)[:1]
        ]
        browser.close()
    return failures, Counter({"report": 1, "training page": 1})


def _row(random: Random, number: int) -> dict[str, str]:
    script = random.choice(_SCRIPTS)
    label = made(random)[:300].encode("utf-8", "replace").decode()
    at = random.randint(0, len(label))
    return {"id": f"{number}{script}", "latex": label[:at] + script + label[at:], script: script}


def _training_page(rows: Sequence[dict[str, str]], folder: Path) -> Path:
    """A page of a training's evaluation that reads each label as the next one."""
    from finetune.predict.engines import Answer
    from finetune.train.samples_page import build

    answers = [
        Answer(row["id"], row["latex"], other["latex"]) for row, other in zip(rows, rows[1:] + rows[:1], strict=True)
    ]
    path = folder / "step-000001.html"
    path.write_bytes(build(1, 0.5, answers, {}))
    return path


def _opened(browser: Any, path: Path) -> list[str]:
    """What is wrong with a page: what runs in it, and what it asks for."""
    found: list[str] = []
    page = browser.new_page()
    page.on("dialog", lambda dialog: found.append(f"a dialog: {dialog.message}"))
    page.on("pageerror", lambda error: found.append(f"an error in the page's script: {error}"))
    page.on("request", lambda request: found.append(f"asks for {request.url[:100]}") if _is_out(request.url) else None)
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    for fold in page.query_selector_all("details"):
        fold.evaluate("element => element.open = true")
    page.wait_for_timeout(300)
    if page.evaluate("window.broken"):
        found.append("a script in a label ran")
    page.close()
    return found


def _is_out(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:", "about:"))


def chromium() -> str | None:
    """The system's Chromium; None for the one that playwright installs."""
    import shutil

    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
