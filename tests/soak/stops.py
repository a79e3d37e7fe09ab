"""Stops commands at random moments, fills the disk under them, and lets two write to one place."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import polars as pl
from attack import Ended, Failure, complaint, contents, ended, left_alive, program, run, started

from curate.runs.decisions import DECISIONS_FILE, append_decisions, decide, read_decisions

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)


@dataclass(frozen=True)
class Place:
    """What commands work on: the demo's data, a run of it with decisions, predictions. reference: whole results."""

    root: Path
    seconds: dict[str, float]
    reference: dict[str, dict[str, bytes | None]]


_made: list[Place] = []


def _place(folder: Path) -> Place:
    """Made at the first attack, and kept beside the attacks' own folders."""
    if not _made:
        root = folder.parent / "stops-data"
        shutil.rmtree(root, ignore_errors=True)
        must(run(program("curate", "demo", "--out", root)))
        shutil.rmtree(root / "dataset", ignore_errors=True)
        append_decisions(root / "run", [decide(name, "accept", label) for name, label in _rows(root)[:20]])
        with (root / "predictions.jsonl").open("w", encoding="utf-8") as lines:
            for name, label in _rows(root):
                lines.write(json.dumps({"sample_id": name, "gt": label, "pred": label + " x"}) + "\n")
        place = Place(root, {}, {})
        for name in _NAMES:
            work = _copy(place, folder.parent / "stops-reference")
            began = time.monotonic()
            must(run(_command(name, work)))
            place.seconds[name] = time.monotonic() - began
            place.reference[name] = _result(name, work)
        _made.append(place)
    return _made[0]


def must(result: Ended | None) -> None:
    if result is None or result.code != 0:
        raise RuntimeError(f"what the soak needs failed: {result}")


def _rows(root: Path) -> list[tuple[str, str]]:
    return list(pl.read_parquet(root / "run" / "samples.parquet", columns=["sample_id", "label"]).iter_rows())


_NAMES = ("audit", "update", "fix", "export", "evaluate")


def _copy(place: Place, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(place.root, folder)
    return folder


def _command(name: str, work: Path) -> list[str]:
    data = work / "data"
    sources = [f"m2e=m2e:{data}/m2e/train.jsonl#train", f"im2latex=im2latex:{data}/im2latex"]
    out = _out(name, work)
    return {
        "audit": program("curate", "audit", *sources, "--out", out, "--no-cache"),
        "update": program("curate", "audit", *sources, "--out", out, "--no-cache", "--update"),
        "fix": program("curate", "fix", sources[0], "--out", out),
        "export": program("curate", "export", work / "run", "--out", out),
        "evaluate": program("finetune", "evaluate", work / "predictions.jsonl", "--out", out),
    }[name]


def _out(name: str, work: Path) -> Path:
    return (
        work / {"audit": "new", "update": "run", "fix": "fixed.jsonl", "export": "dataset", "evaluate": "scores"}[name]
    )


def _result(name: str, work: Path) -> dict[str, bytes | None]:
    """What a command made, without what differs from one time to the next: times, places, memory."""
    out = _out(name, work)
    made = {out.name: out.read_bytes()} if out.is_file() else contents(out)
    return {
        file: data
        for file, data in made.items()
        if not file.endswith((".html", "summary.json", "metrics.json", "manifest.json", "README.md", ".txt"))
    }


def _state(name: str, place: Place, work: Path, before: dict[str, bytes | None]) -> str | None:
    """What is wrong with what lies where the result should be: neither whole, nor absent, nor as it was."""
    out = _out(name, work)
    there = _result(name, work) if out.exists() else {}
    if there and there not in (place.reference[name], before):
        differing = [
            file for file in {*there, *place.reference[name]} if there.get(file) != place.reference[name].get(file)
        ]
        return f"{out.name} is neither whole nor absent nor as before: {', '.join(sorted(differing)[:5])}"
    return None


@dataclass(frozen=True)
class _Trial:
    """One command on a copy of the data. before: what lies where its result goes; decisions: those of the run."""

    place: Place
    name: str
    work: Path
    before: dict[str, bytes | None]
    decisions: object

    @classmethod
    def drawn(cls, random: Random, folder: Path) -> _Trial:
        place, name = _place(folder), random.choice(_NAMES)
        work = _copy(place, folder / "work")
        before = _result(name, work) if _out(name, work).exists() else {}
        return cls(place, name, work, before, read_decisions(work / "run" / DECISIONS_FILE).standing)

    @property
    def command(self) -> list[str]:
        return _command(self.name, self.work)

    @property
    def state(self) -> str | None:
        return _state(self.name, self.place, self.work, self.before)

    def completed(self) -> str | None:
        """What is wrong with what was left, and with what the next run makes of it."""
        if what := self.state:
            return what
        _age(self.work)
        return _completed(self.name, self.place, self.work, self.decisions)

    def told(self, what: str | None, how: str) -> tuple[list[Failure], int]:
        return ([Failure(f"{self.name} {how}: {what}", shlex.join(self.command))] if what else []), 1


def stopped(random: Random, folder: Path) -> tuple[list[Failure], int]:
    """A command that gets a signal at some moment: what it leaves is whole or absent, and the next one completes it."""
    trial = _Trial.drawn(random, folder)
    number = random.choice(_SIGNALS)
    moment = random.uniform(0, trial.place.seconds[trial.name])
    process = started(trial.command)
    time.sleep(moment)
    process.send_signal(number)
    result = ended(process)
    what = None if result is not None else "doesn't stop"
    if result is not None and number != signal.SIGKILL and result.code not in (0, 128 + number, -number):
        what = f"ended with {result.code}: {result.err[-200:]}"
    if alive := left_alive(process.pid):
        what = f"left a process: {alive[0]}"
    return trial.told(what or trial.completed(), f"stopped by {number.name} after {moment:.2f} s")


def full(random: Random, folder: Path) -> tuple[list[Failure], int]:
    """A command under which the disk is full: one line is said, and its result is whole or absent."""
    trial = _Trial.drawn(random, folder)
    size = int(10 ** random.uniform(0, 5.5))
    what = complaint(run(trial.command, file_size=size), (0, 2))
    return trial.told(what or trial.completed(), f"with no file over {size} bytes")


def two(random: Random, folder: Path) -> tuple[list[Failure], int]:
    """The same command twice at one moment: each ends as it should, and the result is that of one of them."""
    trial = _Trial.drawn(random, folder)
    first = started(trial.command)
    time.sleep(random.uniform(0, trial.place.seconds[trial.name] / 2))
    second = started(trial.command)
    results = [ended(first), ended(second)]
    what = next((said for result in results if (said := complaint(result, (0, 2)))), None)
    if what is None and not any(result and result.code == 0 for result in results):
        what = "both failed: " + " / ".join(result.err.strip()[-150:] for result in results if result)
    what = what or trial.state
    if what is None and (left := _leftovers(trial.work)):
        what = f"left {left[0]}"
    return trial.told(what, "twice at once")


def _completed(name: str, place: Place, work: Path, decisions: object) -> str | None:
    """What is wrong once the command is run again, as a person would who has seen it stop."""
    out = _out(name, work)
    if name != "update" and out.exists() and _result(name, work) == place.reference[name]:
        return None
    result = run(_command(name, work))
    if result is None or result.code != 0:
        return f"can't be run again: {result.err.strip()[-300:] if result else 'hangs'}"
    if _result(name, work) != place.reference[name]:
        return "the next run gives another result"
    if read_decisions(work / "run" / DECISIONS_FILE).standing != decisions:
        return "decisions are lost"
    left = _leftovers(work)
    return f"left {left[0]}" if left else None


def _leftovers(work: Path) -> list[str]:
    return [path.name for path in work.iterdir() if path.name.startswith(".")]


def _age(work: Path) -> None:
    """Make what lies about two minutes older: a younger folder may belong to a writer that works."""
    then = time.time() - 120
    for path in work.iterdir():
        if path.name.startswith("."):
            os.utime(path, (then, then), follow_symlinks=False)
