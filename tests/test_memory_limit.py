"""Limits of a test run: a test that uses too much memory fails, and a dead worker ends the run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
FILLS = """
def test_fills():
    held = []
    while len(held) < 4000:
        held.append(bytearray(b"x" * 2**20))

def test_comes_after():
    pass
"""
GOES_ON = """
def test_goes_on():
    held = []
    while len(held) < 4000:
        try:
            held.append(bytearray(b"x" * 2**20))
        except BaseException:
            pass
"""
DIES = """
import os, signal, time
import pytest

@pytest.mark.xdist_group("one")
def test_dies():
    os.kill(os.getpid(), signal.SIGKILL)

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(4))
def test_waits_behind_it(number):
    pass

@pytest.mark.parametrize("number", range(4))
def test_elsewhere(number):
    time.sleep(0.2)
"""


def _run(folder: Path, suite: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a test suite with this project's settings. Raises if it doesn't end."""
    (folder / "test_suite.py").write_text(suite)
    settings = ["-c", str(TESTS.parent / "pyproject.toml"), "-p", "no:cacheprovider", "-p", "memory_limit"]
    command = [sys.executable, "-m", "pytest", *settings, "--rootdir", str(folder), *options, str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        command, cwd=folder, env=environment | {"PYTHONPATH": str(TESTS)}, capture_output=True, text=True, timeout=240
    )


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit needs /proc")
def test_a_test_that_fills_the_memory_fails_and_the_next_one_passes(tmp_path: Path) -> None:
    done = _run(tmp_path, FILLS, "--memory-limit", "0.5")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"TooMuchMemory: the test's process holds \d\.\d GiB, more than 0\.5 GiB", done.stdout)
    assert "1 failed, 1 passed" in done.stdout


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit needs /proc")
def test_a_test_that_goes_on_filling_it_ends_its_process(tmp_path: Path) -> None:
    done = _run(tmp_path, GOES_ON, "--memory-limit", "0.5", "-n", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"test_goes_on holds \d\.\d GiB, more than 0\.5 GiB, and does not stop", done.stderr)
    assert "crashed while running 'test_suite.py::test_goes_on'" in done.stdout


def test_a_worker_that_dies_ends_the_run(tmp_path: Path) -> None:
    done = _run(tmp_path, DIES, "-n", "2", "--dist", "loadgroup")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "crashed while running 'test_suite.py::test_dies'" in done.stdout
    assert "crashed and worker restarting disabled" in done.stdout
