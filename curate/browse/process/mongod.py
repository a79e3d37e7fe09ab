"""Finds, starts and ends the database that FiftyOne needs: a mongod of our own, on this machine only.

It is never the one that a person's own FiftyOne uses: a second process silently attaches to a running FiftyOne
database, whatever folder it was told to use.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from curate.base.errors import UserError
from curate.browse.process import leash

#: Names the mongod to use.
VARIABLE = "TEXSIEVE_MONGOD"
#: FiftyOne's own variable: if it is set, that database is used and none is started.
URI_VARIABLE = "FIFTYONE_DATABASE_URI"
HOW_TO_GET = (
    "run `pip install --force-reinstall --no-deps fiftyone-db` where there is a network (it downloads mongod), "
    f"or install MongoDB and name its mongod in {VARIABLE}"
)
#: FiftyOne's default for the App. If it is taken and no port was asked for, the App gets a free one.
PORT = 5151
#: Log entries that blame the files: a fatal message, or a failed upgrade.
_DAMAGED = ('"s":"F"', "UPGRADE PROBLEM", "wasn't able to start")
_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 10.0
#: Megabytes: the database is small, and the default is half the machine's memory.
_CACHE_GB = "0.25"


def find_mongod() -> Path | None:
    """The mongod that TEXSIEVE_MONGOD names, or fiftyone-db's, or the one on the path. Raises UserError for a wrong
    TEXSIEVE_MONGOD."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK) or not Path(named).is_file():
            raise UserError(f"{VARIABLE}={named}: no such program; name the file mongod, or unset it")
        return Path(named).absolute()
    spec = find_spec("fiftyone")  # a top-level name is looked up without importing anything
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "db" / "bin" / ("mongod.exe" if sys.platform == "win32" else "mongod")
        if path.is_file():
            return path
    found = shutil.which("mongod")
    return Path(found) if found else None


def version(mongod: Path) -> str:
    """What `mongod --version` says, in one line. Raises UserError if it doesn't run on this system."""
    try:
        done = subprocess.run([mongod, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{mongod}: does not run on this system ({error}); {HOW_TO_GET}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"{mongod}: does not run on this system ({said[-1].strip()}); {HOW_TO_GET}")
    return (done.stdout.strip().splitlines() or ["?"])[0]


class DamagedError(UserError):
    """Files that this mongod can't read: damaged, or another version's."""


class Mongod:
    """A running mongod on a free port of 127.0.0.1. `uri` is what FiftyOne wants; `stop` ends it."""

    def __init__(self, program: Path, folder: Path, log: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{folder}: can't keep the database there ({error.strerror}); "
                "name a folder you may write to in TEXSIEVE_CACHE"
            ) from error
        self._folder, self._log = folder, log
        log.unlink(missing_ok=True)  # mongod would keep every log of the past
        self.port = free_port()
        self.uri = f"mongodb://127.0.0.1:{self.port}"
        arguments = [
            *(str(program), "--dbpath", str(folder), "--bind_ip", "127.0.0.1", "--port", str(self.port)),
            *("--wiredTigerCacheSizeGB", _CACHE_GB, "--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--logpath", str(log), *(() if sys.platform == "win32" else ("--nounixsocket",))),
        ]
        starter = [sys.executable, "-S", "-E", leash.__file__, str(os.getpid())]
        with log.with_suffix(".out").open("wb") as out:
            self.process = subprocess.Popen(
                [*starter, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def wait(self) -> None:
        """Wait until it answers. If it ends instead, raises UserError with what it said: DamagedError if the files are
        at fault."""
        deadline = time.monotonic() + _SECONDS_TO_START
        while True:
            if self.process.poll() is not None:
                raise self._why()
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise UserError(f"the database did not start within a minute; see {self._log}") from None
                time.sleep(0.02)

    def stop(self) -> None:
        end(self.process, _SECONDS_TO_END)

    def _why(self) -> UserError:
        """Why it ended, from its log or its output."""
        log = self._log.read_text(errors="replace") if self._log.is_file() else ""
        out = self._log.with_suffix(".out").read_text(errors="replace")
        code = f"the database did not start: mongod ended with code {self.process.returncode}"
        if any(words in log for words in ("Permission denied", "not writable", "Read-only file system")):
            return UserError(f"{self._folder} is not writable; name a folder you may write to in TEXSIEVE_CACHE")
        if "No space left" in log:
            return UserError(f"no space left for {self._folder}; free some, or name another folder in TEXSIEVE_CACHE")
        if "DBPathInUse" in log:
            return UserError(f"{self._folder} is in use by another mongod; end that one")
        if any(words in log for words in _DAMAGED):
            return DamagedError(f"{code}: it can't read {self._folder}; remove that folder")
        lines = [line.strip() for line in out.splitlines() if line.strip() and not line.startswith("{")]
        return UserError(f"{code}: {lines[-1]}; {HOW_TO_GET}" if lines else f"{code}; see {self._log}")


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask a process to end, and kill it after so many seconds."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
