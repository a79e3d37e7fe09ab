"""The folder in the user's cache in which `curate browse` keeps a run's database and pictures, and who is using it.

One process uses it at a time. If a process was killed, the next one ends what it left running.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.base.atomic_files import new_file
from curate.base.cache_folder import cache_folder
from curate.base.errors import UserError
from curate.base.locks import try_lock
from curate.browse.dataset.fields import run_hash
from rules import KEY_VERSION

#: Changes when pictures look different.
EDITION = "2"


class AlreadyOpenError(Exception):
    """Another process shows this run; `url` is where, empty while it is starting."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


@dataclass(frozen=True)
class WorkingFiles:
    """The working files of a run. Nothing here is worth keeping: decisions are in the run folder."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "database"

    @property
    def pictures(self) -> Path:
        """Drawings, cards and converted photos. Another version of visual keys gives drawings other names."""
        return self.root / f"pictures-{KEY_VERSION}-{EDITION}"

    @property
    def drawings(self) -> Path:
        return self.pictures / "drawings"

    @property
    def cards(self) -> Path:
        return self.pictures / "cards"

    @property
    def photos(self) -> Path:
        """Images that a browser can't show by itself: inside tables, in other formats, missing."""
        return self.pictures / "photos"

    @property
    def picked(self) -> Path:
        """Lists of samples that the App hands to the page."""
        return self.root / "picked"

    @property
    def dataset(self) -> Path:
        return self.root / "dataset"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def server_log(self) -> Path:
        return self.root / "server.log"

    @property
    def mongod_log(self) -> Path:
        return self.root / "mongod.log"

    @property
    def door(self) -> Path:
        """A file that leads a browser to the page for deciding; it is there while the page is."""
        return self.root / "open.html"

    @property
    def _pids(self) -> Path:
        return self.root / "pids.json"

    def read_state(self) -> dict[str, Any]:
        """What the database holds, as `write_state` noted; empty if nothing is known."""
        try:
            state = json.loads(self.state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def write_state(self, state: dict[str, Any]) -> None:
        _write(self.state, state)

    def file(self, name: str, value: Any) -> Path:
        """A file here that holds a value as JSON."""
        path = self.root / name
        _write(path, value)
        return path

    def tidy(self) -> None:
        """Remove outdated pictures, old lists, and the folders of runs that no longer exist."""
        shutil.rmtree(self.picked, ignore_errors=True)
        for folder in self.root.glob("pictures-*"):
            if folder != self.pictures:
                shutil.rmtree(folder, ignore_errors=True)
        for other in self.root.parent.iterdir():
            run = WorkingFiles(other).read_state().get("run")
            if other != self.root and isinstance(run, str) and not Path(run).exists():
                with suppress(AlreadyOpenError, OSError), WorkingFiles(other).held():
                    shutil.rmtree(other, ignore_errors=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process. Raises AlreadyOpenError if another process holds it.

        A lock dies with its process, however that ends. So whatever an earlier process left can then be ended.
        """
        with (self.root / "lock").open("a+b") as file:
            if not try_lock(file):
                raise AlreadyOpenError(str(_read(self._pids).get("url", "")))
            self._end_orphans()
            try:
                yield
            finally:
                self._pids.unlink(missing_ok=True)
                self.door.unlink(missing_ok=True)

    def note(self, processes: dict[str, int], url: str) -> None:
        """Note which processes run and where the page is, for whoever comes next."""
        _write(self._pids, {"processes": processes, "url": url})

    def _end_orphans(self) -> None:
        processes = _read(self._pids).get("processes")
        for pid in processes.values() if isinstance(processes, dict) else ():
            if isinstance(pid, int) and self._is_ours(pid):
                _end_pid(pid)

    def _is_ours(self, pid: int) -> bool:
        """Whether this process works on this folder. The number may belong to another process by now."""
        return str(self.root) in command_line(pid)


def work_of(run: Path) -> WorkingFiles:
    """The working folder of a run, made if it isn't there. Raises UserError if it isn't writable."""
    run = run.resolve()
    root = cache_folder().absolute() / "browse" / f"{run.name[:60]}-{run_hash(run)}"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (root / "lock").open("a+b"):
            pass
    except OSError as error:
        raise UserError(
            f"{root}: database and pictures can't be kept there ({error.strerror}); "
            "name a folder you may write to in TEXSIEVE_CACHE"
        ) from error
    return WorkingFiles(root)


def command_line(pid: int) -> str:
    """The command line of a process, empty if there is none."""
    if sys.platform.startswith("linux"):
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    done = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout


def _end_pid(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            if _is_zombie(pid):
                return
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    return not command_line(pid)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, value: Any) -> None:
    with new_file(path, flush=False, mode=0o600) as temporary:  # it may hold the page's token
        temporary.write_text(json.dumps(value), encoding="utf-8")
