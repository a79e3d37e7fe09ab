"""Reads a source: which format it has, which parts of it, and its rows as one frame. Not for what a format is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.sources.finish import finish
from curate.sources.format import SourceFormat
from curate.sources.look import Look, is_label_name
from curate.sources.model import Job, Part, Source
from curate.sources.registry import FORMATS
from curate.sources.spec import SourceSpec

UNREAD_FILES = "files beside it that could hold labels and were not read"

#: Formats as sure as the surest, within this much, make a source ambiguous.
_MARGIN = 0.05


def recognise(path: Path) -> SourceFormat:
    """The format of a file or folder, by its content. Raises UserError where none fits, or several equally well."""
    look = Look(path)
    sure = {name: found for name, item in FORMATS.items() if (found := item.recognise(look))}
    if not sure:
        raise UserError(f"{path}: no known format: {_seen(look)}; name the format if you know it: FORMAT:{path}")
    best = max(sure.values())
    names = [name for name, found in sure.items() if found > best - _MARGIN]
    if len(names) > 1:
        choices = ", ".join(f"{name}:{path}" for name in names)
        raise UserError(f"{path}: could be {' or '.join(names)}; say which: {choices}")
    return FORMATS[names[0]]


def read_source(
    spec: SourceSpec, *, images: Path | None = None, columns: dict[str, str] | None = None, limit: int | None = None
) -> Source:
    """Read one data set.

    images: the folder that image names are looked up in (default: around the labels). columns: {role: column} for
    formats with named columns. limit: read only the first rows, readable or not, over all splits in order.
    Raises UserError where the source is missing, of no or another format, ambiguous, empty, or has no readable row.
    """
    path = spec.path
    remote = FORMATS[spec.format].remote if spec.format and not path.exists() else None
    if spec.format and remote and remote.is_id(spec.target):
        parts, root = remote.fetch(spec.target)
        chosen = FORMATS[spec.format]
        job = Job(spec.name, root, root, False, Columns(columns or {}, chosen.columns), limit)
    else:
        remote = None
        path = path.absolute()
        _must_be_there(spec, path)
        chosen = FORMATS[spec.format] if spec.format else recognise(path)
        root = images if images is not None else path if path.is_dir() else path.parent
        job = Job(spec.name, path, root.absolute(), images is not None, Columns(columns or {}, chosen.columns), limit)
        parts = chosen.parts(path)
    parts = _choose_split(parts, spec)
    frames: list[pl.DataFrame] = []
    for place, part in enumerate(parts):
        if job.left() == 0:
            break
        frame = _read_part(chosen, part, job, spec)
        frames.append(frame.with_columns(pl.lit(place, pl.Int64).alias("file")))
    if spec.path.is_dir() and spec.split is None:
        job.notes[UNREAD_FILES] = _unread(path, parts)
    if job.rows == 0 and limit != 0:
        raise UserError(f"{spec.target}: read as {chosen.name}, it holds no row")
    source = finish(frames, parts, job, spec, chosen.name)
    if remote:
        source = replace(source, path=Path(spec.target))
    if source.frame.is_empty() and limit != 0:
        raise _nothing_readable(source, spec)
    return source


def _read_part(chosen: SourceFormat, part: Part, job: Job, spec: SourceSpec) -> pl.DataFrame:
    """Read a part; where the format was named and doesn't fit, say what the source looks like instead."""
    try:
        return chosen.read(part, job)
    except UserError as error:
        if spec.format and (hint := _looks_like(spec)):
            raise UserError(f"{error}{hint}") from error
        raise


def _looks_like(spec: SourceSpec) -> str:
    try:
        other = recognise(spec.path).name if spec.path.exists() else spec.format
    except UserError:
        return ""
    return f"; it looks like {other}: {other}:{spec.target}" if other != spec.format else ""


def _must_be_there(spec: SourceSpec, path: Path) -> None:
    try:
        there = path.exists()
        empty = there and path.is_file() and path.stat().st_size == 0
    except (OSError, ValueError) as error:
        raise UserError(f"{spec.target}: can't be read: {error}") from error
    if not there:
        raise UserError(f"{spec.target}: no such file or folder{_if_an_id(spec.target)}")
    if empty:
        raise UserError(f"{spec.target}: the file is empty")
    if not path.is_file() and not path.is_dir():
        raise UserError(f"{spec.target}: neither a file nor a folder")


def _if_an_id(target: str) -> str:
    """What to write where a path that isn't there was meant as an id; a plain name is rather a file's."""
    if target.count("/") != 1:
        return ""
    return "".join(f"; for {item.remote.what} write {item.name}:{target}" for item in FORMATS.values() if item.remote)


def _choose_split(parts: list[Part], spec: SourceSpec) -> list[Part]:
    """The parts of the split that was asked for. A single unnamed part takes the name."""
    if spec.split is None:
        return parts
    found = [part for part in parts if part.split == spec.split]
    if found:
        return found
    unnamed = [part for part in parts if part.split is None]
    if len(unnamed) == len(parts) or (len(parts) == 1 and not Path(spec.target).is_dir()):
        return [Part(part.path, spec.split, part.extra) for part in parts]
    names = sorted({part.split for part in parts if part.split is not None})
    raise UserError(f"{spec.target}: no split {spec.split!r}; it has: {', '.join(names)}")


def _unread(path: Path, parts: list[Part]) -> int:
    """How many files of a data set folder could hold labels and belong to no part."""
    read = {file for part in parts for file in (part.path, part.extra)}
    if not all(part.path.is_file() and is_label_name(part.path.name) for part in parts):
        return 0
    return sum(1 for file in Look(path).label_files if file.path not in read)


def _nothing_readable(source: Source, spec: SourceSpec) -> UserError:
    reason, count = source.unreadable.by_reason.most_common(1)[0]
    rows = f"its {source.rows:,} rows" if source.rows > 1 else "its one row"
    message = f"{spec.target}: none of {rows} could be read as {source.format} ({reason}: {count:,})"
    hint = _looks_like(spec) if spec.format else ""
    if not hint and source.unreadable.rows:
        row = source.unreadable.rows[0]
        hint = f"; the first: {row.file}, line {row.line}" + (f": {row.excerpt}" if row.excerpt else "")
    return UserError(message + hint)


def _seen(look: Look) -> str:
    if look.is_dir:
        files, folders = look.names
        endings = sorted({Path(name).suffix or name for name in files})
        inner = f"{len(folders)} folder(s)" if folders else "no folder"
        held = f"{len(files)} file(s) ({', '.join(endings[:8])})" if files else "no file"
        return f"looked at {held} and {inner} in it"
    if not look.lines:
        return f"looked at its first bytes, which are no text ({look.head[:8]!r})" if look.head else "it is empty"
    return f"looked at its name and first {len(look.lines)} lines"
