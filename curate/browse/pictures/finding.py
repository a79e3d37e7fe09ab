"""Finds the file for a picture that the App asks for, and has it made if it isn't there yet. Draws nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from curate.browse.dataset import fields

#: Suffixes of pictures that browsers show; others are converted on request.
SHOWN = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")
#: If this many painters die during a job, the job is what kills them.
_DEATHS = 2
#: The most seconds for one picture, as many as `rules.workers.spread` allows a label. After that the painter counts as
#: hung.
LIMIT = 30.0


class _DiedError(Exception):
    """The painter died; `first`: during this job."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first = first


class Painter:
    """The painter's process as the server sees it; restarted if it dies."""

    def __init__(self, background: Path) -> None:
        self._background = background
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._order: deque[int] = deque()
        self._serial = 0
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> asyncio.subprocess.Process:
        async with self._starting:  # everyone who waited for one that died asks for another
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "curate.browse.pictures.painter", str(self._background)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                )
                self._reading = asyncio.create_task(self._read(self._process))
            return self._process

    async def paint(self, job: Mapping[str, Any]) -> None:
        """Have a picture made, and wait for it. If painters die of it, it becomes a picture that says so."""
        deaths = 0
        while deaths < _DEATHS:
            try:
                error = await self._ask(job)
                if error:
                    print(f"painter: {job['path']}: {error}", file=sys.stderr)
                return
            except _DiedError as died:
                deaths += died.first
        from curate.browse.pictures.drawings import told, write  # the renderer, rarely needed here

        picture = told("Not drawn: the renderer crashes or hangs on this label")
        await asyncio.to_thread(write, Path(job["path"]), picture)

    async def paint_soon(self, job: Mapping[str, Any]) -> None:
        """Have a picture made before it is asked for, if there is time; otherwise it is made when asked for."""
        process = await self.start()
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.write((json.dumps({**job, "id": None}) + "\n").encode())

    async def _ask(self, job: Mapping[str, Any]) -> str:
        process = await self.start()
        self._serial += 1
        answer = self._waiting[self._serial] = asyncio.get_running_loop().create_future()
        self._order.append(self._serial)
        assert process.stdin is not None
        with suppress(OSError):  # it died: the reading task says so
            process.stdin.write((json.dumps({**job, "id": self._serial}) + "\n").encode())
            await process.stdin.drain()
        while not answer.done():
            worked_on = self._order[0]
            await asyncio.wait([answer], timeout=LIMIT)
            if not answer.done() and self._order[0] == worked_on:
                with suppress(ProcessLookupError):
                    process.kill()  # the reading task then tells those who wait
                await asyncio.wait([answer])
        error: str = answer.result()
        return error

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            message = json.loads(line)
            self._order.remove(message["id"])
            answer = self._waiting.pop(message["id"])
            if not answer.done():  # whoever asked may be gone
                answer.set_result(message["error"])
        self._process = None
        waiting = [self._waiting[serial] for serial in self._order]
        self._waiting.clear()
        self._order.clear()
        for number, answer in enumerate(waiting):
            if not answer.done():
                answer.set_exception(_DiedError(first=number == 0))


class Pictures:
    """Which file to send for a path that the App asks for.

    settings: those of `session`; samples: the collection of the dataset's samples.
    """

    def __init__(self, settings: Mapping[str, Any], samples: Any, painter: Painter) -> None:
        self._settings = settings
        self._samples = samples
        self._painter = painter
        self._fields = {"drawings": fields.RENDERED, "cards": fields.SIDE_BY_SIDE, "photos": "filepath"}

    async def __call__(self, asked: str) -> str | None:
        path = os.path.normpath(asked)
        folder, _, rest = path.removeprefix(self._settings["pictures"] + os.sep).partition(os.sep)
        is_made = path != rest and path.startswith(self._settings["pictures"] + os.sep)
        if is_made and await asyncio.to_thread(os.path.isfile, path):
            return path
        field = self._fields.get(folder, "") if is_made else "filepath"
        sample = await asyncio.to_thread(self._samples.find_one, {field: asked}) if field else None
        if sample is None:
            # A database that isn't ours holds other datasets, whose pictures are for its owner only.
            return None if is_made or self._settings["own_database"] else path
        if is_made:
            made = path
        elif path.lower().endswith(SHOWN) and await asyncio.to_thread(os.path.isfile, path):
            return path
        else:
            made = f"{self._settings['photos']}{os.sep}{sample['_id']}.png"
        kind = {fields.RENDERED: "drawing", fields.SIDE_BY_SIDE: "card"}.get(field, "photo")
        await self._painter.paint(job(kind, made, sample, self._settings))
        return made

    async def listed(self, sample: Mapping[str, Any]) -> None:
        """Have the card of a listed sample made, about a page before the App shows it."""
        path = sample[fields.SIDE_BY_SIDE]
        if fields.RENDERED in sample and not await asyncio.to_thread(os.path.isfile, path):
            await self._painter.paint_soon(job("card", path, sample, self._settings))


def job(kind: str, path: str, sample: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the painter needs to make the picture `path` of a sample that has our fields."""
    key = sample[fields.RENDERED].rpartition("/")[2].removesuffix(".png")
    decided = sample.get(fields.DECIDED_LABEL)
    return {
        "kind": kind,
        "path": path,
        # Draw the label that is shown: after an edit, the new one.
        "label": decided if decided and sample.get(fields.DECISION) in ("edit", "fix") else sample[fields.LABEL],
        "reading": sample.get(fields.READING),
        "visual_key": None if key.startswith("t") else key,
        "drawings": settings["drawings"],
        "root": settings["roots"].get(sample[fields.SOURCE]),
        "image": sample.get(fields.IMAGE),
    }
