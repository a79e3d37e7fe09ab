"""Measures `curate browse` for bench.py: seconds to the first picture in a browser, and import speed compared with
`add_samples`. Asserts nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

SAMPLES, QUICK = 20_000, 500
#: The number of different pictures. All files exist, and many are links to one of these.
PICTURES = 400
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
#: The first card on the screen with its picture.
FIRST = '[data-cy="fo-grid"] [data-cy="looker"] canvas[canvas-loaded="true"]'
#: Runs in a process with FiftyOne: both ways in turn, from rows of `curate.browse.dataset.rows` to an open data set.
IMPORTS = """
import json, sys
from pathlib import Path
from time import perf_counter
import fiftyone as fo
from curate.browse.dataset.writing import FIELDS, write_dataset
from curate.browse.dataset.rows import rows
from curate.browse.process.work import WorkingFiles
from curate.runs.folder import load_run
run, work, rounds = load_run(Path(sys.argv[1])), WorkingFiles(Path(sys.argv[2])), int(sys.argv[3])
frame = rows(run, work)
def ours(number):
    write_dataset(work.dataset, run, work, frame, "mark")
    kind = fo.types.FiftyOneDataset
    return fo.Dataset.from_dir(dataset_dir=str(work.dataset), dataset_type=kind, name=f"a{number}", progress=False)
def sample(row):
    found = [fo.Classification(**entry) for entry in row["findings"] or []]
    values = {name: row[name] for name in FIELDS if name in row and name != "findings"}
    return fo.Sample(filepath=row["filepath"], findings=fo.Classifications(classifications=found),
        proposed=None, change="", decision="undecided", decided_label=None, **values)
def theirs(number):
    dataset = fo.Dataset(f"b{number}")
    dataset.add_samples([sample(row) for row in frame.iter_rows(named=True)], progress=False)
    return dataset
times = {"ours": [], "theirs": []}
for number in range(rounds):
    for name, make in (("ours", ours), ("theirs", theirs)):
        start = perf_counter()
        dataset = make(number)
        times[name].append(perf_counter() - start)
        assert len(dataset) == frame.height
        fo.delete_dataset(dataset.name)
print(json.dumps(times))
"""


def measure_browse(folder: Path, root: Path, quick: bool, rounds: int) -> dict[str, Any]:
    """The time from `curate browse` with 20,000 samples to the first picture in headless Chromium, at the first and
    second start.

    Without FiftyOne, its mongod, playwright or Chromium, it prints one line on standard error.
    """
    missing = _missing(root)
    if missing:
        print(f"bench: left out: curate browse ({missing} is missing)", file=sys.stderr)
        return {}
    from curate.browse.process.mongod import VARIABLE, Mongod

    folder = folder / "browse"
    run = _run(folder, QUICK if quick else SAMPLES)
    program = _mongod(root)
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")},
        "HOME": str(folder / "home"),
        "TEXSIEVE_CACHE": str(folder / "cache"),
        VARIABLE: str(program),
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
    }
    first, second = _opened(run, variables), _opened(run, variables)
    database = Mongod(program, folder / "database", folder / "mongod.log")
    database.wait()
    try:
        done = subprocess.run(
            [sys.executable, "-c", IMPORTS, str(run), str(folder / "work"), str(min(rounds, 3))],
            env={**variables, "FIFTYONE_DATABASE_URI": database.uri, "FIFTYONE_DATABASE_VALIDATION": "false"},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        database.stop()
    times = json.loads(done.stdout.splitlines()[-1])
    ratios = [theirs / ours for ours, theirs in zip(times["ours"], times["theirs"], strict=True)]
    samples = QUICK if quick else SAMPLES
    return {
        "samples": samples,
        "first": first,
        "second": second,
        "imported_per_second": samples / _median(times["ours"]),
        "add_samples_per_second": samples / _median(times["theirs"]),
        "ratio": _median(ratios),
    }


def line(found: dict[str, Any]) -> str:
    """The measurement as a sentence."""
    from curate.base.tables import count

    first, second = found["first"], found["second"]
    return (
        f"curate browse of {count(found['samples'])} samples: {first['picture']:.1f} s to the first picture in "
        f"Chromium ({first['open']:.1f} s to the address), {second['picture']:.1f} s the second time; "
        f"{count(round(found['imported_per_second']))} samples/s imported, "
        f"{count(round(found['add_samples_per_second']))} with add_samples: ÷ {found['ratio']:.1f}."
    )


def _median(values: Sequence[float]) -> float:
    from statistics import median

    return median(values)


def _missing(root: Path) -> str:
    for name in ("fiftyone", "playwright"):
        if find_spec(name) is None:
            return name
    if _chromium() is None:
        return "Chromium"
    return "" if _mongod(root) else "mongod"


def _mongod(root: Path) -> Path | None:
    from curate.browse.process.mongod import VARIABLE, find_mongod

    built = root / "build" / "mongod" / "fiftyone" / "db" / "bin" / "mongod"
    return built if built.is_file() and not os.environ.get(VARIABLE) else find_mongod()


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _run(folder: Path, samples: int) -> Path:
    """A run of printed formulas with pictures, of which one in twenty lacks a brace."""
    from curate.audit import AuditOptions, audit
    from curate.demo.printed import PRINTED_KINDS
    from curate.render import render_png
    from curate.sources import parse_source
    from rules import select

    images = folder / "data" / "images"
    images.mkdir(parents=True)
    random = Random(0)
    lines = []
    for number in range(samples):
        formula = PRINTED_KINDS[number % len(PRINTED_KINDS)](random)
        path = images / f"{number}.png"
        if number < PICTURES:
            path.write_bytes(render_png(formula))
        else:
            path.hardlink_to(images / f"{number % PICTURES}.png")
        label = rf"{formula} \quad ({number})" if number % 20 else rf"\frac{{{number}}} {formula[:-1]}{{"
        lines.append(json.dumps({"id": str(number), "label": label, "image": f"images/{number}.png"}) + "\n")
    source = folder / "data" / "formulas.jsonl"
    source.write_text("".join(lines), encoding="utf-8")
    options = AuditOptions(select(), probe_images=False)
    return audit([parse_source(f"jsonl:{source}")], folder / "run", options).path


def _opened(run: Path, variables: dict[str, str]) -> dict[str, float]:
    """Seconds from the start of the command to its address and to the first picture. The browser is already open."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-c", "from curate.cli.main import main; main()", "browse", str(run), "--no-open"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=list(FLAGS))
        page = browser.new_context(viewport={"width": 1500, "height": 950}).new_page()
        page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        page.goto("about:blank")
        start = perf_counter()
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            url = next((line.split()[1] for line in process.stdout if line.startswith("open ")), "")
            opened = perf_counter() - start
            page.goto(url)
            page.locator(FIRST).first.wait_for(timeout=300_000)
            return {"open": opened, "picture": perf_counter() - start}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            browser.close()


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="texsieve-browse-") as made:
        measured = measure_browse(Path(made), Path(__file__).resolve().parents[1], "--quick" in sys.argv, 3)
        print(json.dumps(measured, indent=1))
        if measured:
            print(line(measured))
