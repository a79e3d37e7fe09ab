"""Pictures that somebody is waiting for: a photo, a drawn label. Made in another process, which a label may crash.

The process is `painter`, started at the first picture; it ends with this one.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from curate.browse.pictures.drawings import path_of, told
from rules.workers.spread import LIMIT

_CRASHED = "Not drawn: the renderer crashes or hangs on this label"


class Sketcher:
    """Pictures as PNG, kept in these folders. Any thread may ask; they are made one at a time."""

    def __init__(self, drawings: Path, photos: Path) -> None:
        self._drawings = drawings
        self._photos = photos
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def drawing(self, label: str, visual_key: str | None = None) -> bytes:
        """A label as it is drawn, or why it isn't."""
        path = path_of(label, visual_key, self._drawings)
        return self._made({"kind": "drawing", "path": str(path), "label": label, "visual_key": visual_key})

    def photo(self, root: Path | None, image: str | None) -> bytes:
        """A sample's photo, or why there is none; root and image as `photo_of` takes them."""
        stamp = ""
        with suppress(OSError, ValueError):  # a page of a file or a row of a table has no timestamp of its own
            found = ((root or Path()) / (image or "")).stat()
            stamp = f"{found.st_mtime_ns} {found.st_size}"
        name = hashlib.sha256(f"{root}\n{image}\n{stamp}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        path = self._photos / f"{name[:2]}/{name}.png"
        where = None if root is None else str(root)
        return self._made({"kind": "photo", "path": str(path), "root": where, "image": image})

    def stop(self) -> None:
        """End the process, whatever it does. What is asked for later starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _made(self, job: dict[str, Any]) -> bytes:
        path = Path(job["path"])
        with suppress(OSError):
            return path.read_bytes()
        with self._lock:
            error = self._ask({"drawings": str(self._drawings), "root": None, **job, "id": 0})
        try:
            return path.read_bytes()
        except OSError:
            return told(error or _CRASHED)

    def _ask(self, job: dict[str, Any]) -> str:
        """What went wrong, or nothing. A process that died over the job, or hung, is started anew for the next."""
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "curate.browse.pictures.painter", os.devnull],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.write((json.dumps(job) + "\n").encode())
            process.stdin.flush()
        hangs = threading.Timer(LIMIT, process.kill)
        hangs.start()
        line = process.stdout.readline()
        hangs.cancel()
        if not line:
            process.wait()
            return _CRASHED
        return str(json.loads(line)["error"])
