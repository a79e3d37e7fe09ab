"""`curate browse` as a process where there is no App: what it says, and how it opens the page in a browser."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browsing import Browsing, make_run

from curate.browse.process.mongod import URI_VARIABLE, VARIABLE

ROOT = Path(__file__).parents[3]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("alone"), [(r"\frac{a", None), ("x", None)])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """FiftyOne's package seems to be there; its database program is not."""
    (tmp_path / "packages" / "fiftyone").mkdir(parents=True)
    (tmp_path / "packages" / "fiftyone" / "__init__.py").write_text("raise ImportError('not the real one')\n")
    kept = {name: value for name, value in os.environ.items() if name not in (VARIABLE, URI_VARIABLE)}
    return {
        **kept,
        "PATH": str(tmp_path / "programs"),
        "HOME": str(tmp_path / "home"),
        "TEXSIEVE_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "packages"), str(ROOT))),
        "PYTHONUNBUFFERED": "1",
    }


Start = Callable[..., Browsing]


@pytest.fixture
def browse(environment: dict[str, str], run: Path) -> Iterator[Start]:
    started: list[Browsing] = []

    def start(*arguments: str, **variables: str) -> Browsing:
        started.append(Browsing(run, {**environment, **variables}, *arguments))
        return started[-1].wait()

    yield start
    for browsing in started:
        if browsing.process.poll() is None:
            browsing.stop()


def test_without_a_database_the_page_opens_and_a_line_says_why(browse: Start) -> None:
    browsing = browse()
    assert browsing.said[0].startswith("FiftyOne's App can't start: its database program mongod is missing; run `pip ")
    assert len([line for line in browsing.said if "mongod" in line]) == 1
    assert browsing.page.startswith("http://127.0.0.1:")
    assert browsing.stop() == 0


def test_a_database_that_does_not_run_here_is_no_reason_to_stop(browse: Start, tmp_path: Path) -> None:
    mongod = tmp_path / "packages" / "fiftyone" / "db" / "bin" / "mongod"
    mongod.parent.mkdir(parents=True)
    mongod.write_text("#!/bin/sh\necho 'libcrypto.so.1.1: cannot open shared object file' >&2\nexit 127\n")
    mongod.chmod(0o755)
    browsing = browse()
    assert browsing.said[0].startswith("FiftyOne's App can't start: ")
    assert "libcrypto.so.1.1" in browsing.said[0]
    assert browsing.stop() == 0


def test_a_database_that_was_named_must_be_there(environment: dict[str, str], run: Path) -> None:
    command = [sys.executable, "-m", "curate.cli.main", "browse", str(run), "--no-open"]
    given = {**environment, VARIABLE: "/no/mongod"}
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"curate: error: {VARIABLE}=/no/mongod: no such program; name the file mongod, or unset it\n"


def test_no_command_line_holds_the_token(environment: dict[str, str], run: Path, tmp_path: Path) -> None:
    """Every user of a machine can read the arguments of its processes."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{tmp_path}/given"\n')
    browser.chmod(0o755)
    environment |= {"BROWSER": f"{browser} %s", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "curate.cli.main", "browse", str(run), "--no-app"]
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    try:
        said = [next(first.stdout) for _ in range(4)]
        page = next(line.split()[1] for line in said if line.startswith("decide "))
        again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert again.returncode == 0
        given = (tmp_path / "given").read_text().split()
        assert len(given) == 2
        assert len(set(given)) == 1
        door = Path(unquote(urlsplit(given[0]).path))
        assert page.partition("token=")[2] not in given[0]
        assert page in door.read_text()
        for file in (door, door.with_name("pids.json")):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(door.parent.stat().st_mode) == 0o700
        if CHROMIUM:
            assert "formulas/s" in dom(given[0], tmp_path)
    finally:
        first.terminate()
        assert first.wait(30) == 0
    assert not door.exists()


def dom(url: str, tmp_path: Path) -> str:
    """What a real browser shows at an address, once the page has loaded."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=20000")
    end = time.monotonic() + 60
    while True:
        command = [str(CHROMIUM), *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", url]
        found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        if "formulas/s" in found or time.monotonic() > end:
            return found
