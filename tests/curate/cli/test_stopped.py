"""Commands that are stopped while helper processes work for them: they print one line and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ROOT = Path(__file__).resolve().parents[3]
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
#: Seconds to wait for something that must happen before the test fails.
PATIENCE = 300.0
#: How many times slower than promised a busy machine may be.
SLOWNESS = 3
SABOTAGE = ROOT / "tests" / "helpers" / "sabotage"
#: An image that takes long to measure and to encode.
SLOW = np.random.default_rng(0).integers(0, 256, (1200, 1200), np.uint8)


def labels_judged(data: Path) -> list[str]:
    """An audit with helpers that judge labels."""
    tail = " + ".join(f"\\frac{{a_{{{n}}}}}{{b^{{{n}}}}}" for n in range(20))
    (data / "labels.txt").write_text("".join(f"{n} + {tail}\n" for n in range(100_000)), encoding="utf-8")
    return ["audit", f"{data}/labels.txt", "--workers", "2"]


def images_measured(data: Path) -> list[str]:
    """An audit with helpers that measure images."""
    write_rows(data, [f"x_{{{n}}}" for n in range(2000)], SLOW)
    return ["audit", f"{data}/rows.csv", "--no-cache", "--workers", "3"]


def labels_drawn(data: Path) -> list[str]:
    """An audit with helpers that draw labels."""
    terms = [f"x_{{{n}}}" for n in range(60)]
    pixels = np.full((40, 160), 255, np.uint8)
    pixels[10:30, 20:140] = 0
    write_rows(data, ["+".join(f"{term}^{{{n}}}" for term in terms) for n in range(6000)], pixels)
    return ["audit", f"{data}/rows.csv", "--no-cache", "--workers", "2"]


def pictures_made(data: Path) -> list[str]:
    """An export with helpers that make images."""
    write_rows(data, [f"x_{{{n}}}" for n in range(2000)], SLOW)
    audit = ["audit", f"{data}/rows.csv", "--no-images", "--workers", "1", "--out", f"{data}/run"]
    subprocess.run([sys.executable, "-m", "curate.cli.main", *audit], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return ["export", f"{data}/run", "--keep", "error,warning", "--workers", "2"]


def write_rows(data: Path, labels: list[str], pixels: np.ndarray) -> None:
    """A source with this many pairs, all with the same image."""
    Image.fromarray(pixels).save(data / "0.png")
    for number in range(1, len(labels)):
        (data / f"{number}.png").hardlink_to(data / "0.png")
    rows = (f"{number}.png,{label}\n" for number, label in enumerate(labels))
    (data / "rows.csv").write_text("image,label\n" + "".join(rows), encoding="utf-8")


@pytest.fixture(scope="module", params=[labels_judged, images_measured, labels_drawn, pictures_made])
def command(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command that keeps several helpers busy for longer than a test waits before it stops the command."""
    make: Callable[[Path], list[str]] = request.param
    return make(tmp_path_factory.mktemp(make.__name__))


def as_in_a_terminal() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):  # these are ignored if the tests run in the background
        signal.signal(number, signal.SIG_DFL)


def begun(command: list[str], out: Path, **environment: str) -> subprocess.Popen[str]:
    """The command in its own session."""
    return subprocess.Popen(
        [sys.executable, "-m", "curate.cli.main", *command, "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_in_a_terminal,
        env=os.environ | environment,
    )


def started(command: list[str], out: Path, worked: float) -> subprocess.Popen[str]:
    """The command, as soon as two helpers have used `worked` seconds of processor time each."""
    parent = begun(command, out)
    deadline = time.monotonic() + PATIENCE
    while sum(used >= worked for used in processes(parent.pid, only=b"texsieve-helper").values()) < 2:
        assert parent.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline, "its helpers don't work"
        time.sleep(0.01)
    return parent


def processes(session: int, only: bytes = b"") -> dict[int, float]:
    """The live processes of a session and the seconds each has used; with `only`, those with it in their command."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                facts = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                fits = int(facts[3]) == session and facts[0] not in "ZX" and only in (folder / "cmdline").read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            if fits:
                found[int(folder.name)] = (int(facts[11]) + int(facts[12])) / TICKS
    return found


def wait_for_the_end_of(session: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while left := processes(session):
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.01)


# From helpers that have just started to helpers that have imported everything and work.
@pytest.mark.parametrize(
    ("name", "worked"),
    [
        ("SIGINT", 0.4),
        ("SIGTERM", 1.5),
        *(
            pytest.param(name, worked, marks=pytest.mark.long)
            for name, worked in (("SIGINT", 0), ("SIGINT", 1.5), ("SIGHUP", 1.5), ("SIGTERM", 0.4))
        ),
    ],
)
def test_a_command_that_is_stopped_says_one_line_and_leaves_nothing(command, tmp_path, name, worked):
    number = getattr(signal, name)
    parent = started(command, tmp_path / "out", worked)
    os.killpg(parent.pid, number)
    assert parent.communicate(timeout=PATIENCE)[1].strip() == "curate: stopped"
    assert parent.returncode == 128 + number
    wait_for_the_end_of(parent.pid)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left <= {f".out.part{name}" for name in ("", "/plan.json", "/done.jsonl", "/lock", "/data")}


def test_helpers_end_with_a_command_that_is_killed(command, tmp_path):
    parent = started(command, tmp_path / "out", 1.5)
    parent.kill()
    parent.communicate(timeout=PATIENCE)
    wait_for_the_end_of(parent.pid)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def hung(tmp_path: Path) -> subprocess.Popen[str]:
    """A command whose only helper hangs in native code while it holds the interpreter's lock."""
    (tmp_path / "labels.txt").write_text("x\n\\hang\ny\n", encoding="utf-8")
    flag = tmp_path / "hangs"
    command = ["audit", f"{tmp_path}/labels.txt"]
    parent = begun(command, tmp_path / "out", PYTHONPATH=str(SABOTAGE), SABOTAGE_FLAG=str(flag))
    deadline = time.monotonic() + PATIENCE
    while not flag.exists():
        assert parent.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return parent


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGTERM"])
@pytest.mark.parametrize("group", [True, False])
def test_helpers_in_native_code_do_not_hold_up_a_command_that_is_stopped(hung, name, group):
    number = getattr(signal, name)
    asked = time.monotonic()
    (os.killpg if group else os.kill)(hung.pid, number)
    while processes(hung.pid):
        assert time.monotonic() - asked < 2 * SLOWNESS
        time.sleep(0.01)
    assert hung.communicate()[1].strip() == "curate: stopped"
    assert hung.returncode == 128 + number


def test_helpers_in_native_code_end_with_a_command_that_is_killed(hung):
    killed = time.monotonic()
    hung.kill()
    hung.communicate()
    while processes(hung.pid):
        assert time.monotonic() - killed < 5 * SLOWNESS
        time.sleep(0.01)
