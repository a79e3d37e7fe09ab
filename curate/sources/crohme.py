"""CROHME and MathWriting: caption.txt (id, TAB or space, label), JSON lists of labels, InkML files. Not for strokes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from curate.sources.columns import ID_COLUMNS, IMAGE_COLUMNS, LABEL_COLUMNS, free_name
from curate.sources.image_paths import resolve_images
from curate.sources.json_rows import read_json
from curate.sources.lines import read_lines
from curate.sources.look import IMAGE_NAME, Look
from curate.sources.model import BLANK_LINE, NO_LABEL, PART_SCHEMA, Format, Job, Part, with_split, wrong_shape
from curate.sources.splits import name_parts

NO_SEPARATOR = "no TAB or space between the id and the label"
NOT_INKML = "not valid InkML"
PACKED = "rows whose images are in an archive (img.tar…) that is not unpacked"

#: The annotation that is the label, by format, the best first.
TRUTH = {"crohme": ("truth",), "mathwriting": ("normalizedLabel", "label")}
_CAPTION_NAME = re.compile(r"(?i)captions?(\.txt)?(\.gz)?")
_ID_TAB = re.compile(r"(?=\S{0,80}\d)[^\s\\{}]{1,80}\t")
_ID_SPACE = re.compile(r"(?=\S{0,40}\d)(?=\S{0,40}_)[^\s\\{}]{3,80} \S")
_COLUMN = frozenset((*LABEL_COLUMNS, *IMAGE_COLUMNS, *ID_COLUMNS))


def _is_caption(look: Look) -> float | None:
    if not look.lines or look.suffix in (".json", ".jsonl", ".csv"):
        return None
    if look.share(re.compile(rf"\S+{IMAGE_NAME}[ \t]")) >= 0.5 or _COLUMN & set(look.lines[0].lower().split("\t")):
        return None
    if _CAPTION_NAME.fullmatch(look.path.name) and look.share(re.compile(r"\S+[\t ]")) >= 0.5:
        return 0.95
    if look.share(_ID_TAB) >= 0.9:
        return 0.75
    ids = {line.split(" ")[0] for line in look.lines}
    return 0.5 if look.share(_ID_SPACE) >= 0.95 and len(ids) == len(look.lines) >= 3 else None


def _inkml_kind(look: Look) -> str | None:
    head = look.head
    if b"<ink" not in head[:4096]:
        return None
    if re.search(rb"""type=["'](normalizedLabel|sampleId|splitTagOriginal)["']""", head):
        return "mathwriting"
    if re.search(rb"""type=["']truth["']""", head):
        return "crohme"
    return "mathwriting" if re.search(rb"""type=["']label["']""", head) else None


def _inkml_folder(look: Look, format_name: str) -> bool:
    files = look.all_files(".inkml")[:5]
    return bool(files) and any(_inkml_kind(Look(file)) == format_name for file in files)


def _json_labels(look: Look, format_name: str) -> bool:
    """A JSON list of labels says nothing of where it is from; the name of the file or its folder does."""
    if look.suffix != ".json" or not look.is_json_array or not all(isinstance(item, str) for item in look.records):
        return False
    return bool(look.records) and format_name in f"{look.path.absolute().parent.name}/{look.path.name}".lower()


def _sniff(format_name: str, look: Look) -> float | None:
    if look.is_dir:
        if format_name == "crohme" and any(_CAPTION_NAME.fullmatch(file.path.name) for file in look.label_files):
            return 0.94
        if _inkml_folder(look, format_name):
            return 0.95
        return 0.9 if any(_json_labels(file, format_name) for file in look.label_files) else None
    if _json_labels(look, format_name):
        return 0.9
    kind = _inkml_kind(look)
    if kind is not None or look.suffix == ".inkml":
        return 0.95 if kind == format_name else None
    return _is_caption(look) if format_name == "crohme" else None


def _parts(format_name: str, path: Path) -> list[Part]:
    if not path.is_dir():
        return [Part(path)]
    look = Look(path)
    if format_name == "crohme":
        captions = [file.path for file in look.label_files if _CAPTION_NAME.fullmatch(file.path.name)]
        if captions:
            return name_parts(captions, path)
    with_ink = [folder for folder in (path, *(inner.path for inner in look.folders)) if _has_ink(folder)]
    if with_ink:
        return [Part(folder, None if folder == path else folder.name) for folder in with_ink]
    lists = [file.path for file in look.label_files if file.suffix == ".json" and file.is_json_array]
    if lists:
        return name_parts(lists, path)
    shapes = "caption.txt, InkML files or a JSON list" if format_name == "crohme" else "InkML files or a JSON list"
    raise wrong_shape(path, format_name, f"the folder holds no {shapes}")


def _has_ink(folder: Path) -> bool:
    return any(name.lower().endswith(".inkml") for name in Look(folder).names[0])


def _read(format_name: str, part: Part, job: Job) -> pl.DataFrame:
    if part.path.is_dir() or part.path.suffix.lower() == ".inkml":
        frame = _read_inkml(format_name, part, job)
    elif Look(part.path).records:
        frame = read_json(part.path, job)
    elif format_name == "crohme":
        frame = _read_caption(part, job)
    else:
        raise wrong_shape(part.path, format_name, "it is neither InkML nor JSON")
    frame = with_split(frame, part)
    named = frame["image"].null_count() < frame.height
    near = part.path / "x" if part.path.is_dir() else part.path
    frame = resolve_images(frame, job, near, part.split, ids_only=True)
    if named and frame["image"].null_count() == frame.height and any(near.parent.glob("img.tar*")):
        job.notes[PACKED] += frame.height
    return frame


def _read_caption(part: Part, job: Job) -> pl.DataFrame:
    frame = job.reject(read_lines(part.path, job), pl.col("text").str.strip_chars() == "", BLANK_LINE, part.path)
    # The first TAB divides; a line without one is divided at its first space.
    fields = pl.col("text").str.extract_groups(r"^(?:([^\t ]*) *\t|([^\t ]*) )((?s).*)$").struct
    frame = frame.with_columns(
        name=pl.coalesce(fields.field("1"), fields.field("2")).replace("", None), label=fields.field("3")
    )
    frame = job.reject(frame, pl.col("name").is_null() | pl.col("label").is_null(), NO_SEPARATOR, part.path)
    return frame.select("line", split=pl.lit(part.split, pl.String), name="name", image="name", label="label")


def _read_inkml(format_name: str, part: Part, job: Job) -> pl.DataFrame:
    columns: dict[str, list[str | None]] = {name: [] for name in ("name", "label")}
    extras: dict[str, list[str | None]] = {}
    lines: list[int] = []
    truths = TRUTH[format_name]
    left = job.left()
    for seen, file in enumerate(ink_files(part.path)):
        if left is not None and seen >= left:
            break
        job.rows += 1
        try:
            notes = read_annotations(file)
        except ET.ParseError as error:
            job.bad(file, error.position[0], NOT_INKML, str(error))
            continue
        except OSError as error:
            job.bad(file, 1, NOT_INKML, error.strerror or str(error))
            continue
        label = next((notes.pop(kind) for kind in truths if kind in notes), None)
        if label is None:
            job.bad(file, 1, NO_LABEL, ", ".join(notes))
            continue
        columns["name"].append(file.stem)
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
    return frame


def ink_files(path: Path) -> Iterator[Path]:
    """The InkML files of a folder, or the one that `path` is, in the order in which their rows are counted."""
    if not path.is_dir():
        yield path
        return
    for name in Look(path).names[0]:
        if name.lower().endswith(".inkml"):
            yield path / name


def read_annotations(file: Path) -> dict[str, str]:
    """{type: text} of the annotations directly in `<ink>`. Stops at the first trace: strokes are the bulk of a file.

    Raises ET.ParseError for what is no XML.
    """
    found: dict[str, str] = {}
    depth = 0
    parser: Any = ET.XMLPullParser(events=("start", "end"))
    with file.open("rb") as data:
        while chunk := data.read(16384):
            parser.feed(chunk)
            for event, element in parser.read_events():
                tag = element.tag.rpartition("}")[2]
                if event == "start":
                    depth += 1
                    if tag in ("trace", "traceGroup"):
                        return found
                    continue
                depth -= 1
                if depth == 1 and tag == "annotation" and element.get("type"):
                    found.setdefault(element.get("type"), element.text or "")
    parser.close()
    return found


def _format(name: str, shape: str) -> Format:
    return Format(
        name,
        shape,
        lambda look: _sniff(name, look),
        lambda path: _parts(name, path),
        lambda part, job: _read(name, part, job),
    )


CROHME = _format(
    "crohme", "caption.txt (id, TAB or space, label), InkML with a truth annotation, or a JSON list of labels"
)
MATHWRITING = _format("mathwriting", "InkML with a normalizedLabel or label annotation, or a JSON list of labels")
