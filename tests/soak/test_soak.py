"""A minute of the soak, always with the same seeds: it attacks, it notices failures, and nothing breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of processes, and /proc")

HERE = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The soak's modules by their short names, for these tests alone."""
    monkeypatch.syspath_prepend(str(HERE))


@pytest.mark.parametrize(
    ("name", "rounds"),
    [
        ("labels", 2),
        ("sources", 6),
        ("tables", 1),
        ("predictions", 6),
        ("stopped,decided,full-disk,two-writers,deciding", 5),
    ],
)
def test_nothing_breaks(name: str, rounds: int) -> None:
    soak(name, rounds)


@pytest.mark.browser
def test_nothing_runs_on_a_page() -> None:
    from pages import chromium

    if chromium() is None and not os.environ.get("CI"):
        pytest.skip("no Chromium: bash .ci/system.sh installs it")
    soak("pages", 1)


def soak(name: str, rounds: int) -> None:
    command = [sys.executable, str(HERE), "--only", name, "--seed", "1", "--rounds", str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0 failures" in done.stdout


def test_a_label_is_made_smaller_as_long_as_it_fails() -> None:
    from labels import smaller

    assert smaller(r"a + \frac{1}{2} + b", lambda text: r"\frac" in text) == r"\frac"
    assert smaller("abc", lambda text: True) == ""


def test_a_worker_that_hangs_or_dies_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import attack

    monkeypatch.setattr(attack, "HANGS", 5.0)
    stub = tmp_path / "label_work.py"
    stub.write_text(
        "import os, sys, time, json\n"
        "for line in sys.stdin:\n"
        "    label = json.loads(line)[1]\n"
        "    time.sleep(99) if label == 'hang' else os._exit(7) if label == 'die' else print('null', flush=True)\n",
        encoding="utf-8",
    )
    worker = attack.Worker(stub)
    assert worker.wrong("check", "x") is None
    assert "ends its process (7)" in str(worker.wrong("check", "die"))
    assert "hangs" in str(worker.wrong("check", "hang"))
    assert worker.wrong("check", "x") is None
    worker.end()


def test_what_breaks_a_promise_is_a_complaint() -> None:
    from attack import Ended, complaint

    assert complaint(Ended(0, "", "")) is None
    assert complaint(Ended(2, "", "curate: error: x: no such file\n")) is None
    for broken in (
        None,
        Ended(2, "", ""),
        Ended(2, "", "curate: error: a fault in texsieve: KeyError: 1\n"),
        Ended(1, "", "Traceback (most recent call last):\n"),
        Ended(0, "", "curate: error: x\n"),
        Ended(-9, "", ""),
    ):
        assert complaint(broken), broken


def test_a_file_that_a_command_must_not_touch_is_noticed() -> None:
    from predictions import _changed

    before: dict[str, bytes | None] = {"base.jsonl": b"1", "asked/plain.jsonl": b"1"}
    scores: dict[str, bytes | None] = {"scores/metrics.json": b"{}", "said/said-1.out": b""}
    assert _changed("evaluate", before, before | scores, False) is None
    assert _changed("prompts", before, before | {"asked/plain.jsonl": b""}, True) is None
    for name, after, failed in (
        ("evaluate", before | {"base.jsonl": b"2"}, False),
        ("evaluate", before | scores, True),
        ("compare", {"base.jsonl": b"1"}, False),
        ("prompts", before | {"asked/.plain.jsonl.1.tmp": b""}, False),
        ("card", before | {"tmp/left": b""}, False),
    ):
        assert _changed(name, before, after, failed), (name, after)


def test_labels_are_the_same_for_the_same_seed() -> None:
    from labels import made

    some = [made(Random(seed)) for seed in range(20)]
    assert some == [made(Random(seed)) for seed in range(20)]
    assert len(set(some)) > 15
    assert json.dumps(some)
