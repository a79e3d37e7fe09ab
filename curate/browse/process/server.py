"""The server's process as the command sees it: start it, give it orders, end it. `app` is what runs in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from curate.base.errors import UserError
from curate.browse.dataset import fields
from curate.browse.process.mongod import Mongod, end
from curate.browse.process.work import WorkingFiles
from curate.runs.folder import Run

PLUGINS = Path(__file__).parents[1] / "plugin"
#: The variable that says where the page for deciding is, to the plugin.
PAGE = "CURATE_BROWSE_PAGE"
_SECONDS_TO_ANSWER = 180.0
_SECONDS_TO_END = 4.0


def places(run: Run, work: WorkingFiles) -> dict[str, Any]:
    """Folders that everything that makes pictures needs."""
    return {
        "pictures": str(work.pictures),
        "drawings": str(work.drawings),
        "photos": str(work.photos),
        "roots": {entry["name"]: str(run.root(entry["name"])) for entry in run.summary["sources"]},
    }


class ServerProcess:
    """The process of `curate.browse.process.app`, seen from the command."""

    def __init__(self, run: Run, work: WorkingFiles, listening: socket.socket, mongod: Mongod | None) -> None:
        self.log = work.server_log
        settings = {
            **places(run, work),
            "name": fields.dataset_name(run.path),
            "parent": os.getpid(),
            "mongod": mongod.process.pid if mongod else None,
            "own_database": mongod is not None,
            "port": listening.getsockname()[1],
            "socket": listening.fileno(),
            "background": str(work.root / "background.jsonl"),
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "curate.browse.process.app", str(work.file("settings.json", settings))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(work, mongod.uri if mongod else None, os.environ),
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._sending = threading.Lock()

    def send(self, do: str, **what: Any) -> None:
        """Give an order, from any thread."""
        assert self._process.stdin is not None
        try:
            with self._sending:
                self._process.stdin.write((json.dumps({"do": do, **what}) + "\n").encode())
                self._process.stdin.flush()
        except (OSError, ValueError):  # closed
            self._ended()

    def answer(self, key: str) -> dict[str, Any]:
        """Wait for the next line that has this key. Raises UserError if the process ends instead."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message: dict[str, Any] = json.loads(line)
            if message.get("error"):
                raise UserError(f"FiftyOne: {message['error']}; see {self.log}")
            if key in message:
                return message
        self._ended()
        raise AssertionError

    def order(self, do: str, **what: Any) -> dict[str, Any]:
        """Give an order and wait until it is done."""
        self.send(do, **what)
        while (message := self.answer("done"))["done"] != do:
            pass
        return message

    def check(self) -> None:
        if self._process.poll() is not None:
            self._ended()

    def wait(self, seconds: float | None = None) -> None:
        """Wait for some seconds, or until the process ends, which it doesn't do by itself: then raises UserError."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        self._ended()

    def stop(self) -> None:
        end(self._process, _SECONDS_TO_END)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _ended(self) -> None:
        code = self._process.wait()
        lines = self.log.read_text(errors="replace").strip().splitlines() or ["no message"]
        raise UserError(f"FiftyOne's server ended with code {code}: {lines[-1].strip()}; see {self.log}")


def environment(work: WorkingFiles, uri: str | None, base: Mapping[str, str]) -> dict[str, str]:
    """The variables that FiftyOne reads when it is imported. Without `uri` the user's own database is used."""
    ours = {
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_PLUGINS_DIR": str(PLUGINS),
        "FIFTYONE_DEFAULT_APP_ADDRESS": "127.0.0.1",
        "FIFTYONE_ALLOWED_ORIGINS": "",
        "FIFTYONE_EXECUTION_STORE_NOTIFICATION_SERVICE_DISABLED": "true",
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), base.get("PYTHONPATH", "")])),
        "PYTHONUNBUFFERED": "1",
    }
    if uri is not None:
        ours |= {
            "FIFTYONE_DATABASE_URI": uri,
            "FIFTYONE_DATABASE_NAME": "texsieve",
            "FIFTYONE_DATABASE_VALIDATION": "false",
            "FIFTYONE_DATABASE_ADMIN": "true",
            # A person's own settings apply to that person's own FiftyOne.
            **{
                f"FIFTYONE_{name}CONFIG_PATH": str(work.root / f"fiftyone-{name.lower()}config.json")
                for name in ("", "APP_", "ANNOTATION_", "EVALUATION_")
            },
            "FIFTYONE_DEFAULT_DATASET_DIR": str(work.root / "datasets"),
            "FIFTYONE_DATASET_ZOO_DIR": str(work.root / "zoo"),
            "FIFTYONE_MODEL_ZOO_DIR": str(work.root / "models"),
        }
    return {**{name: value for name, value in base.items() if name not in ("FIFTYONE_SERVER",)}, **ours}


def until_it_answers(url: str, server: ServerProcess) -> None:
    deadline = time.monotonic() + _SECONDS_TO_ANSWER
    while time.monotonic() < deadline:
        server.check()
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2).close()
            return
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    raise UserError(f"FiftyOne's server does not answer; see {server.log}")
