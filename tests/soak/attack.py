"""The building blocks of the soak: attacks, their failures, and watched processes. Attacks nothing itself."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from warm import Forked, Server

ROOT = Path(__file__).resolve().parents[2]
#: Seconds that a command may take on a small input, however busy the machine is.
PATIENCE = 300
#: Bytes of address space that a command may take on a small input. Chromium and torch need more.
MEMORY = 12 << 30
#: Seconds without an answer after which a worker counts as hanging.
HANGS = 60.0


@dataclass(frozen=True)
class Failure:
    """A broken promise: what happened, and a shell command that reproduces it."""

    what: str
    command: str


#: Gets its own random numbers and an empty folder. Returns the failures, and how often each thing was tried.
Attack = Callable[[Random, Path], tuple[list[Failure], Counter[str]]]


class Ended(NamedTuple):
    """How a command ended: its exit code (negative: the signal's number) and its output."""

    code: int
    out: str
    err: str


class Worker:
    """A process that does some work for each request, a line of JSON. It starts again whenever a request ended it."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._process: subprocess.Popen[str] | None = None

    def wrong(self, *request: str) -> str | None:
        """What the process finds wrong with the result for a request, or how it ended; None if nothing is wrong."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, str(self._script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], HANGS)[0]:
            self.end()
            return f"hangs: no answer after {HANGS:.0f} s"
        line = self._process.stdout.readline()
        if not line:
            return f"ends its process ({self._process.wait()})"
        answer: str | None = json.loads(line)
        return answer

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def program(name: str, *arguments: str | Path) -> list[str]:
    """The command line of `curate` or `finetune` from this checkout."""
    return [sys.executable, "-m", f"{name}.cli.main", *map(str, arguments)]


def started(
    command: Sequence[str], *, file_size: int | None = None, home: Path | None = None, warm: bool = False
) -> subprocess.Popen[str] | Forked:
    """A command in a session of its own.

    file_size: the largest size of a file in bytes, as on a full disk. home: a folder for temporary files (`tmp`) and
    cache (`cache`). warm: fork the command from a process that has its imports, and run it without helper processes.
    """
    own = {} if home is None else {"TMPDIR": str(home / "tmp"), "TEXSIEVE_CACHE": str(home / "cache")}
    own["COLUMNS"] = "200"
    if file_size is not None:
        own["PYTHONDONTWRITEBYTECODE"] = "1"  # Python would leave copies of modules that are cut short
    limits = {"RLIMIT_AS": MEMORY} | ({} if file_size is None else {"RLIMIT_FSIZE": file_size})
    if warm and home is not None:
        return _server().started(command, own, limits, home / "said")

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored if the soak runs in the background
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so a write beyond the limit fails, as on a full disk
        for name, size in limits.items():
            resource.setrlimit(getattr(resource, name), (size, size))

    return subprocess.Popen(
        list(command),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        start_new_session=True,
        preexec_fn=prepare,
        env={**os.environ, **own},
    )


@cache
def _server() -> Server:
    return Server()


def ended(process: subprocess.Popen[str] | Forked, patience: float = PATIENCE) -> Ended | None:
    """How a command ended; None if it took too long, and was killed with its whole session."""
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    assert process.returncode is not None
    return Ended(process.returncode, out, err)


def run(
    command: Sequence[str], *, file_size: int | None = None, home: Path | None = None, warm: bool = False
) -> Ended | None:
    return ended(started(command, file_size=file_size, home=home, warm=warm))


def complaint(result: Ended | None, codes: Sequence[int] = (0, 1, 2)) -> str | None:
    """What is wrong with how a command ended; None if it kept the promises that hold for any input."""
    if result is None:
        return f"took more than {PATIENCE} s"
    if result.code not in codes:
        return f"ended with {result.code}: {result.err.strip()[-300:]}"
    if "a fault in texsieve" in result.err or "Traceback" in result.err:
        return f"a fault in texsieve: {result.err.strip()[-300:]}"
    errors = [line for line in result.err.splitlines() if ": error: " in line]
    if (result.code == 2) != (len(errors) == 1):
        return f"exit code {result.code} with {len(errors)} error lines: {result.err.strip()[-300:]}"
    return None


def left_alive(session: int, patience: float = 60) -> list[str]:
    """The command lines of a session's processes that are still alive after `patience` seconds."""
    deadline = time.monotonic() + patience
    while (alive := _alive(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def _alive(session: int) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                facts = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                if int(facts[3]) == session and facts[0] not in "ZX":
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120])
            except OSError:  # it has ended in the meantime
                continue
    return found


def contents(folder: Path) -> dict[str, bytes | None]:
    """The content of every file below a folder, or the target of a link; None for an unreadable file."""
    found: dict[str, bytes | None] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.is_file():
            try:
                found[str(path.relative_to(folder))] = (
                    os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
                )
            except OSError:
                found[str(path.relative_to(folder))] = None
    return found
