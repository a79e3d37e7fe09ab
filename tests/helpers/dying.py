"""Lets a process die after each of its steps in turn. A script of `test_atomic_steps`, which judges the remains.

A step is a line of the modules that write, or the beginning or end of a call that changes the file system. Prints a
JSON line for every step: the step, the state after it, and the state after the next command.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from curate.base import atomic_files, exchange, leftovers, locks
from curate.base.atomic_files import new_file, new_folder
from curate.base.leftovers import restore
from curate.runs import decisions
from curate.runs.decisions import DECISIONS_FILE, locked_decisions

LOGS = (DECISIONS_FILE,)
DECIDED = b'{"sample_id": "a"}\n{"sample_id": "b"}\n'
MODULES = {module.__file__ for module in (atomic_files, exchange, leftovers, locks, decisions)}
CALLS = ("rename", "replace", "mkdir", "rmdir", "unlink", "chmod", "close")


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os._exit(9)


def fail() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def interrupt() -> None:
    raise KeyboardInterrupt


def end() -> None:
    raise SystemExit(3)


class Steps:
    """Counts steps, and calls the deed at one of them."""

    def __init__(self, at: int, deed: Callable[[], None], lines: bool) -> None:
        self.at, self.deed, self.lines = at, deed, lines
        self.count = 0
        self.name = ""

    def step(self, name: str) -> None:
        self.count += 1
        if self.count == self.at:
            self.name = name
            os.write(self.report, name.encode())
            self.deed()

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in MODULES:
            return None
        if event == "line":
            self.step(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        return self.trace

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*given: Any, **named: Any) -> Any:
            self.step(f"before {name}")
            done = call(*given, **named)
            self.step(f"after {name}")
            return done

        return stepped

    def run(self, work: Callable[[], Any], report: int) -> None:
        self.report = report
        for name in CALLS:
            setattr(os, name, self.around(name, getattr(os, name)))
        exchange.exchange = self.around("exchange", exchange.exchange)
        if self.lines:
            sys.settrace(self.trace)
        try:
            work()
        finally:
            sys.settrace(None)


def fill(folder: Path, text: str) -> None:
    (folder / "deep").mkdir()
    for name in ("samples", "deep/findings"):
        (folder / name).write_text(text, encoding="utf-8")


def renew(run: Path, text: str) -> None:
    """What `curate audit --update` does."""
    with locked_decisions(run), new_folder(run, replace=True, logs=LOGS) as folder:
        fill(folder, text)
        shutil.copy2(run / DECISIONS_FILE, folder / DECISIONS_FILE)


def move_away(run: Path) -> None:
    """Leave the state of an audit that was killed between its two renames, on a system that can't swap folders."""
    home, unfinished = leftovers.beside(run, leftovers.ASIDE), leftovers.beside(run, leftovers.UNFINISHED)
    home.mkdir()
    run.rename(home / run.name)
    unfinished.mkdir()
    fill(unfinished, "new")


def write_file(file: Path, text: str) -> None:
    with new_file(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def state(run: Path) -> Any:
    """None if nothing is there, the text if all files hold the same text, else the content of each."""
    if not run.exists():
        return None
    if run.is_file():
        return run.read_text(encoding="utf-8")
    held = {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    log = held.pop(DECISIONS_FILE, None)
    texts = set(held.values())
    if log != DECIDED or held.keys() != {"samples", "deep/findings"} or len(texts) != 1:
        return {name: data.decode() for name, data in {**held, "decisions": log or b""}.items()}
    return texts.pop().decode()


def one(folder: Path, task: str, steps: Steps) -> dict[str, Any]:
    """Let a child die at a step of the task, then do what the next command does."""
    run = folder / "run"
    if task == "file":
        run.write_text("old", encoding="utf-8")
    else:
        run.mkdir()
        fill(run, "old")
        (run / DECISIONS_FILE).write_bytes(DECIDED)
    if task == "restore":
        move_away(run)
    work: Callable[[], Any] = {
        "folder": lambda: renew(run, "new"),
        "restore": lambda: restore(run, LOGS),
        "file": lambda: write_file(run, "new"),
    }[task]
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            steps.run(work, writer)
        kill()
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as said:
        name = said.read()
    found = {"at": steps.at, "step": name, "died": state(run)}
    found["left"] = litter(folder)
    leftovers._told.clear()
    with contextlib.redirect_stderr(io.StringIO()) as notes:
        restore(run, LOGS)
        found["opened"] = state(run)
        found["notes"] = notes.getvalue()
        long_ago = time.time() - 3600
        for entry in folder.iterdir():
            os.utime(entry, (long_ago, long_ago))
        if task == "file":
            write_file(run, "next")
        else:
            renew(run, "next")
    found["renewed"] = state(run)
    found["litter"] = litter(folder)
    return found


def litter(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "run")


def main(folder: Path, task: str, way: str, deed: str, lines: str) -> None:
    os.fsync = lambda fd: None  # type: ignore[assignment]
    leftovers._SETTLE_S = 0.0  # type: ignore[misc]
    if way == "renames":
        exchange.exchange = lambda *paths: False  # type: ignore[assignment]
    at = 0
    while True:
        at += 1
        (folder / str(at)).mkdir(parents=True)
        found = one(folder / str(at), task, Steps(at, globals()[deed], lines == "lines"))
        print(json.dumps(found), flush=True)
        if not found["step"]:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
