"""Profiles the judging of labels: for each label set, the ten functions with the most time of their own.

    python benchmarks/profile_labels.py [--data DIR] [--quick]

A signal samples the running function 250 times per second of processor time, which slows nothing down. C code counts
for the function that calls it. Prints Markdown tables for docs/speed.md.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections import Counter
from pathlib import Path
from time import process_time
from types import FrameType

from corpora import corpora

from rules import engine, select

ROOT = Path(__file__).resolve().parent.parent
#: The fewest processor seconds to sample for each set.
SECONDS = 2.0
#: How many labels of each set are used, every n-th one.
_MOST = 4000
_EVERY = 0.004


def profile(labels: list[str]) -> tuple[float, list[tuple[str, float]]]:
    """Microseconds per label, and the ten functions with the largest shares."""
    ruleset = select()
    engine.judge(labels[:100], ruleset, check_fixes=True)  # imports and tables
    seen: Counter[str] = Counter()

    def look(number: int, frame: FrameType | None) -> None:
        if frame is not None:
            code = frame.f_code
            seen[f"{Path(code.co_filename).stem}.{code.co_qualname}"] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
    judged, start = 0, process_time()
    while process_time() - start < SECONDS:
        engine.judge(labels, ruleset, check_fixes=True)
        judged += len(labels)
    seconds = process_time() - start
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)
    looks = seen.total()
    return seconds / judged * 1e6, [(name, number / looks) for name, number in seen.most_common(10)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with real label files"
    )
    parser.add_argument("--quick", action="store_true", help="500 labels of each kind, only to check that it runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="texsieve-profile-") as folder:
        for corpus in corpora(arguments.data, Path(folder), arguments.quick)[0]:
            taken, shares = profile(corpus.labels[:: -(-len(corpus.labels) // _MOST)])
            rows = " · ".join(f"`{name}` {share:.0%}" for name, share in shares)
            print(f"| {corpus.name} | {taken:.0f} µs | {rows} |", flush=True)


if __name__ == "__main__":
    main()
