"""Reads a source: its format, its parts, and its rows as one frame. Doesn't define what a format is."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from curate.archives import names as archive_names
from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.base.tables import things
from curate.images.stroke_settings import DEFAULTS, StrokeSettings
from curate.sources.archived_images import find_archived, note_unused
from curate.sources.by_id import note_unused_numbers, pair_by_id
from curate.sources.configurations import OTHERS, choose
from curate.sources.documents.found import LEFT_OUT
from curate.sources.finish import finish
from curate.sources.format import SourceFormat
from curate.sources.lines import note_encoding
from curate.sources.look import IMAGE_ENDINGS, IMAGE_NAME, Look, is_utf8_name, looking_once, refuse_system_folder
from curate.sources.model import AmbiguousError, Job, NoRows, Part, Source
from curate.sources.name_lists import begins_with_names, beside_names, note_names_beside
from curate.sources.other_tools import predictions_in, what_it_is
from curate.sources.packed import opened, opened_images
from curate.sources.registry import BROUGHT, FORMATS
from curate.sources.spec import SourceSpec
from rules import plugins

DRAWINGS = (
    "drawings of `curate render` in {folder}, which are not taken for the data set's images; if they are, name the "
    "folder with --images"
)
NOT_NAMED = (
    "labels without an image although --images names {images}: no label names an image, and the images are not named "
    "by line numbers; name a column with --columns"
)
UNREAD_FILES = "files beside it that could hold labels and were not read"
NO_LABELS = "files beside it that hold no labels and were not read: {what}"
UNNAMEABLE = "files and folders not read because their names are not UTF-8; rename them"

#: Lines of an image name, a separator that is not white space, and something else.
_JOINED = re.compile(rf"[^|;,:\t]+{IMAGE_NAME}\s*[|;,:]\s*\S")
_TURNED = re.compile(rf"[^\t]+\t\S+{IMAGE_NAME}\s*$")
#: What to do with one file of labels for each image, by ending.
_FOR_EACH_IMAGE = {
    ".json": 'write them as lines of one file: {"image": "NAME.png", "latex": "LABEL"}',
    ".tex": "let the files end in .txt, which are read so",
}
#: Data files that are not read, by ending, and what to do with them.
_UNREAD_ENDINGS = {
    (".xlsx", ".xls", ".ods"): "save the table as CSV",
    (".feather", ".orc", ".avro", ".pkl", ".pickle", ".duckdb", ".sqlite3", ".db3"): (
        "save its table of images and labels as CSV or Parquet"
    ),
    (".mdb", ".h5", ".hdf5", ".npz", ".npy", ".mat", ".pt", ".pth", ".tfrecord", ".tfrecords", ".db", ".sqlite"): (
        "write its images as files, and its labels as lines IMAGE<TAB>LABEL"
    ),
    archive_names.UNKNOWN: "unpack it",
}

#: Formats whose certainty is within this distance of the highest make a source ambiguous.
_MARGIN = 0.05


def recognise(path: Path, images: Path | None = None) -> SourceFormat:
    """The format of a file or folder, by its content. Raises UserError if none fits, or several equally well.

    images: the folder of its images, if the user has named one.
    """
    with looking_once():
        return _recognise(path, images)


def _recognise(path: Path, images: Path | None) -> SourceFormat:
    look = Look(path)
    if other := what_it_is(look):
        raise UserError(f"{path}: {other}")
    asked = {name: item for name, item in FORMATS.items() if item.indexes or not look.is_index}
    sure = {name: found for name, item in asked.items() if (found := _how_sure(item, look, images))}
    surest = max(sure, key=lambda name: sure[name], default=None)
    if surest == "text" and (said := _joined(look)):
        raise UserError(f"{path}: {said}; or, if the names belong to the labels: text:{path}")
    if surest in (None, "jsonl", "tex") and (said := _one_for_each_image(look)):
        raise UserError(f"{path}: {said}")
    if not sure:
        if said := _only_images(look):
            raise UserError(f"{path}: {said}")
        raise UserError(f"{path}: no known format: {_seen(look)}; name the format if you know it: FORMAT:{path}")
    best = max(sure.values())
    names = [name for name, found in sure.items() if found > best - _MARGIN]
    if len(names) > 1:
        choices = ", ".join(f"{name}:{_holder(FORMATS[name], path)}" for name in names)
        raise AmbiguousError(f"{path}: could be {' or '.join(names)}; say which: {choices}")
    return FORMATS[names[0]]


def _how_sure(item: SourceFormat, look: Look, images: Path | None) -> float | None:
    """How sure a format is; one of another package that fails is left out, so that no other source suffers from it."""
    try:
        return item.recognise(look) if images is None else item.recognise_with(look, images)
    except UserError:
        raise
    except Exception as error:
        if item.name not in BROUGHT:
            raise
        plugins.leave_out(BROUGHT[item.name], error)
        return None


def _holder(chosen: SourceFormat, path: Path) -> Path:
    """The folder below `path` that holds all parts of one reading; `path` itself if that is not a folder."""
    if not path.is_dir():
        return path
    try:
        folders = [part.path if part.path.is_dir() else part.path.parent for part in chosen.parts(path)]
    except UserError:
        return path
    return Path(os.path.commonpath(folders)) if folders else path


def read_source(
    spec: SourceSpec,
    *,
    images: Path | None = None,
    columns: dict[str, str] | None = None,
    limit: int | None = None,
    strokes: StrokeSettings = DEFAULTS,
    first_number: int | None = None,
) -> Source:
    """Read one data set.

    images: the folder that image names are looked up in (default: around the labels). columns: {role: column} for
    formats with named columns. limit: read only the first rows, readable or not, across all splits in order. strokes:
    how pictures are drawn if a source has strokes. first_number: the number of line 1 if images are named by numbers
    (default: by evidence). A source, and what `images` names, may be an archive.
    Raises UserError if the source is missing, of an unknown or another format, ambiguous, empty, or without readable
    rows.
    """
    around = opened_images(images) if images is not None and images.is_file() else None
    options: dict[str, Any] = {"columns": columns, "limit": limit, "strokes": strokes, "first_number": first_number}
    options["images"] = images if around is None else around.folder
    for place in filter(None, (spec.path, images)):
        refuse_system_folder(place)
    with looking_once():
        packed = opened(spec.path) if spec.path.exists() else None
        if packed is None:
            source = _read(spec, **options)
        else:
            try:
                source = _read(replace(spec, target=str(packed.folder)), **options)
            except UserError as error:
                raise UserError(packed.said(str(error))) from error
            source = packed.named(source, spec.path)
    holder = packed if images is None else around
    return source if holder is None else holder.with_refs(source)


def _read(
    spec: SourceSpec,
    *,
    images: Path | None,
    columns: dict[str, str] | None,
    limit: int | None,
    strokes: StrokeSettings,
    first_number: int | None,
) -> Source:
    """`read_source` for anything but an archive."""
    path = spec.path
    given = Columns(columns or {})
    remote = FORMATS[spec.format].remote if spec.format and not path.exists() else None
    if spec.format and remote and remote.is_id(spec.target):
        parts, root = remote.fetch(spec.target)
        chosen = FORMATS[spec.format]
        job = Job(spec.name, root, root, False, replace(given, tried=chosen.columns), limit, strokes)
    else:
        remote = None
        path = path.absolute()
        _must_be_there(spec, path)
        if spec.format is None and not columns and (said := predictions_in(Look(path))):
            raise UserError(f"{spec.target}: {said}")
        chosen = FORMATS[spec.format] if spec.format else recognise(path, images)
        root = images if images is not None else path if path.is_dir() else path.parent
        held = replace(given, tried=chosen.columns)
        job = Job(spec.name, path, root.absolute(), images is not None, held, limit, strokes, first_number)
        parts = chosen.parts(path)
    aside: list[Part] = []
    if path.is_dir() and not remote:
        parts, aside = _of_configuration(parts, chosen, spec, job)
    elif spec.configuration:
        raise UserError(f"{spec.target}: no configuration {spec.configuration!r}: it is not the folder of a data set")
    every = parts
    parts = _choose_split(parts, spec, chosen)
    frames: list[pl.DataFrame] = []
    for part in parts:
        if job.left() == 0:
            break
        frames.append(_read_part(chosen, part, job, spec))
        for file in (part.path, part.extra):
            if file is not None:
                note_encoding(file, job)
    if not remote:
        frames = pair_by_id(frames, parts, every, job, chosen)
    frames = [
        _renamed(frame, chosen, part).with_columns(pl.lit(place, pl.Int64).alias("file"))
        for place, (frame, part) in enumerate(zip(frames, parts, strict=False))
    ]
    if spec.path.is_dir() and spec.split is None:
        job.notes.update(_beside(path, [*parts, *aside]))
    if all(frame["image"].null_count() == frame.height for frame in frames):
        note_unused(job, path)
        if chosen.name == "text":
            note_unused_numbers(parts, job)
            note_names_beside(parts, job)
        if job.images_given:
            job.notes[NOT_NAMED.format(images=images)] += job.rows
    if not job.images_given and not remote:
        _note_drawings(job, path, frames)
    if job.rows == 0 and limit != 0:
        pictures = _only_images(Look(path)) if chosen.in_documents and path.is_dir() else None
        empty = NoRows(f"{spec.target}: {pictures or f'read as {chosen.name}, it holds no row'}")
        empty.may_be_empty = chosen.in_documents
        raise empty
    spec = replace(spec, split=spec.split and chosen.split_called(spec.split, path))
    source = finish(frames, parts, job, spec, chosen.name)
    if remote:
        source = replace(source, path=Path(spec.target))
    if source.frame.is_empty() and limit != 0:
        raise _nothing_readable(source, spec)
    return source


def _of_configuration(
    parts: list[Part], chosen: SourceFormat, spec: SourceSpec, job: Job
) -> tuple[list[Part], list[Part]]:
    """The parts of one configuration of a data set, and those of others, which a note counts unless one was named."""
    mine, others = choose(parts, job.path, spec.configuration, again=spec.target, plain=chosen.general)
    if others and spec.configuration is None:
        names = list(others)
        note = OTHERS.format(others=", ".join(names), example=f"{spec.target}:{names[0]}")
        job.notes[note] += sum(map(len, others.values()))
    return mine, [part for found in others.values() for part in found]


def _read_part(chosen: SourceFormat, part: Part, job: Job, spec: SourceSpec) -> pl.DataFrame:
    """Read a part; if the user named a format that doesn't fit, say what the source looks like instead."""
    try:
        return find_archived(chosen.read(part, job), job, part.path, part.split)
    except UserError as error:
        if spec.format and (hint := _looks_like(spec)):
            raise UserError(f"{error}{hint}") from error
        raise


def _renamed(frame: pl.DataFrame, chosen: SourceFormat, part: Part) -> pl.DataFrame:
    """The frame with its splits named as in samples; images were looked up by the splits' own names."""
    names = {name: chosen.split_called(name, part.path) for name in frame["split"].unique()}
    unnamed = pl.lit(names.pop(None, None), pl.String)
    return frame.with_columns(split=pl.col("split").replace(names).fill_null(unnamed))


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
    if not is_utf8_name(str(path)):
        raise UserError(f"{spec.target}: this path is not UTF-8, so no table or report can name it; rename it")
    if not path.is_file() and not path.is_dir():
        raise UserError(f"{spec.target}: neither a file nor a folder")


def _if_an_id(target: str) -> str:
    """What to write if a missing path was meant as an id; a plain name is more likely a file's."""
    if target.count("/") != 1:
        return ""
    return "".join(f"; for {item.remote.what} write {item.name}:{target}" for item in FORMATS.values() if item.remote)


def _choose_split(parts: list[Part], spec: SourceSpec, chosen: SourceFormat) -> list[Part]:
    """The parts of the requested split, by its own name or by that in sample ids. Unnamed parts get it."""
    if spec.split is None:
        return parts
    called = {part: part.split and chosen.split_called(part.split, part.path) for part in parts}
    found = [part for part in parts if spec.split in (part.split, called[part])]
    if found:
        return found
    unnamed = [part for part in parts if part.split is None]
    if len(unnamed) == len(parts) or (len(parts) == 1 and not Path(spec.target).is_dir()):
        return [Part(part.path, spec.split, part.extra) for part in parts]
    names = sorted({name for name in called.values() if name is not None})
    raise UserError(f"{spec.target}: no split {spec.split!r}; it has: {', '.join(names)}")


def _beside(path: Path, parts: list[Part]) -> dict[str, int]:
    """Notes on what else a data set folder holds: files that could hold labels, and files that don't, by kind."""
    look = Look(path)
    read = {file for part in parts for file in (part.path, part.extra)}
    beside = {file for files in look.sidecars.values() for file in files}
    whole = [part.path for part in parts if part.path.is_dir()]  # read along with every file in it

    def unread(file: Path) -> bool:
        return file not in read and file.parent not in whole and file not in beside

    texts = [file.path for file in (*look.label_files, *look.indexes)]
    others = [file for file in (*texts, *look.all_files(".inkml", ".parquet", ".arrow")) if unread(file)]
    names = ", ".join(file.relative_to(path).as_posix() for file in others[:3]) + (", …" if len(others) > 3 else "")
    notes = {f"{UNREAD_FILES}: {names}": len(others)}
    if look.unnameable:
        notes[UNNAMEABLE] = look.unnameable
    for what, files in look.sidecars.items():
        notes[NO_LABELS.format(what=what)] = sum(1 for file in files if file not in read and file.parent not in whole)
    return notes


def _note_drawings(job: Job, path: Path, frames: list[pl.DataFrame]) -> None:
    """Note drawings of `curate render` that lie beside the labels, unless the labels name them."""
    top = Look(path if path.is_dir() else path.parent)
    for place in top.tree if path.is_dir() else (top, *top.folders):
        if drawn := place.drawings:
            refs = {posixpath.normpath(posixpath.join(job.in_root(place.path), name)) for name in drawn}
            images = [ref for frame in frames for ref in frame["image"].unique() if ref in refs]
            job.notes[DRAWINGS.format(folder=job.file(place.path))] += len(refs - set(images))


def _nothing_readable(source: Source, spec: SourceSpec) -> NoRows:
    reason, count = source.unreadable.by_reason.most_common(1)[0]
    rows = f"its {source.rows:,} rows" if source.rows > 1 else "its one row"
    message = f"{spec.target}: none of {rows} could be read as {source.format} ({reason}: {count:,})"
    hint = _looks_like(spec) if spec.format else ""
    if not hint and source.unreadable.rows:
        row = source.unreadable.rows[0]
        hint = f"; the first: {row.file}, line {row.line}" + (f": {row.excerpt}" if row.excerpt else "")
    error = NoRows(message + hint)
    error.may_be_empty = FORMATS[source.format].in_documents and all(
        reason.startswith(LEFT_OUT) for reason in source.unreadable.by_reason
    )
    return error


def _unread(look: Look) -> list[str]:
    """What a folder holds that no format reads, and what to do with it; at most one line."""
    joined = [f"{file.path.name}: {said}" for file in look.label_files[:5] if (said := _joined(file))]
    if said := beside_names(look):
        joined.append(said)
    others = [
        f"{path.name} is not read; {do}" for endings, do in _UNREAD_ENDINGS.items() for path in look.all_files(*endings)
    ]
    return [*joined, *others][:1]


def _joined(look: Look) -> str | None:
    """What to do with a file whose lines join image name and label with something other than a TAB."""
    if look.share(_TURNED) >= 0.9:
        return "its lines are LABEL, a TAB and IMAGE; put the image first"
    if begins_with_names(look):
        return f"its lines are IMAGE without its ending, white space, LABEL; crohme:{look.path} reads them so"
    if look.share(_JOINED) < 0.9:
        return None
    return "its lines are IMAGE, a separator, LABEL; put a TAB between them, or a line `image,label` above if it is CSV"


def _only_images(look: Look) -> str | None:
    """What to do with images that have no labels beside them; None if it is something else."""
    if look.suffix in IMAGE_ENDINGS:
        return "it is an image; name the file that holds the labels"
    images = 0 if look.label_files or look.indexes or _unread(look) else len(look.all_files(*IMAGE_ENDINGS))
    if not images:
        return None
    beside = f", and passed over {aside}" if (aside := _aside(look)) else ""
    return (
        f"it holds {things(images, 'image')} and no labels{beside}; name the file that holds the labels, and this "
        "folder with --images; or put a file into it with a line IMAGE<TAB>LABEL for each image"
    )


def _one_for_each_image(look: Look) -> str | None:
    """What to do with a folder that has a JSON or LaTeX file for each image; None if it is something else."""
    images = {Path(file).stem for file in look.all_files(*IMAGE_ENDINGS)}
    for ending, do in _FOR_EACH_IMAGE.items():
        stems = {Path(file).stem for file in look.all_files(ending)}
        if len(both := stems & images) >= 2 and len(both) * 2 >= len(images):
            return f"it holds a {ending} file for each of {things(len(both), 'image')}, which is not read; {do}"
    return None


def _aside(look: Look) -> str:
    """The files that hold no labels, and what each is; "" if there is none."""
    aside = [f"{file.name} ({what})" for what, files in look.sidecars.items() for file in files]
    return ", ".join(aside[:3]) + (f" and {len(aside) - 3} more" if len(aside) > 3 else "")


def _seen(look: Look) -> str:
    if look.is_dir:
        files, folders = look.names
        endings = sorted({Path(name).suffix or name for name in files})
        inner = things(len(folders), "folder") if folders else "no folder"
        held = f"{things(len(files), 'file')} ({', '.join(endings[:8])})" if files else "no file"
        aside = _aside(look)
        passed = f", and passed over {aside}: name a file that holds labels" if aside else ""
        empty = [f"{file.path.name} is empty" for file in look.label_files[:1] if not file.head]
        return f"looked at {held} and {inner} in it{passed}" + "".join(f"; {said}" for said in (*empty, *_unread(look)))
    if joined := _joined(look):
        return joined
    if not look.lines:
        return f"looked at its first bytes, which are not text ({look.head[:8]!r})" if look.head else "it is empty"
    return f"looked at its name and first {things(len(look.lines), 'line')}"
