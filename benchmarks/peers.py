"""What bench.py measures texsieve against: KaTeX's parser under node, and a loop of pylatexenc. Compares nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

HERE = Path(__file__).resolve().parent
#: KaTeX goes here, out of git's sight.
CACHE = HERE.parent / "build" / "bench"
KATEX = "katex@0.19.1"


class Unavailable(Exception):
    """A tool that isn't there; the message says what is missing."""


class Timed(Protocol):
    """One pass over the labels it was made for: seconds, and how many labels the tool rejected (None: it can't say)."""

    def __call__(self) -> tuple[float, int | None]: ...


def install_katex() -> Path:
    """The node_modules folder with KaTeX, installed by npm where it isn't there yet. Raises Unavailable."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node or npm is not installed")
    modules = CACHE / "node_modules"
    wanted = KATEX.split("@")[1]
    manifest = modules / "katex" / "package.json"
    if not manifest.is_file() or json.loads(manifest.read_text(encoding="utf-8"))["version"] != wanted:
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(CACHE), "--no-audit", "--no-fund", "--ignore-scripts", KATEX]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
            raise Unavailable(f"npm could not install {KATEX}: {said[0]}")
    return modules


@contextmanager
def katex(labels: Sequence[str], folder: Path) -> Any:
    """A `Timed` that parses `labels` with KaTeX in one running node process. Raises Unavailable."""
    modules = install_katex()
    file = folder / "labels.json"
    file.write_text(json.dumps(list(labels)), encoding="utf-8")
    node = shutil.which("node")
    assert node is not None
    with subprocess.Popen(
        [node, str(HERE / "katex_parse.cjs"), str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"NODE_PATH": str(modules)},
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asks, answers = process.stdin, process.stdout

        def once() -> tuple[float, int | None]:
            asks.write("\n")
            asks.flush()
            answer = json.loads(answers.readline() or "{}")
            if not answer:
                raise Unavailable("node stopped")
            return answer["seconds"], answer["rejected"]

        yield once
        asks.close()


def pylatexenc(labels: Sequence[str]) -> Timed:
    """A `Timed` that walks `labels` with pylatexenc's strict parser."""
    from pylatexenc.latexwalker import LatexWalker, LatexWalkerError

    def once() -> tuple[float, int | None]:
        rejected = 0
        start = perf_counter()
        for label in labels:
            try:
                LatexWalker(label, tolerant_parsing=False).get_latex_nodes()
            except LatexWalkerError:
                rejected += 1
        return perf_counter() - start, rejected

    return once
