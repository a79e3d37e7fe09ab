"""A command that is asked to stop does so, whatever happens to the KeyboardInterrupt on its way."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

ROOT = Path(__file__).resolve().parents[3]

#: What the command is doing when the signal comes.
WORK = {
    "swallowed in a destructor": """
        class Held:
            def __del__(self):
                print("ready", flush=True)
                time.sleep(60)
        held = Held()
        del held
        while True: time.sleep(0.01)
    """,
    "swallowed by except": """
        try:
            print("ready", flush=True)
            time.sleep(60)
        except BaseException: pass
        while True: time.sleep(0.01)
    """,
    "made something else by polars": """
        import polars as pl
        def slow(text):
            print("ready", flush=True)
            time.sleep(60)
            return text
        pl.DataFrame({"a": ["x"]}).select(pl.col("a").map_elements(slow, pl.String))
        while True: time.sleep(0.01)
    """,
    "an error of its own": """
        try:
            print("ready", flush=True)
            time.sleep(60)
        except BaseException: raise RuntimeError("native code says so")
    """,
    "cleaning up for longer": """
        try:
            print("ready", flush=True)
            time.sleep(60)
        finally:
            time.sleep(2.5)
            print("clean", flush=True)
    """,
}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("work", WORK)
def test_it_ends_in_one_line(work: str, name: str) -> None:
    body = textwrap.indent(textwrap.dedent(WORK[work]), "    ")
    script = (
        "import sys, time, click, warnings\nwarnings.simplefilter('ignore')\n"
        "from curate.base.terminal import run\n@click.command()\n"
        f"def work():\n{body}\nsys.exit(run('curate', work, []))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    time.sleep(0.1)
    number = getattr(signal, name)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert err.splitlines()[-1] == "curate: stopped"
    assert "error" not in err.replace("Exception ignored", "").lower() or work.startswith("swallowed"), err
    assert (out == "clean\n") == (work == "cleaning up for longer")
