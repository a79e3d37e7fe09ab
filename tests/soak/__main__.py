"""Attacks texsieve for hours, as `make soak HOURS=1` does, and prints for every failure a command that reproduces it.

Each round draws an attack from its own seed, so `--only NAME --seed N --rounds 1` repeats the round. The folders of
failures are kept.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "helpers"), str(HERE)]

import labels  # noqa: E402
import pages  # noqa: E402
import predictions  # noqa: E402
import sources  # noqa: E402
import stops  # noqa: E402
import tables  # noqa: E402
from attack import Attack, Failure  # noqa: E402

#: Seconds between two progress reports.
TELL = 600.0
ATTACKS: dict[str, Attack] = {
    "labels": labels.attack,
    "sources": sources.attack,
    "tables": tables.attack,
    "predictions": predictions.attack,
    "stopped": stops.stopped,
    "full-disk": stops.full,
    "two-writers": stops.two,
    "decided": stops.decided,
    "deciding": stops.deciding,
    "pages": pages.attack,
}


def soak(names: list[str], seed: int, *, seconds: float, rounds: int | None, folder: Path) -> list[Failure]:
    """Attack until the time is over or `rounds` rounds are done, and print failures at once."""
    began = told = time.monotonic()
    tried: dict[str, Counter[str]] = {name: Counter() for name in names}
    failures: list[Failure] = []
    number = 0
    try:
        while time.monotonic() < began + seconds and (rounds is None or number < rounds):
            name = names[number % len(names)]
            place = folder / f"{seed + number}-{name}"
            place.mkdir()
            found, times = ATTACKS[name](Random(seed + number), place)
            tried[name].update(times)
            for failure in found:
                print(f"FAILED {name} (--only {name} --seed {seed + number} --rounds 1): {failure.what}", flush=True)
                print(f"  {failure.command}", flush=True)
            failures += found
            if not found:
                shutil.rmtree(place)
            number += 1
            if time.monotonic() > told + TELL:
                told = time.monotonic()
                _tell(tried, failures, told - began)
    except KeyboardInterrupt:
        print("stopped")
    finally:
        _tell(tried, failures, time.monotonic() - began)
    if failures:
        print(f"The folders of failures are in {folder}")
    return failures


def _tell(tried: dict[str, Counter[str]], failures: list[Failure], seconds: float) -> None:
    print(f"Attacks in {seconds / 3600:.2f} hours:")
    for name, kinds in tried.items():
        several = ", ".join(f"{kind} {times:,}" for kind, times in sorted(kinds.items()))
        print(f"  {name}: {kinds.total():,}" + (f" ({several})" if len(kinds) > 1 else ""))
    print(f"{len(failures)} failures", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the first round's seed (default: the time)")
    parser.add_argument("--rounds", type=int, help="end after this many rounds")
    parser.add_argument("--only", default=",".join(ATTACKS), help="attacks, separated by commas (default: %(default)s)")
    given = parser.parse_args()
    names = given.only.split(",")
    if unknown := sorted(set(names) - ATTACKS.keys()):
        parser.error(f"--only: unknown attack: {', '.join(unknown)}; choose from {', '.join(ATTACKS)}")
    print(f"Seed {given.seed}, {given.hours:g} hours, attacks: {', '.join(names)}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM prints the last report, too
    folder = Path(tempfile.mkdtemp(prefix="texsieve-soak-"))
    failures = soak(names, given.seed, seconds=given.hours * 3600, rounds=given.rounds, folder=folder)
    if not failures:
        shutil.rmtree(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
