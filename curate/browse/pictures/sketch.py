"""Draws a label that is being typed beside its photo, in a process of its own: a label may crash the renderer.

The process is `painter`, started at the first sketch; it ends with this one.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from curate.browse.pictures.cards import EMPTY, HEIGHT, WIDTH, card, photo_of
from curate.browse.pictures.drawings import told

_CRASHED = "Not drawn: the renderer crashes on this label"


class Sketcher:
    """Cards of labels that are being typed. Any thread may ask; they are made one after the other."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._serial = itertools.count(1)

    def card(
        self, label: str, visual_key: str | None, root: Path | None, image: str | None, drawings: Path, cards: Path
    ) -> bytes:
        """A JPEG of photo and drawing. root and image: the photo's, as `photo_of` takes them."""
        with self._lock:
            path = cards / "typed" / f"{os.getpid()}-{next(self._serial)}.jpg"
            job = {
                "kind": "card",
                "path": str(path),
                "label": label,
                "visual_key": visual_key,
                "drawings": str(drawings),
                "root": None if root is None else str(root),
                "image": image,
                "id": 0,
            }
            error = self._ask(job)
            try:
                made = path.read_bytes()
            except OSError:
                made = card(photo_of(root, image), told(error or _CRASHED), label)
            finally:
                path.unlink(missing_ok=True)
        return _without_foot(made)

    def _ask(self, job: dict[str, Any]) -> str:
        """What went wrong, or nothing. A process that died over the job is started anew for the next."""
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
        line = process.stdout.readline()
        if not line:
            process.wait()
            return _CRASHED
        return str(json.loads(line)["error"])


def _without_foot(made: bytes) -> bytes:
    """The card without the label's text and the room below it, over which the grid writes: the form has the text."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(made)) as picture:
        picture.crop((0, 0, WIDTH, HEIGHT - EMPTY)).save(out, "JPEG", quality=88, subsampling=0)
    return out.getvalue()
