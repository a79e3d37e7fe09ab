"""Shared by the tests of `curate browse`: a run with pictures, and the command as a process. No fixtures."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from curate.browse.dataset.rows import listed
from curate.browse.page.opened import opened
from curate.browse.page.web import PageServer
from curate.browse.process.work import WorkingFiles, command_line
from curate.runs.folder import load_run

#: The options that start a headless Chromium.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]
#: The label and the picture of each sample: "same" has another sample's picture, None has none, a suffix is the format.
ROWS: list[tuple[str, str | None]] = [
    (r"\frac{a}{b} + c", ".png"),
    (r"x^{2} + y^{2} = z^{2}", ".png"),
    (r"\frac{a", ".png"),  # SYN001, can't be drawn
    (r"\sqrt {  x }  ", ".jpg"),
    (r"\int_0^1 f(x) dx", ".tiff"),  # no browser shows it
    (r"\alpha + \beta", "missing"),
    (r"\gamma \times \delta", None),
    (r"x^{3} + y^{2} = z^{2}", "same"),  # the picture of the second
    (r"\undefinedcommand x", ".png"),
    (r"解 : x = 1", ".png"),
    ("\times 3", ".png"),  # ESC005: an escape ate the command
    (r"\left( a + b", ".png"),
]


def make_source(folder: Path, rows: list[tuple[str, str | None]] = ROWS) -> Path:
    """A jsonl source with the pictures of ROWS."""
    (folder / "images").mkdir(parents=True)
    lines = []
    for number, (label, kind) in enumerate(rows):
        row: dict[str, Any] = {"id": f"s{number}", "label": label}
        if kind is not None:
            name = "images/1.png" if kind == "same" else f"images/{number}{kind if kind != 'missing' else '.png'}"
            row["image"] = name
            if kind.startswith("."):
                picture = Image.new("RGB", (160 + 8 * number, 60), "white")
                ImageDraw.Draw(picture).text(
                    (12, 18), f"{number} {label}".encode("ascii", "replace").decode(), fill="black"
                )
                picture.save(folder / name)
        lines.append(json.dumps(row) + "\n")
    source = folder / "formulas.jsonl"
    source.write_text("".join(lines), encoding="utf-8")
    return source


def make_run(folder: Path, rows: list[tuple[str, str | None]] = ROWS) -> Path:
    """A run folder of such a source."""
    from curate.audit import AuditOptions, audit
    from curate.sources import parse_source
    from rules import select

    source = make_source(folder / "data", rows)
    return audit([parse_source(f"jsonl:{source}")], folder / "run", AuditOptions(select())).path


class Browsing:
    """`curate browse` as a process. `url` is the App's, `pids` the numbers of its processes by name."""

    def __init__(self, run: Path, environment: dict[str, str], *arguments: str) -> None:
        self.cache = Path(environment["TEXSIEVE_CACHE"])
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from curate.cli.main import main; main()",
                "browse",
                str(run),
                "--no-open",
                *arguments,
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []

    def wait(self) -> Browsing:
        """Wait until the App answers. If the command ends first, fail with its output."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if line.startswith(("filter ", "It answers")):  # the App, or only the page
                return self
        raise AssertionError(f"it ended: {self.said} {self.process.stderr.read() if self.process.stderr else ''}")

    @property
    def url(self) -> str:
        return self.said[-1].split()[1]

    @property
    def page(self) -> str:
        """The address of the page for deciding."""
        return next(line.split()[1] for line in self.said if line.startswith("decide "))

    @property
    def base(self) -> str:
        return self.url.partition("/datasets/")[0]

    @property
    def work(self) -> Path:
        return next((self.cache / "browse").iterdir())

    @property
    def pids(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.work / "pids.json").read_text())["processes"]
        return found

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body of a request to the App."""
        request = urllib.request.Request(self.base + path, headers=headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def stop(self, signum: int = signal.SIGTERM, seconds: float = 30) -> int:
        self.process.send_signal(signum)
        self.process.communicate(timeout=seconds)
        return self.process.returncode


@contextmanager
def page_of(run: Path, folder: Path, who: str = "ann") -> Iterator[PageServer]:
    """The page for deciding on a run's samples, without FiftyOne. Pictures are kept in the folder."""
    work = WorkingFiles(folder)
    folder.mkdir(exist_ok=True)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with opened(load_run(run), work, listed(load_run(run)), listening, who) as server:
            yield server


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that name a folder."""
    if not sys.platform.startswith("linux"):
        pytest.skip("looks into /proc")
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [line for line in map(command_line, pids) if str(folder) in line]


def gone(folder: Path, seconds: float = 30) -> list[str]:
    """The processes that still name a folder after some time; normally none."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def inside(code: str, environment: dict[str, str], **variables: str) -> Any:
    """The last line that Python code prints, read as JSON, from a process that may import fiftyone."""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**environment, **variables}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
