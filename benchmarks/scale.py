"""Measures how time and memory grow with the number of labels: `python benchmarks/scale.py`. Asserts nothing.

The labels are those of the demo's generator with other letters and digits, so that no two are the same. Every command
runs as a user would start it. Memory is the sum over all its processes, sampled at least twenty times a minute. Pages
that several processes share count once (Pss in /proc/PID/smaps_rollup), so it needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from curate.base.tables import Column, count, markdown_table, size, text_table  # noqa: E402
from curate.demo.grammar import grow  # noqa: E402
from curate.demo.handwritten import HME_KINDS  # noqa: E402

LETTERS, DIGITS = "abcdefghkmnpqrstuvwxyz", "0123456789"
#: One prediction in this many is wrong.
WRONG = 20
#: In a set that has grown, one label in this many is new.
NEW = 100
CURATE = "import sys; from curate.cli.main import main; sys.exit(main())"
FINETUNE = "import sys; from finetune.cli.main import main; sys.exit(main())"
#: What `curate browse` does before its App opens the samples.
BROWSE = """
import sys
from pathlib import Path
from curate.browse.dataset.rows import rows
from curate.browse.dataset.writing import write_dataset
from curate.browse.process.work import WorkingFiles
from curate.runs.folder import load_run
run, work = load_run(Path(sys.argv[1])), WorkingFiles(Path(sys.argv[2]))
write_dataset(work.dataset, run, work, rows(run, work), "mark")
"""


def labels(seed: int = 0) -> Iterator[str]:
    """An endless series of different labels, with 47 characters on average."""
    rng = Random(seed)
    base = [formula.label.split(" ") for formula in grow(HME_KINDS, 3000, Random(0))]
    seen: set[int] = set()
    while True:
        label = " ".join(_other(token, rng) for token in rng.choice(base))
        if (mark := hash(label)) not in seen:
            seen.add(mark)
            yield label


def _other(token: str, rng: Random) -> str:
    if len(token) > 1 or not token.isalnum():
        return token
    return rng.choice(DIGITS if token.isdigit() else LETTERS)


def measured(*command: str, folder: Path) -> tuple[float, int]:
    """Seconds that a command takes, and the most bytes that it and its child processes use at once."""
    log = folder / "log.txt"
    # As after an installation, where Python compiles each module only once.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT, env=environment)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(_held, _tree(process.pid))))
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:6])} …: exit {process.returncode}\n{log.read_text(errors='replace')}")
    return time.perf_counter() - start, peak


def _tree(root: int) -> list[int]:
    """A process and all processes that it has started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for process in found:
        found += parents.get(process, [])
    return found


def _held(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0
    return 1024 * int(text.partition("\nPss:")[2].split()[0]) if "\nPss:" in text else 0


class Jobs:
    """The commands to measure, on `number` labels; each can use the output of those before it."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number
        self.file = folder / "labels.txt"
        with self.file.open("w", encoding="utf-8") as out:
            out.writelines(f"{label}\n" for label in islice(labels(), number))

    def curate(self, *arguments: object) -> tuple[float, int]:
        return measured(sys.executable, "-c", CURATE, *map(str, arguments), folder=self.folder)

    def audit(self) -> tuple[float, int]:
        return self.curate("audit", self.file, "--out", self.folder / "run", "--workers", os.cpu_count())

    def update(self) -> tuple[float, int]:
        """An update after one label in a hundred was added, in a second file."""
        more = self.folder / "more.txt"
        with more.open("w", encoding="utf-8") as out:
            out.writelines(f"{label}\n" for label in islice(labels(seed=1), max(self.number // NEW, 1)))
        return self.curate("audit", self.file, more, "--out", self.folder / "run", "--update")

    def export(self) -> tuple[float, int]:
        return self.curate("export", self.folder / "run", "--out", self.folder / "dataset", "--allow-no-image")

    def browse(self) -> tuple[float, int]:
        run, work = self.folder / "run", self.folder / "browse"
        work.mkdir()
        return measured(sys.executable, "-c", BROWSE, str(run), str(work), folder=self.folder)

    def metrics(self) -> tuple[float, int]:
        file = self.folder / "predictions.jsonl"
        with file.open("w", encoding="utf-8") as out, self.file.open(encoding="utf-8") as lines:
            for place, line in enumerate(lines):
                label = line.rstrip("\n")
                row = {"sample_id": str(place), "gt": label, "pred": f"{label} x" if place % WRONG == 0 else label}
                out.write(json.dumps(row) + "\n")
        scores = str(self.folder / "scores")
        return measured(sys.executable, "-c", FINETUNE, "evaluate", str(file), "--out", scores, folder=self.folder)


JOBS = ("audit", "update", "export", "browse", "metrics")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="1000,10000,100000", help="numbers of labels")
    parser.add_argument(
        "--jobs", default=",".join(JOBS), help=f"some of {', '.join(JOBS)}; all except metrics need the audit"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "bench-out" / "scale", help="where to work")
    parser.add_argument("--markdown", action="store_true", help="print a table for docs/speed.md")
    options = parser.parse_args()
    table: list[list[str]] = []
    for number in map(int, options.rows.split(",")):
        shutil.rmtree(options.folder, ignore_errors=True)
        options.folder.mkdir(parents=True)
        jobs = Jobs(options.folder, number)
        for name in options.jobs.split(","):
            work: Callable[[], tuple[float, int]] = getattr(jobs, name)
            seconds, peak = work()
            table.append([name, count(number), f"{seconds:.1f}", count(round(number / seconds)), size(peak)])
            print(*table[-1], sep="\t", file=sys.stderr, flush=True)
    table.sort(key=lambda row: JOBS.index(row[0]))
    columns = [Column("job"), *(Column(name, "right") for name in ("labels", "seconds", "labels/s", "peak memory"))]
    print((markdown_table if options.markdown else text_table)(columns, table))
    print(f"\n{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
