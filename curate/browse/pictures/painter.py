"""A process that draws labels and makes cards: first what the App asks for, then what it has listed and may soon show,
then the rest, worst samples first.

    python -m curate.browse.pictures.painter BACKGROUND.jsonl

Each line of standard input is a job, each line of standard output its answer, both JSON. A job whose id is null gets
no answer: nobody waits for it. The process belongs to the server and ends with its standard input. It is separate
because a label may crash the renderer, and the App must survive.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from curate.browse.pictures.cards import as_png, card, photo_of
from curate.browse.pictures.drawings import drawing, write
from curate.browse.process.leash import tie_to_parent

#: How many of the jobs that nobody waits for yet are kept, the latest first: a few screens full.
_AHEAD = 240
#: A job says what to make (`kind`: drawing, card or photo), at which `path`, and from which label and image.
Job = dict[str, Any]


def paint(job: Job) -> None:
    """Make the picture of a job, unless it is there. Raises OSError if it can't be written."""
    path = Path(job["path"])
    if path.is_file():
        return
    root = Path(job["root"]) if job["root"] else None
    if job["kind"] == "photo":
        write(path, as_png(photo_of(root, job["image"])))
        return
    drawn = drawing(job["label"], job["visual_key"], Path(job["drawings"]))
    if job["kind"] == "card":
        read = job.get("reading")
        reading = drawing(read, None, Path(job["drawings"])).read_bytes() if read and read != job["label"] else None
        write(path, card(photo_of(root, job["image"]), drawn.read_bytes(), job["label"], reading))


class Background:
    """The jobs that nobody waits for, from a file with one a line.

    The number of the current job is noted beside the file. If a painter dies of a job, the next one passes over it; if
    the App asks for that picture, the server finds out.
    """

    def __init__(self, path: Path) -> None:
        self._note = path.with_suffix(".at")
        self._jobs = self._read(path)

    def _read(self, path: Path) -> Iterator[Job]:
        done = -1
        with suppress(OSError, ValueError):
            done = int(self._note.read_text(encoding="ascii"))
        with suppress(OSError), path.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                if number > done:
                    self._note.write_text(str(number), encoding="ascii")
                    yield json.loads(line)

    def next(self) -> Job | None:
        return next(self._jobs, None)


def main(background: Path) -> None:
    tie_to_parent(os.getppid())
    with suppress(OSError):
        os.nice(5)  # the server and the browser go first
    asked: queue.Queue[Job | None] = queue.Queue()
    threading.Thread(target=_read, args=(asked,), daemon=True).start()
    rest, is_idle = Background(background), False
    soon: deque[Job] = deque(maxlen=_AHEAD)
    while True:
        try:
            job = asked.get(block=is_idle)
        except queue.Empty:
            job = soon.popleft() if soon else rest.next()
            is_idle = job is None
            if job is not None:
                with suppress(Exception):  # tried again, and reported, when it is asked for
                    paint(job)
            continue
        if job is None:
            os._exit(0)  # the reading thread may hold the lock of standard input
        if job["id"] is None:
            soon.append(job)
            is_idle = False
            continue
        error = ""
        try:
            paint(job)
        except Exception as problem:  # the App must get an answer
            error = f"{type(problem).__name__}: {problem}"
        sys.stdout.write(json.dumps({"id": job["id"], "error": error}) + "\n")
        sys.stdout.flush()


def _read(jobs: queue.Queue[Job | None]) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    jobs.put(None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
