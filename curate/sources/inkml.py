"""InkML files, and the JSON lists of labels that come with them: what CROHME and MathWriting share.

Not for strokes: the file itself is the sample's image, and `curate.images` draws it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.base.xml_events import Enough, XmlError, walk
from curate.images.inkml_pictures import ref_of
from curate.images.traces import MAX_BYTES
from curate.sources.archived_images import NOT_READ, find_archived
from curate.sources.columns import free_name
from curate.sources.format import SourceFormat
from curate.sources.image_paths import resolve_images
from curate.sources.json_rows import read_json
from curate.sources.look import Look
from curate.sources.model import NO_LABEL, PART_SCHEMA, Job, Part, with_split, wrong_shape
from curate.sources.places.file_text import Change
from curate.sources.places.ink_notes import in_inkml, xml_encoding
from curate.sources.places.json_labels import in_json
from curate.sources.places.output import Files
from curate.sources.splits import folder_split, name_parts

NOT_INKML = "not valid InkML"
DRAWN = "pictures drawn from the strokes of InkML files"
#: The column that holds each row's InkML file until its image is known. No annotation can have this name.
_FILE = "\0file"


class InkFormat(SourceFormat):
    """A data set of InkML files, labelled by one of the annotations `truth` or by a JSON list of labels."""

    columns = TRIED
    #: The annotations that may be the label, best first.
    truth: ClassVar[tuple[str, ...]]
    #: For errors: "the folder holds no …".
    shapes: ClassVar[str] = "InkML files or a JSON list"

    def recognise(self, look: Look) -> float | None:
        if look.is_dir:
            files = look.all_files(".inkml")[:5]
            if any(label_kind(Look(file)) in self.truth for file in files):
                return 0.95
            return 0.9 if any(self._is_list(file) for file in look.label_files) else None
        if self._is_list(look):
            return 0.9
        return 0.95 if label_kind(look) in self.truth else None

    def _is_list(self, look: Look) -> bool:
        """A JSON list doesn't say which data set it is from; the name of the file or its folder does."""
        if look.suffix != ".json" or not look.is_json_array or not all(isinstance(item, str) for item in look.records):
            return False
        return bool(look.records) and self.name in f"{look.path.absolute().parent.name}/{look.path.name}".lower()

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir():
            return [Part(path)]
        look = Look(path)
        with_ink = [folder.path for folder in look.tree if any(_is_ink(name) for name in folder.names[0])]
        if with_ink:
            return [Part(folder, folder_split(folder, path)) for folder in with_ink]
        lists = [file.path for file in look.label_files if file.suffix == ".json" and file.is_json_array]
        if lists:
            return name_parts(lists, path)
        raise wrong_shape(path, self.name, f"the folder holds no {self.shapes}")

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        frame = with_split(self.read_names(part, job), part)
        named = frame["image"].null_count() < frame.height
        near = part.path / "x" if part.path.is_dir() else part.path
        frame = resolve_images(frame, job, near, part.split, ids_only=True)
        if _FILE in frame.columns:
            frame = _with_drawings(frame, job)
        if named and frame["image"].null_count() == frame.height:  # no id has a file: they may be in an archive
            packed = find_archived(frame.with_columns(image="name"), job, part.path, part.split)
            # Ids are not image names, so a set without images has none; but one whose images can't be read lacks them.
            if not any(note.startswith(NOT_READ) for note in job.notes):
                packed = packed.with_columns(image=pl.when(pl.col("image") != pl.col("name")).then("image"))
            frame = packed
        return frame

    def read_names(self, part: Part, job: Job) -> pl.DataFrame:
        """`read`, with the ids of samples as image names."""
        if part.path.is_dir() or part.path.suffix.lower() == ".inkml":
            return read_inkml(part, job, self.truth)
        if Look(part.path).records:
            return read_json(part.path, job)
        raise wrong_shape(part.path, self.name, "it is neither InkML nor JSON")

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        if path.suffix.lower() == ".inkml":
            return in_inkml(files.text(path, xml_encoding(path)), changes, self.truth)
        return in_json(files.text(path), changes, columns)

    def label_files(self, folder: Path) -> list[Path]:
        return list(ink_files(folder))


def label_kind(look: Look) -> str | None:
    """The annotation that says whose data set an InkML file is from, or None."""
    head = look.head
    if b"<ink" not in head[:4096]:
        return None
    if re.search(rb"""type=["'](normalizedLabel|sampleId|splitTagOriginal)["']""", head):
        return "normalizedLabel"
    if re.search(rb"""type=["']truth["']""", head):
        return "truth"
    return "label" if re.search(rb"""type=["']label["']""", head) else None


def _is_ink(name: str) -> bool:
    return name.lower().endswith(".inkml")


def read_inkml(part: Part, job: Job, truths: Sequence[str]) -> pl.DataFrame:
    """The frame of an InkML file, or of a folder of them; the label is the first annotation of these kinds."""
    columns: dict[str, list[str | None]] = {name: [] for name in ("name", "label")}
    files: list[str] = []
    extras: dict[str, list[str | None]] = {}
    lines: list[int] = []
    left = job.left()
    for seen, file in enumerate(ink_files(part.path)):
        if left is not None and seen >= left:
            break
        job.rows += 1
        try:
            notes = read_annotations(file, truths)
        except XmlError as error:
            job.bad(file, error.line, NOT_INKML, str(error))
            continue
        except OSError as error:
            job.bad(file, 1, NOT_INKML, error.strerror or str(error))
            continue
        label = next((notes.pop(kind) for kind in truths if kind in notes), None)
        if label is None:
            job.bad(file, 1, NO_LABEL, ", ".join(notes))
            continue
        columns["name"].append(file.stem)
        files.append(os.fspath(file))
        columns["label"].append(label)
        for kind in notes.keys() - extras.keys():
            extras[kind] = [None] * len(lines)
        lines.append(seen + 1)
        for kind, values in extras.items():
            values.append(notes.get(kind))
    frame = pl.DataFrame(
        {"line": lines, **columns}, schema_overrides={"line": pl.Int64, "name": pl.String, "label": pl.String}
    )
    frame = frame.with_columns(split=pl.lit(part.split, pl.String), image="name").select(list(PART_SCHEMA))
    for kind in sorted(extras):
        if kind == "splitTagOriginal" and part.split is None:
            frame = frame.with_columns(split=pl.Series(extras[kind], dtype=pl.String))
        else:
            frame = frame.with_columns(pl.Series(free_name(kind, {}), extras[kind], dtype=pl.String))
    return frame.with_columns(pl.Series(_FILE, files, dtype=pl.String))


def _with_drawings(frame: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Give rows without a picture a drawn one: their InkML file, if it lies below the image folder."""
    images: list[str | None] = []
    drawn = 0
    root = job.root.resolve()
    folders: dict[Path, Path] = {}  # there are few, and resolving links is slow
    for image, name in frame.select("image", _FILE).iter_rows():
        file = Path(name)
        if file.parent not in folders:
            folders[file.parent] = file.parent.resolve()
        folder = folders[file.parent]
        if folder.is_relative_to(root) and (image is None or not (root / image).exists()):
            images.append(ref_of((folder.relative_to(root) / file.name).as_posix(), job.strokes))
            drawn += 1
        else:
            images.append(image)
    if drawn:
        job.notes[DRAWN] += drawn
    return frame.with_columns(pl.Series("image", images, dtype=pl.String)).drop(_FILE)


def ink_files(path: Path) -> Iterator[Path]:
    """The InkML files of a folder, or `path` itself, in the order in which their rows are counted."""
    if not path.is_dir():
        yield path
        return
    for name in Look(path).names[0]:
        if name.lower().endswith(".inkml"):
            yield path / name


def read_annotations(file: Path, wanted: Sequence[str] = ()) -> dict[str, str]:
    """{type: text} of the annotations directly in `<ink>`. Raises XmlError if it is not XML.

    Stops at the first trace if any of the `wanted` types came before it, since strokes are most of a file.
    """
    found: dict[str, str] = {}
    depth = 0
    kind: str | None = None
    pieces: list[str] = []

    def opened(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, kind
        if not depth:
            found.clear()
        depth += 1
        if tag in ("trace", "traceGroup") and (not wanted or not found.keys().isdisjoint(wanted)):
            raise Enough
        if depth == 2 and tag == "annotation":
            kind = attributes.get("type")
            pieces.clear()

    def closed(tag: str) -> None:
        nonlocal depth, kind
        depth -= 1
        if depth == 1 and kind:
            found.setdefault(kind, "".join(pieces))
        kind = None if depth == 1 else kind

    with file.open("rb") as data:
        walk(data.read(MAX_BYTES), opened, closed, pieces.append)
    return found
