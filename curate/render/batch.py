"""Many labels at once: over processes, and into a folder. Not for drawing: that is `render_png` and `render_svg`."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from curate.base.atomic_files import new_file
from curate.base.column_names import LABEL_COLUMNS, find_column
from curate.base.errors import UserError
from curate.render import RenderError, render_png, render_svg
from rules.faults import Fault
from rules.workers.pool import Helpers
from rules.workers.spread import told, watched

FORMATS = ("png", "svg")
_CHUNK = 16
#: A process takes about a second to be ready, as long as 60 drawings take.
_WORTH_A_PROCESS = 120
_LARGEST_FILE = 64 * 1024 * 1024

Drawn: TypeAlias = bytes | RenderError


def _draw(label: str, options: dict[str, Any]) -> Drawn:
    try:
        return render_png(label, **options)
    except RenderError as error:
        return error


def _draw_chunk(labels: list[str], options: dict[str, Any]) -> list[Drawn]:
    return [_draw(label, options) for label in labels]


def render_many(
    labels: Iterable[str], *, workers: int | None = None, **options: Any
) -> Iterator[tuple[int, bytes | RenderError]]:
    """(index, PNG or RenderError) for every label, in order; `options` go to `render_png`.

    QuickJS uses one core, so several workers are several processes. `workers` None takes all cores (at most 8) where
    there are enough labels to pay for the start, else this process. Only a few chunks are held at a time: the labels
    may come from a generator without end. A label that kills its process is a RenderError and stops nothing.
    """
    source = iter(labels)
    if workers is None:
        first = list(islice(source, _WORTH_A_PROCESS))
        workers = min(os.cpu_count() or 1, 8) if len(first) == _WORTH_A_PROCESS else 1
        source = _chain(first, source)
    if workers <= 1:
        for index, label in enumerate(source):
            yield index, _draw(label, options)
        return
    yield from _over_processes(source, workers, options)


def _chain(first: list[str], rest: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from rest


def _over_processes(
    source: Iterator[str], workers: int, options: dict[str, Any]
) -> Iterator[tuple[int, bytes | RenderError]]:
    chunks = iter(lambda: list(islice(source, _CHUNK)), [])
    waiting: deque[list[str]] = deque()
    under_way: deque[Future[tuple[list[Drawn], list[Fault]]]] = deque()  # of the first ones that wait
    pool = Helpers(workers)
    index = 0
    try:
        while True:
            waiting.extend(islice(chunks, 3 * workers - len(waiting)))
            if not waiting:
                return
            try:
                for chunk in islice(waiting, len(under_way), None):
                    under_way.append(pool.submit(watched, (partial(_draw_chunk, options=options), chunk)))
                results = told(*under_way.popleft().result())
            except BrokenProcessPool:  # every chunk in flight is lost with the process that died
                pool.shutdown()
                under_way.clear()
                results = _one_by_one(waiting[0], options)
                pool = Helpers(workers)
            waiting.popleft()
            for result in results:
                yield index, result
                index += 1
    finally:
        pool.shutdown()


def _one_by_one(labels: list[str], options: dict[str, Any]) -> list[Drawn]:
    """Each label in a process that may die of it."""
    results: list[Drawn] = []
    while len(results) < len(labels):
        with Helpers(1) as pool:
            try:
                for label in labels[len(results) :]:
                    drawn = pool.submit(watched, (partial(_draw, options=options), label)).result()
                    results.append(told(*drawn))
            except BrokenProcessPool:
                results.append(RenderError("The renderer crashed on this label"))
    return results


@dataclass(frozen=True)
class RenderReport:
    """What `render_to_folder` did: the files it wrote, and (name, message) of what could not be drawn."""

    out: Path
    written: list[Path]
    failed: list[tuple[str, str]]


def render_to_folder(labels: str | Path | Iterable[str], out: Path, format: str = "png") -> RenderReport:
    """Draw into the folder `out`, one file a label, and say what could not be drawn.

    `labels` is a label, the path of a file, or labels. A file holds one label a line, but `.tex` is one label as a
    whole and `.jsonl` has a label in `latex` (or `label`, `tex`, `text`, `formula`) and perhaps a name in `id`.
    Pictures are named by the id, else by the line number; files of the same name are replaced. Raises UserError for a
    file that can't be read.
    """
    if format not in FORMATS:
        raise UserError(f"{format}: no such picture format; use one of {', '.join(FORMATS)}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: can't be made a folder ({error.strerror}); give another --out") from error
    written: list[Path] = []
    failed: list[tuple[str, str]] = []
    taken: set[str] = set()
    for name, label in _named(labels):
        name = _free_name(name, taken)
        try:
            data = render_png(label) if format == "png" else render_svg(label, colour="black").encode("utf-8")
        except RenderError as error:
            failed.append((name, str(error)))
            continue
        with new_file(out / f"{name}.{format}") as temporary:
            temporary.write_bytes(data)
        written.append(out / f"{name}.{format}")
    return RenderReport(out, written, failed)


def _named(labels: str | Path | Iterable[str]) -> Iterator[tuple[str, str]]:
    if isinstance(labels, str) and not _is_file(labels):
        yield "label", labels
    elif isinstance(labels, str | Path):
        yield from _from_file(Path(labels))
    else:
        for number, label in enumerate(labels, start=1):
            yield f"{number:04d}", label


def _is_file(text: str) -> bool:
    try:
        return len(text) <= 4096 and Path(text).is_file()
    except (OSError, ValueError):
        return False


def _from_file(path: Path) -> Iterator[tuple[str, str]]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UserError(f"{path}: larger than 64 MB; render a part of it")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); convert it first") from error
    if path.suffix == ".tex":
        yield path.stem, text
        return
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.rstrip("\r")
        if not line.strip():
            continue
        if path.suffix == ".jsonl":
            yield _from_json(line, path, number)
        else:
            yield f"{number:04d}", line


def _from_json(line: str, path: Path, number: int) -> tuple[str, str]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UserError(f"{path}, line {number}: not JSON ({error})") from error
    label = None
    if isinstance(row, dict):
        label = row.get(find_column(list(row), LABEL_COLUMNS))
    if not isinstance(label, str):
        raise UserError(f"{path}, line {number}: no text under {', '.join(LABEL_COLUMNS[:-1])} or {LABEL_COLUMNS[-1]}")
    return str(row.get("id", f"{number:04d}")), label


def _free_name(name: str, taken: set[str]) -> str:
    """`name` as the name of a file that was not used yet: an id may hold slashes, dots, anything."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".")[:80] or "label"
    free, number = safe, 1
    while free.lower() in taken:
        number += 1
        free = f"{safe}-{number}"
    taken.add(free.lower())
    return free
