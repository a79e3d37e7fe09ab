"""Many labels at once: over processes, and into a folder. A single drawing is `render_png` or `render_svg`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, tee
from pathlib import Path
from typing import Any, TypeAlias

from curate.base.atomic_files import new_file
from curate.base.column_names import LABEL_COLUMNS, LABELS_TRIED, find_column
from curate.base.errors import UserError
from curate.base.given_files import why_not_json
from curate.images.own_drawings import marked
from curate.render.drawing import render_png, render_svg
from curate.render.engine import RenderError
from rules.workers.cores import cores
from rules.workers.helper import each
from rules.workers.pool import Lost
from rules.workers.spread import is_isolated, spread

_CHUNK = 16
#: A process takes about a second to start, as long as 500 drawings take.
_WORTH_A_PROCESS = 1000
_LARGEST_FILE = 64 * 1024 * 1024

Drawn: TypeAlias = bytes | RenderError


def _svg(label: str, *, colour: str) -> bytes:
    return render_svg(label, colour=colour).encode("utf-8")


def _png(label: str, *, colour: str) -> bytes:
    return marked(render_png(label, colour=colour))


#: The function that draws a file of a format.
FORMATS: dict[str, Callable[..., bytes]] = {"png": _png, "svg": _svg}


class RenderLost(RenderError):
    """The drawing ended its process, twice. At another time, or on another machine, it may not."""


def _lost(lost: Lost) -> list[Any]:
    return [RenderLost(f"not drawn: {lost.why}")]


def _draw_chunk(labels: Sequence[str], draw: Callable[[str], bytes]) -> list[Drawn]:
    found: list[Drawn] = []
    for label in each(labels):
        try:
            found.append(draw(label))
        except RenderError as error:
            found.append(error)
    return found


def _drawn(labels: Iterable[str], workers: int, draw: Callable[[str], bytes]) -> Iterator[Drawn]:
    several = workers > 1
    source, size = iter(labels), _CHUNK if several or is_isolated() else 1
    chunks = iter(lambda: list(islice(source, size)), [])
    work = partial(_draw_chunk, draw=draw)
    yield from chain.from_iterable(spread(work, chunks, workers, lost=_lost, to="draw", apart=several))


def render_many(
    labels: Iterable[str], *, workers: int | None = None, **options: Any
) -> Iterator[tuple[int, bytes | RenderError]]:
    """(index, PNG or RenderError) for every label, in order; `options` go to `render_png`.

    A picture takes one core some 2 ms, so several workers are several processes. `workers` None uses all cores (at
    most 8) if there are enough labels to pay for the start, else only this process. Only a few chunks are held at a
    time, so the labels may come from an endless generator. With several workers, or inside
    `rules.workers.spread.isolated`, a label that ends or hangs its process is a RenderLost and stops nothing else.
    """
    source = iter(labels)
    if workers is None:
        first = list(islice(source, _WORTH_A_PROCESS))
        workers = cores(8) if len(first) == _WORTH_A_PROCESS else 1
        source = chain(first, source)
    yield from enumerate(_drawn(source, workers, partial(render_png, **options)))


@dataclass(frozen=True)
class RenderReport:
    """The result of `render_to_folder`: the files it wrote, and (name, message) for labels that couldn't be drawn."""

    out: Path
    written: list[Path]
    failed: list[tuple[str, str]]


def render_to_folder(labels: str | Path | Iterable[str], out: Path, format: str = "png") -> RenderReport:
    """Draw into the folder `out`, one file per label, and report what couldn't be drawn.

    `labels` is a label, the path of a file, or labels. A file holds one label per line, but `.tex` is one label as a
    whole and `.jsonl` has a label in `latex` (or `label`, `tex`, `text`, `formula`) and optionally a name in `id`.
    Pictures are named by the id, else by the line number. Raises UserError for a file that can't be read, and if
    another picture of the same name exists: it is never replaced.
    """
    return render_named(_named(labels), out, format)


def render_named(named: Iterable[tuple[str, str]], out: Path, format: str = "png") -> RenderReport:
    """`render_to_folder` for (name, label) pairs."""
    if format not in FORMATS:
        raise UserError(f"{format}: unknown picture format; use one of {', '.join(FORMATS)}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: can't create this folder ({error.strerror}); give another --out") from error
    written: list[Path] = []
    failed: list[tuple[str, str]] = []
    taken: set[str] = set()
    told, named = tee(named)
    drawn = _drawn((label for _, label in told), 1, partial(FORMATS[format], colour="black"))
    for (name, _), data in zip(named, drawn, strict=True):
        name = _free_name(name, taken)
        if isinstance(data, RenderError):
            failed.append((name, str(data)))
            continue
        path = out / f"{name}.{format}"
        if not _is_there(path, data):
            with new_file(path) as temporary:
                temporary.write_bytes(data)
        written.append(path)
    return RenderReport(out, written, failed)


def _is_there(path: Path, data: bytes) -> bool:
    """Whether the same picture was written earlier. Raises UserError if something else has its name."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return True
    if path.exists() or path.is_symlink():
        raise UserError(
            f"{path}: already exists with other content; curate render overwrites nothing, so remove it or name "
            "another folder with --out"
        )
    return False


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
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}, line {number}: not JSON ({why_not_json(error)})") from error
    label = None
    if isinstance(row, dict):
        label = row.get(find_column(list(row), LABEL_COLUMNS))
    if not isinstance(label, str):
        raise UserError(f"{path}, line {number}: no text under {LABELS_TRIED}")
    return str(row.get("id", f"{number:04d}")), label


def _free_name(name: str, taken: set[str]) -> str:
    """`name` as an unused file name: an id may hold slashes, dots, anything."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".")[:80] or "label"
    free, number = safe, 1
    while free.lower() in taken:
        number += 1
        free = f"{safe}-{number}"
    taken.add(free.lower())
    return free
