"""Stops commands at random moments, fills their disk, lets two write to one place, and decides in the meantime."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import polars as pl
from attack import ROOT, Ended, Failure, complaint, contents, ended, left_alive, program, run, started
from warm import Forked

from curate.runs.decisions import DECISIONS_FILE, Decision, append_decisions, decide, read_decisions

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)
#: The most signals that a command gets before it may run to its end.
_MOST_STOPS = 4
#: How often somebody who decides is killed in a round.
DECIDERS = 10
_UNFINISHED = re.compile(r"(^|/)\.[^/]*\.tmp$")
#: The share of commands that are forked, which takes a fraction of the time.
WARM = 0.9
#: The rows of each of two sources.
ROWS = 12
_NAMES = ("audit", "update", "fix", "export", "evaluate")
#: These replace an earlier result of their own; the others refuse to.
_AGAIN = ("update", "evaluate")
#: A stopped export leaves this on purpose, to continue from.
_GOES_ON = ".dataset.part"


@dataclass(frozen=True)
class Place:
    """What commands work on: some of the demo's data, a run of it with decisions, and predictions.

    seconds: how long each command takes, started and forked; reference: whole results.
    """

    root: Path
    seconds: dict[tuple[str, bool], float]
    reference: dict[str, dict[str, bytes | None]]

    def ask_for(self, name: str, warm: bool) -> None:
        """Run a command undisturbed, if that hasn't happened yet."""
        if (name, warm) in self.seconds:
            return
        work = _copy(self, self.root.with_name("stops-reference"))
        began = time.monotonic()
        must(ended(started(_command(name, work), home=work, warm=warm)))
        self.seconds[name, warm] = time.monotonic() - began
        if self.reference.setdefault(name, _result(name, work)) != _result(name, work):
            raise RuntimeError(f"{name} gives another result without helper processes")


_made: list[Place] = []


def _place(folder: Path) -> Place:
    """The data, made at the first attack and kept beside the folders of the attacks."""
    if not _made:
        root = folder.parent / "stops-data"
        shutil.rmtree(root, ignore_errors=True)
        _make_data(root, folder.parent / "stops-demo")
        must(run(_command("first", root)))
        append_decisions(root / "run", [decide(name, "accept", label) for name, label in _rows(root)[:5]])
        with (root / "predictions.jsonl").open("w", encoding="utf-8") as lines:
            for name, label in _rows(root):
                lines.write(json.dumps({"sample_id": name, "gt": label, "pred": label + " x"}) + "\n")
        (root / "rows.json").write_text(json.dumps(_rows(root)[::-1] * 50), encoding="utf-8")
        for name in ("tmp", "cache", "said"):
            (root / name).mkdir()
        _made.append(Place(root, {}, {}))
    return _made[0]


def _make_data(root: Path, demo: Path) -> None:
    """Write a few of the demo's rows, some with pictures. They take little time, so many stops hit the start."""
    shutil.rmtree(demo, ignore_errors=True)
    must(run(program("curate", "demo", "--out", demo)))
    samples = pl.read_parquet(demo / "run" / "samples.parquet", columns=["source", "label", "image"])
    (root / "images").mkdir(parents=True)
    for source, name in (("m2e", "labels"), ("im2latex", "pairs")):
        rows = samples.filter((pl.col("source") == source) & pl.col("image").is_not_null()).head(ROWS)
        with (root / f"{name}.jsonl").open("w", encoding="utf-8") as lines:
            for number, (_, label, image) in enumerate(rows.iter_rows()):
                row = {"latex": label.replace("\\n", " "), "id": str(number)}
                (found,) = (demo / "data" / source).rglob(Path(image).name)
                if name == "pairs":
                    shutil.copy(found, root / "images" / found.name)
                    row["image"] = f"images/{found.name}"
                lines.write(json.dumps(row) + "\n")
    shutil.rmtree(demo)


def must(result: Ended | None) -> None:
    if result is None or result.code != 0:
        raise RuntimeError(f"a command that prepares the soak failed: {result}")


def _rows(root: Path) -> list[tuple[str, str]]:
    return list(pl.read_parquet(root / "run" / "samples.parquet", columns=["sample_id", "label"]).iter_rows())


def _copy(place: Place, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(place.root, folder)
    return folder


def _command(name: str, work: Path) -> list[str]:
    sources = [work / "labels.jsonl", work / "pairs.jsonl"]
    out = _out(name, work)
    return {
        "first": program("curate", "audit", *sources, "--out", out, "--no-cache"),
        "audit": program("curate", "audit", *sources, "--out", out),
        "update": program("curate", "audit", *sources, "--out", out, "--update"),
        "fix": program("curate", "fix", sources[0], "--out", out),
        "export": program("curate", "export", work / "run", "--out", out),
        "evaluate": program("finetune", "evaluate", work / "predictions.jsonl", "--out", out),
    }[name]


def _out(name: str, work: Path) -> Path:
    return (
        work
        / {
            "first": "run",
            "audit": "new",
            "update": "run",
            "fix": "fixed.jsonl",
            "export": "dataset",
            "evaluate": "scores",
        }[name]
    )


def _result(name: str, work: Path) -> dict[str, bytes | None]:
    """What a command made, except what changes from run to run (times, places, memory) and unfinished files.

    `_leftovers` finds unfinished files.
    """
    out = _out(name, work)
    made = {out.name: out.read_bytes()} if out.is_file() else contents(out)
    return {
        file: data
        for file, data in made.items()
        if not _UNFINISHED.search(file)
        and not file.endswith((".html", "summary.json", "metrics.json", "manifest.json", "README.md", ".txt"))
    }


@dataclass(frozen=True)
class _Trial:
    """One command on a copy of the data.

    before: what was in place of its result; decisions: those of the run; warm: it is forked, see `warm`.
    """

    place: Place
    name: str
    work: Path
    warm: bool
    before: dict[str, bytes | None]
    decisions: Mapping[str, Decision]

    @classmethod
    def drawn(cls, random: Random, folder: Path, name: str | None = None) -> _Trial:
        place, name, warm = _place(folder), name or random.choice(_NAMES), random.random() < WARM
        place.ask_for(name, warm)
        work = _copy(place, folder / "work")
        before = _result(name, work) if _out(name, work).exists() else {}
        return cls(place, name, work, warm, before, _decided(work))

    @property
    def command(self) -> list[str]:
        return _command(self.name, self.work)

    @property
    def seconds(self) -> float:
        return self.place.seconds[self.name, self.warm]

    def start(self, file_size: int | None = None) -> subprocess.Popen[str] | Forked:
        return started(self.command, home=self.work, warm=self.warm, file_size=file_size)

    @property
    def kind(self) -> str:
        return f"{self.name}, forked" if self.warm else self.name

    @property
    def state(self) -> str | None:
        """What is wrong with the content of the result's place: it must be whole, absent, or as before."""
        out, reference = _out(self.name, self.work), self.place.reference[self.name]
        there = _result(self.name, self.work) if out.exists() else {}
        if there and there not in (reference, self.before):
            differing = [file for file in {*there, *reference} if there.get(file) != reference.get(file)]
            return f"{out.name} is neither whole nor absent nor as before: {', '.join(sorted(differing)[:5])}"
        return None

    def stop(self, process: subprocess.Popen[str] | Forked, random: Random) -> tuple[str | None, bool]:
        """Send a running command a signal. Return what is wrong with its end, and whether it was still running."""
        there = set(_leftovers(self.work))  # a killed one leaves its files for a minute
        self._wait_for_a_moment(process, random)
        number = random.choice(_SIGNALS)
        reached = process.poll() is None
        process.send_signal(number)
        result = ended(process)
        how = f"stopped by {number.name}"
        if alive := left_alive(process.pid):
            return f"{how}: left a process running: {alive[0]}", reached
        if result is None:
            return f"{how}: doesn't stop", reached
        if number != signal.SIGKILL:
            if result.code not in (0, 128 + number, -number):
                return f"{how}: ended with {result.code}: {result.err[-200:]}", reached
            if left := sorted({*_leftovers(self.work)} - there - {_GOES_ON}):
                return f"{how}: left {left[0]} behind", reached
        if what := self.state:
            return f"{how}: {what}", reached
        return None, reached

    def _wait_for_a_moment(self, process: subprocess.Popen[str] | Forked, random: Random) -> None:
        """Wait until a random moment of the command's time, or until just after it begins to write something."""
        if random.random() < 0.4:
            time.sleep(random.uniform(0, self.seconds))
            return
        before, until = self._seen(), time.monotonic() + 3 * self.seconds
        while process.poll() is None and time.monotonic() < until and self._seen() == before:
            time.sleep(0.001)
        time.sleep(random.choice((0.0, random.uniform(0, 0.02), random.uniform(0, self.seconds / 2))))

    def _seen(self) -> set[str]:
        return {name for folder in ("", "cache", "tmp", "run") for name in _names(self.work / folder)}

    def completed(self) -> str | None:
        """What is wrong with what was left, and with the next run's result."""
        if what := self.state:
            return what
        _age(self.work)
        reference = self.place.reference[self.name]
        if self.name in _AGAIN or not _out(self.name, self.work).exists():
            result = ended(self.start())
            if result is None or result.code != 0:
                return f"can't be run again: {result.err.strip()[-300:] if result else 'hangs'}"
            if _result(self.name, self.work) != reference:
                return "the next run gives another result"
        elif _result(self.name, self.work) != reference:
            return "the result is not whole"
        else:
            ended(self.start())  # refused, as the result is there; it removes what was left beside it
            if self.name == "audit":  # uses the caches, and removes what was left there
                ended(started([*self.command, "--update"], home=self.work, warm=self.warm))
        if _decided(self.work) != self.decisions:
            return "decisions are lost"
        left = _leftovers(self.work)
        return f"left {left[0]} behind" if left else None

    def told(self, what: str | None, how: str) -> list[Failure]:
        return [Failure(f"{self.name} {how}: {what}", shlex.join(self.command))] if what else []


def stopped(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """A command gets several signals. What it leaves is whole or absent, and the last run completes it."""
    trial = _Trial.drawn(random, folder)
    tried: Counter[str] = Counter()
    for number in range(random.randint(1, _MOST_STOPS)):
        what, reached = trial.stop(trial.start(), random)
        tried[trial.kind if reached else "too late"] += 1
        if what:
            return trial.told(what, f"(stop {number + 1})"), tried
        if trial.name not in _AGAIN and _out(trial.name, trial.work).exists():
            break  # the next command would be refused
    return trial.told(trial.completed(), "after its stops"), tried


def _decider(work: Path) -> subprocess.Popen[str] | Forked:
    script = str(ROOT / "tests" / "soak" / "decider.py")
    return started([sys.executable, script, str(work / "run"), str(work / "rows.json")])


def _said(decider: Ended | None) -> list[str]:
    """The samples that a decider has reported; an incomplete line doesn't count."""
    return [] if decider is None else decider.out.split("\n")[:-1]


def decided(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """Somebody who decides is killed again and again: every reported decision is there."""
    trial = _Trial.drawn(random, folder, "update")
    file = trial.work / "run" / DECISIONS_FILE
    for number in range(DECIDERS):
        before = len(file.read_bytes().splitlines())
        decider = _decider(trial.work)
        time.sleep(random.uniform(0.05, 0.4))
        decider.send_signal(random.choice(_SIGNALS))
        told = _said(ended(decider))
        rows = file.read_bytes().splitlines()[before:]
        held = [json.loads(row)["sample_id"] for row in rows if row.endswith(b"}")]
        if held[: len(told)] != told or len(held) > len(told) + 1:
            what = f"{len(told)} decisions were reported, but {len(held)} are there (decider {number + 1})"
            return [Failure(what, f"look at {file}")], Counter({"decide": number + 1})
    return [], Counter({"decide": DECIDERS})


def deciding(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """Somebody decides during an update of the run, and either is killed: every reported decision is there."""
    trial = _Trial.drawn(random, folder, "update")
    decider = _decider(trial.work)
    update = trial.start()
    time.sleep(random.uniform(0, 1.2 * trial.seconds))
    tried: Counter[str] = Counter()
    for name, process in random.sample([("decide", decider), (trial.kind, update)], 2):
        if random.random() < 0.7 and process.poll() is None:
            process.send_signal(random.choice(_SIGNALS))
            tried[name] += 1
        time.sleep(random.uniform(0, trial.seconds / 4))
    results = [ended(update), ended(decider)]
    if any(result is None for result in results) or (alive := left_alive(update.pid)):
        return trial.told(f"doesn't stop: {alive[:1] if all(results) else results}", "during decisions"), tried
    said = _said(results[1])
    _age(trial.work)
    again = ended(trial.start())
    if again is None or again.code != 0:
        return trial.told(f"can't be run again: {again}", "after decisions"), tried
    held = _decided(trial.work)
    if lost := [name for name in said if name not in held or held[name].who != "decider"]:
        return trial.told(f"{len(lost)} of {len(said)} decisions lost, such as {lost[0]}", "during decisions"), tried
    if lost := [name for name in trial.decisions if name not in held]:
        return trial.told(f"an older decision is lost: {lost[0]}", "during decisions"), tried
    if left := _leftovers(trial.work):
        return trial.told(f"left {left[0]} behind", "during decisions"), tried
    made, reference = _result("update", trial.work), dict(trial.place.reference["update"])
    made.pop(DECISIONS_FILE), reference.pop(DECISIONS_FILE)
    return trial.told(None if made == reference else "the next run gives another result", "during decisions"), tried


def full(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """The disk is full for a command: it prints one line, and its result is whole or absent."""
    trial = replace(_Trial.drawn(random, folder), warm=False)  # a forked one writes its output to files
    trial.place.ask_for(trial.name, trial.warm)
    size = int(10 ** random.uniform(0, 5.5))
    what = complaint(ended(trial.start(size)), (0, 2))
    return trial.told(what or trial.completed(), f"with no file over {size} bytes"), Counter({trial.kind: 1})


def two(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """The same command runs twice at once: both end properly, and the result is that of one of them."""
    trial = _Trial.drawn(random, folder)
    first = trial.start()
    time.sleep(random.uniform(0, trial.seconds / 2))
    second = trial.start()
    results = [ended(first), ended(second)]
    what = next((said for result in results if (said := complaint(result, (0, 2)))), None)
    if what is None and not any(result and result.code == 0 for result in results):
        what = "both failed: " + " / ".join(result.err.strip()[-150:] for result in results if result)
    what = what or trial.state
    if what is None and (left := _leftovers(trial.work)):
        what = f"left {left[0]} behind"
    return trial.told(what, "run twice at once"), Counter({trial.kind: 1})


def _decided(work: Path) -> dict[str, Decision]:
    return dict(read_decisions(work / "run" / DECISIONS_FILE).standing)


def _names(folder: Path) -> list[str]:
    """The names in a folder; none if it doesn't exist or disappears in the meantime."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _leftovers(work: Path) -> list[str]:
    """Temporary files and folders: beside results, in the temporary folder, and unfinished entries of the cache."""
    left = [name for name in _names(work) if name.startswith(".")]
    left += [f"tmp/{name}" for name in _names(work / "tmp")]
    return left + [str(path.relative_to(work)) for path in _unfinished(work)]


def _unfinished(work: Path) -> list[Path]:
    return [path for folder in ("cache", "scores") for path in (work / folder).rglob(".*.tmp")]


def _age(work: Path) -> None:
    """Make leftovers two minutes older, since a younger folder may belong to a running writer."""
    then = time.time() - 120
    for path in [*work.iterdir(), *_unfinished(work)]:
        if path.name.startswith("."):
            os.utime(path, (then, then), follow_symlinks=False)
