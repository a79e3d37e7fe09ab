"""Makes the pictures of README.md and the docs, from the demo's own data in headless Chromium. Tests nothing.

`make pictures` makes the demo and two files of predictions in a temporary folder, opens the pages, and writes
docs/pictures/NAME.png; `make pictures PICTURES="report"` makes some of them. The predictions come from no model: they
are the demo's labels with symbols misread here and there, fewer in the second file.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from random import Random

import polars as pl
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "pictures"
#: The most bytes of a picture, for READMEs over slow connections.
MOST_BYTES = 150_000
_COMMANDS = Path(sys.executable).parent
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
#: Symbols that a careless reader confuses, and how many of 100 formulas each reader gets wrong.
_MISREAD = {r"\beta": "B", r"\alpha": "a", "1": "7", "2": "z", "x": r"\times", "5": "s", "_": "", "+": "t", "0": "o"}
_READERS = {"base": 34, "tuned": 16}

#: Opens one page of the demo in this folder: yields its address and the height to show of it.
OpenPage = Callable[[Path], AbstractContextManager[tuple[str, int]]]


@contextmanager
def report(demo: Path) -> Iterator[tuple[str, int]]:
    yield (demo / "run" / "report.html").as_uri(), 880


@contextmanager
def compare(demo: Path) -> Iterator[tuple[str, int]]:
    page = demo / "compare.html"
    files = [_predictions(demo, name, share) for name, share in _READERS.items()]
    _run("finetune", "compare", *files, "--names", "Base,Tuned", "--out", page)
    yield page.as_uri(), 880


@contextmanager
def decide(demo: Path) -> Iterator[tuple[str, int]]:
    """The page of `curate browse`, at the first sample with a proposed fix."""
    command = [_COMMANDS / "curate", "browse", demo / "run", "--no-app", "--no-open", "--who", "ann"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as browsing:
        assert browsing.stdout is not None
        (address,) = (line.split()[1] for line in islice(browsing.stdout, 3) if line.startswith("decide"))
        try:
            yield f"{address}#queue=fixable", 640
        finally:
            browsing.terminate()


#: Every picture by its name.
PICTURES: dict[str, OpenPage] = {"report": report, "decide": decide, "compare": compare}


def _predictions(demo: Path, name: str, share: int) -> Path:
    """A reader's answer to a picture of the demo: the right formula, or one with a symbol misread."""
    planted = (json.loads(line) for line in (demo / "data" / "planted.jsonl").read_text(encoding="utf-8").splitlines())
    right = {row["sample_id"]: row["original"] for row in planted}
    samples = pl.read_parquet(demo / "run" / "samples.parquet").filter(pl.col("source") != "m2e")
    out = demo / "data" / f"{name}.jsonl"
    with out.open("w", encoding="utf-8") as file:
        for sample_id, source, image, label in samples.select("sample_id", "source", "image", "label").iter_rows():
            formula = right.get(sample_id, label)
            random = Random(f"{sample_id} {share}")
            if random.randrange(100) < share:
                formula = _misread(formula, random)
            row = {"sample_id": sample_id, "gt": label, "pred": formula, "image": f"{source}/{image}"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return out


def _misread(formula: str, random: Random) -> str:
    tokens = formula.split(" ")
    places = [place for place, token in enumerate(tokens) if token in _MISREAD]
    if places:
        place = random.choice(places)
        tokens[place] = _MISREAD[tokens[place]]
    return " ".join(token for token in tokens if token)


def _run(command: str, *arguments: str | Path) -> None:
    subprocess.run([_COMMANDS / command, *arguments], check=True, stdout=subprocess.DEVNULL)


def _taken(browser: Browser, address: str, height: int) -> bytes:
    """The top of a page as a small PNG."""
    tab = browser.new_page(viewport={"width": 1240, "height": height}, color_scheme="light")
    tab.goto(address, wait_until="networkidle")
    shot = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    tab.close()
    small = io.BytesIO()
    shot.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PICTURES]
    if unknown:
        print(f"no picture is called {', '.join(unknown)}; there are: {', '.join(PICTURES)}", file=sys.stderr)
        return 2
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("pictures need Chromium: install it and run this again", file=sys.stderr)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Path(folder) / "demo"
        _run("curate", "demo", "--out", demo)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        for name in names or PICTURES:
            with PICTURES[name](demo) as (address, height):
                data = _taken(browser, address, height)
            if len(data) > MOST_BYTES:
                print(f"{name}.png would have {len(data):,} bytes, more than {MOST_BYTES:,}", file=sys.stderr)
                return 1
            (OUT / f"{name}.png").write_bytes(data)
            print(f"{(OUT / f'{name}.png').relative_to(ROOT)}  {len(data):,} bytes")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
