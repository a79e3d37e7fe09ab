"""Measures how fast labels are judged, compared with KaTeX's parser and pylatexenc. Asserts nothing.

    make bench        or        python benchmarks/bench.py [--rounds N] [--data DIR] [--quick]

The labels are real ones if DIR (default: ../shared/data) has them, else those of the demo's generator. Every round runs
all tools once, one after the other, so that noise on the machine affects all of them. Medians are reported, and a ratio
is the median of the ratios of the rounds. Image audits are compared with cleanvision, if it is installed (see
images.py), and exports with `datasets` (see export.py). A run is opened in a browser (see browse.py). Results are also
written to bench-out/bench.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import polars as pl
from browse import line as browse_line
from browse import measure_browse
from corpora import Corpus, corpora
from export import line as export_line
from export import measure_export
from images import lines as image_lines
from images import measure_images
from peers import Pass, Timed, Unavailable, katex, pylatexenc, timed

from curate.base.tables import Column, count, size, text_table
from curate.sources import parse_source, read_source
from rules import Ruleset, engine, select
from rules.batches import cut
from rules.latex import lexer

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "bench-out" / "bench.json"
#: How many labels pylatexenc gets, every n-th one, because it is slow.
SAMPLE = 400
PEERS = ("KaTeX __parse", "pylatexenc")
#: Source arguments of the whole audit, in the data folder.
AUDITED = (
    "im2latex=im2latex/im2markup_sample",
    "hme100k=hme100k/train_labels.txt",
    "crohme-train=crohme/train/caption.txt",
    "crohme-2014=crohme/2014/caption.txt",
    "mathwriting=mathwriting/mathwriting_valid_captions.json",
)


@dataclass
class Contest:
    """One tool on one corpus of `labels` labels, with one pass per round."""

    tool: str
    labels: int
    once: Timed
    passes: list[Pass] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [self.labels / one.seconds for one in self.passes]

    @property
    def cpu(self) -> float:
        """Processor seconds per label, over all processes."""
        return median(one.cpu for one in self.passes) / self.labels

    @property
    def rejected(self) -> int | None:
        return self.passes[-1].rejected


def contests(corpus: Corpus, cores: int, open_tools: ExitStack, folder: Path) -> Iterator[Contest]:
    """Every tool on a corpus, texsieve first. A missing peer is reported in one line on standard error."""
    ruleset = select()
    labels = corpus.labels
    yield Contest("audit, 1 process", len(labels), timed(lambda: _judge(labels, ruleset)))
    if cut(labels, cores)[1] > 1:
        name = f"audit, {cores} processes"
        yield Contest(name, len(labels), timed(lambda: _judge(labels, ruleset, cores)))
    yield Contest("tokens and key only", len(labels), timed(lambda: _floor(labels)))
    try:
        parse = open_tools.enter_context(katex(labels, folder))
        yield Contest(PEERS[0], len(labels), parse)
    except Unavailable as reason:
        print(f"bench: left out: {PEERS[0]}: {reason}", file=sys.stderr)
    sample = labels[:: max(1, len(labels) // SAMPLE)][:SAMPLE]
    yield Contest(PEERS[1], len(sample), pylatexenc(sample))


def _judge(labels: list[str], ruleset: Ruleset, workers: int = 1) -> None:
    """One audit of the labels. The processes stay for the next round, as between the batches of a large set."""
    engine.judge(labels, ruleset, workers=workers, check_fixes=True)


def _floor(labels: list[str]) -> None:
    """The least that an audit has to do: polars splits labels into tokens, and every label gets its visual key."""
    pl.Series(labels).str.extract_all(lexer.PATTERN.replace(r"[\s\S]", r"(?s:.)"))
    for label in labels:
        engine.visual_key_of(label)


def run_rounds(running: Sequence[Contest], rounds: int) -> None:
    """Every tool once per round, in turn. An extra first round, which loads and warms up, is discarded."""
    for number in range(rounds + 1):
        for contest in running:
            one = contest.once()
            if number:
                contest.passes.append(one)


def ratio(contest: Contest, peer: Contest) -> float:
    """How many labels `contest` judges in the time that `peer` takes for one: the median over the rounds."""
    return median(mine / theirs for mine, theirs in zip(contest.rates, peer.rates, strict=True))


def measure_reading(lines: Path, rounds: int) -> dict[str, Any]:
    spec = parse_source(f"hme100k:{lines}")
    seconds, rows = [], 0
    for _ in range(rounds + 1):
        start = perf_counter()
        rows = read_source(spec).rows
        seconds.append(perf_counter() - start)
    taken = median(seconds[1:])
    return {
        "file": lines.name,
        "rows": rows,
        "bytes": lines.stat().st_size,
        "seconds": taken,
        "rows_per_second": rows / taken,
    }


def measure_audit(data: Path, folder: Path, quick: bool) -> dict[str, Any]:
    """Wall time and memory of one `curate audit`, as a user runs it. A failure is reported and doesn't end the
    bench.
    """
    sources = [f"{name}={data / path}" for name, path in (item.split("=") for item in AUDITED)]
    labels_only = all(Path(source.split("=", 1)[1]).exists() for source in sources)  # the data has few images
    if not labels_only:
        from curate.demo import make_demo

        sources = list(make_demo(folder / "data").sources)
    command = [sys.executable, "-m", "curate.cli.main", "audit", *sources, "--no-cache", "--out", str(folder / "run")]
    if labels_only:
        command.append("--no-images")
    if quick:
        command += ["--limit", "500"]
    start = perf_counter()
    with (folder / "audit.out").open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - start
    if process.returncode:
        said = (folder / "audit.out").read_text(encoding="utf-8").strip().splitlines() or ["no message"]
        print(f"bench: left out: curate audit ended with {process.returncode}: {said[-1]}", file=sys.stderr)
        return {}
    summary = json.loads((folder / "run" / "summary.json").read_text(encoding="utf-8"))
    return {
        "sources": len(sources),
        "samples": summary["totals"]["samples"],
        "distinct_labels": summary["totals"]["distinct_labels"],
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "largest_process_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "timings": summary["run"]["timings"],
        "report_bytes": (folder / "run" / "report.html").stat().st_size,
    }


def machine(cores: int) -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        model = next(line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    packages = {name: version(name) for name in ("texsieve", "polars", "math-core", "pylatexenc")}
    return {
        "system": platform.platform(),
        "processor": model,
        "cores": cores,
        "python": platform.python_version(),
        "packages": packages,
    }


def table(results: Sequence[tuple[Corpus, list[Contest]]]) -> str:
    columns = [Column("labels"), *(Column(t, "right") for t in ("tool", "n", "labels/s", "CPU µs", "rejects"))]
    columns[1] = Column("tool")
    columns += [Column(f"÷ {peer.split()[0]}", "right") for peer in PEERS]
    rows = []
    for corpus, running in results:
        by_name = {contest.tool: contest for contest in running}
        for place, contest in enumerate(running):
            rate = median(contest.rates)
            cells = [
                corpus.name if place == 0 else "",
                contest.tool,
                count(contest.labels),
                count(round(rate)),
                f"{contest.cpu * 1e6:.1f}",
            ]
            cells.append("" if contest.rejected is None else count(contest.rejected))
            cells += [f"{ratio(contest, by_name[peer]):.2f}" if peer in by_name else "–" for peer in PEERS]
            rows.append(cells)
    return text_table(columns, rows, width=120)


def as_json(results: Sequence[tuple[Corpus, list[Contest]]]) -> list[dict[str, Any]]:
    return [
        {
            "labels": corpus.name,
            "characters": round(corpus.characters, 1),
            "tool": contest.tool,
            "n": contest.labels,
            "rejected": contest.rejected,
            "seconds": [round(one.seconds, 5) for one in contest.passes],
            "cpu_seconds": [round(one.cpu, 5) for one in contest.passes],
            "labels_per_second": round(median(contest.rates), 1),
            "ratios": {peer.tool: round(ratio(contest, peer), 3) for peer in running if peer.tool in PEERS},
        }
        for corpus, running in results
        for contest in running
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with the real label files"
    )
    parser.add_argument("--quick", action="store_true", help="500 labels of each kind, only to check that it runs")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    folder = Path(tempfile.mkdtemp(prefix="texsieve-bench-"))
    try:
        found, lines = corpora(arguments.data, folder, arguments.quick)
        results = []
        for corpus in found:
            with ExitStack() as open_tools:
                running = list(contests(corpus, cores, open_tools, folder))
                run_rounds(running, arguments.rounds)
                results.append((corpus, running))
        reading = measure_reading(lines, arguments.rounds)
        audit = measure_audit(arguments.data, folder, arguments.quick)
        images = measure_images(arguments.data, folder, ROOT, arguments.quick)
        export = measure_export(arguments.data, folder, arguments.quick, arguments.rounds, cores)
        browse = measure_browse(folder, ROOT, arguments.quick, arguments.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    here = machine(cores)
    print(table(results))
    sizes = ", ".join(f"{corpus.name} {corpus.characters:.0f}" for corpus, _ in results)
    rounds = f"median of {arguments.rounds} alternating rounds"
    print(f"\n÷: labels per second relative to that tool, {rounds}. CPU µs: processor time per label. A tool stops")
    print(f"early at a label that it rejects, which flatters it. Characters per label: {sizes}.")
    rows, each = count(reading["rows"]), count(round(reading["rows_per_second"]))
    print(f"Reading {reading['file']} ({rows} rows, {size(reading['bytes'])}): {each} rows/s.")
    if audit:
        samples = f"{count(audit['samples'])} samples ({count(audit['distinct_labels'])} distinct labels)"
        spent = f"{audit['seconds']:.1f} s, {audit['cpu_seconds']:.1f} s of processor time"
        kept = f"largest process {size(audit['largest_process_bytes'])}, report {size(audit['report_bytes'])}"
        print(f"curate audit, {audit['sources']} sources, {samples}: {spent}, {kept}.")
    print(*image_lines(images), sep="\n")
    if export:
        print(export_line(export))
    if browse:
        print(browse_line(browse))
    packages = ", ".join(f"{name} {number}" for name, number in here["packages"].items())
    print(f"{here['processor']}, {cores} cores, {here['system']}, Python {here['python']}, {packages}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(
        json.dumps(
            {
                "machine": here,
                "labels": as_json(results),
                "reading": reading,
                "audit": audit,
                "images": images,
                "export": export,
                "browse": browse,
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    print(f"written: {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
