"""The peers with which bench.py compares texsieve: KaTeX's parser in node, and a loop of pylatexenc."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).resolve().parent
#: KaTeX is installed here, which git ignores.
CACHE = HERE.parent / "build" / "bench"
KATEX = "katex@0.19.1"


class Unavailable(Exception):
    """A tool isn't available; the message says what is missing."""


@dataclass(frozen=True)
class Pass:
    """One pass over labels: seconds, processor seconds, and how many labels were rejected (None: not counted)."""

    seconds: float
    cpu: float
    rejected: int | None


Timed = Callable[[], Pass]


def timed(work: Callable[[], int | None]) -> Timed:
    """A `Timed` for a function that returns the number of rejected labels. Child processes that have ended count
    too.
    """

    def once() -> Pass:
        cpu, start = _cpu(), perf_counter()
        rejected = work()
        return Pass(perf_counter() - start, _cpu() - cpu, rejected)

    return once


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def install_katex() -> Path:
    """The node_modules folder with KaTeX, which npm installs if needed. Raises Unavailable."""
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
def katex(labels: Sequence[str], folder: Path) -> Iterator[Timed]:
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
        env={**os.environ, "NODE_PATH": str(modules)},
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asks, answers = process.stdin, process.stdout

        def once() -> Pass:
            asks.write("\n")
            asks.flush()
            answer = answers.readline()
            if not answer:
                raise Unavailable("node stopped")
            return Pass(**json.loads(answer))

        yield once
        asks.close()


def pylatexenc(labels: Sequence[str]) -> Timed:
    """A `Timed` that walks `labels` with pylatexenc's strict parser."""
    from pylatexenc.latexwalker import LatexWalker, LatexWalkerError

    def walk() -> int:
        rejected = 0
        for label in labels:
            try:
                LatexWalker(label, tolerant_parsing=False).get_latex_nodes()
            except LatexWalkerError:
                rejected += 1
        return rejected

    return timed(walk)
