"""The line formats that put an image name before the label: HME100K, MLHME-38K, and M2E (also as JSON lines)."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from curate.sources.image_paths import resolve_images
from curate.sources.json_rows import read_json
from curate.sources.lines import read_lines
from curate.sources.look import IMAGE_ENDINGS, IMAGE_NAME, Look
from curate.sources.model import (
    BLANK_LINE,
    LONG_LABEL,
    MAX_LABEL,
    NOT_UTF8,
    NUL_BYTE,
    Format,
    Job,
    Part,
    with_split,
    wrong_shape,
)
from curate.sources.splits import file_or_folder, name_parts, sniff_folder, split_name

NO_TAB = "no TAB between the image name and the label"
NO_NAME = "no image name before the label"

_TAB = re.compile(rf"\S[^\t]*{IMAGE_NAME} *\t")
_SPACE_TAB = re.compile(rf"\S[^\t]*{IMAGE_NAME} +\t")
_SPACE = re.compile(rf"[^\t ]+{IMAGE_NAME} [^\t]*$")
_LAYOUT = re.compile(r"(^|[ \t])\\[nt]( |$)")
_SEVERAL_LINES = re.compile(r"\\\\|\\begin *\{")
_TEXT = (".txt", ".tsv", ".lst", "")


def _json_m2e(look: Look) -> bool:
    records = [record for record in look.records if isinstance(record, dict)]
    return bool(records) and all("name" in record and "tex" in record for record in records)


def _share(look: Look, pattern: re.Pattern[str]) -> float:
    return sum(1 for line in look.lines if pattern.search(line)) / max(1, len(look.lines))


def sniff_m2e(look: Look) -> float | None:
    if _json_m2e(look):
        return 0.95
    if look.share(_TAB) < 0.8:
        return None
    return 0.9 if _share(look, _LAYOUT) and look.share(_SPACE_TAB) < 0.5 else 0.6


def sniff_hme100k(look: Look) -> float | None:
    if look.share(_TAB) < 0.8:
        return None
    return 0.97 if look.share(_SPACE_TAB) >= 0.5 else 0.75


def sniff_mlhme38k(look: Look) -> float | None:
    if look.is_dir:
        return 0.92 if len(_pairs(look.path)) >= 2 else None
    if look.share(_SPACE) >= 0.9:
        return 0.85
    if look.share(_TAB) < 0.8 or look.share(_SPACE_TAB) >= 0.5:
        return None
    return 0.9 if _share(look, _SEVERAL_LINES) >= 0.25 else 0.6


def name_and_label(frame: pl.DataFrame, job: Job, path: Path) -> pl.DataFrame:
    """Split `text` at its first TAB into name (without the spaces before the TAB) and label (as it is)."""
    frame = job.reject(frame, pl.col("text").str.strip_chars() == "", BLANK_LINE, path)
    cut = pl.col("text").str.splitn("\t", 2)
    frame = frame.with_columns(
        cut.struct.field("field_0").str.strip_chars_end(" ").alias("name"), cut.struct.field("field_1").alias("label")
    )
    frame = job.reject(frame, pl.col("label").is_null(), NO_TAB, path)
    return job.reject(frame, pl.col("name").str.strip_chars() == "", NO_NAME, path)


def _read_tab(part: Part, job: Job) -> pl.DataFrame:
    frame = name_and_label(read_lines(part.path, job), job, part.path)
    frame = frame.select("line", split=pl.lit(part.split, pl.String), name="name", image="name", label="label")
    return resolve_images(frame, job, part.path, part.split)


def _read_m2e(part: Part, job: Job) -> pl.DataFrame:
    if Look(part.path).records:
        frame = read_json(part.path, job)
        return resolve_images(with_split(frame, part), job, part.path, part.split)
    return _read_tab(part, job)


def _read_mlhme38k(part: Part, job: Job) -> pl.DataFrame:
    if part.path.is_dir():
        return _read_pairs(part, job)
    frame = read_lines(part.path, job)
    # Some copies have one space where others have a TAB; the image ending says where the name stops.
    spaced = pl.col("text").str.replace(rf"^([^\t ]+{IMAGE_NAME}) ([^\t]*)$", "${1}\t${2}")
    frame = name_and_label(frame.with_columns(spaced), job, part.path)
    frame = frame.select("line", split=pl.lit(part.split, pl.String), name="name", image="name", label="label")
    return resolve_images(frame, job, part.path, part.split)


def _pairs(folder: Path) -> list[tuple[Path, Path | None]]:
    """(text file, image of the same stem or None) of a folder of one text file per image; empty where it is none."""
    look = Look(folder)
    texts = {Path(name).stem: folder / name for name in look.names[0] if name.lower().endswith(".txt")}
    if not texts:
        return []
    images: dict[str, Path] = {}
    for place in (look, *(inner for inner in look.folders), *_siblings(folder)):
        for name in place.names[0]:
            if name.lower().endswith(IMAGE_ENDINGS) and Path(name).stem in texts:
                images.setdefault(Path(name).stem, place.path / name)
        if len(images) * 2 >= len(texts):
            break
    if len(images) * 2 < len(texts):
        return []
    return [(text, images.get(stem)) for stem, text in texts.items()]


def label_files(folder: Path) -> list[Path]:
    """The text files of a folder of one per image, in the order in which their rows are counted."""
    return [text for text, _ in _pairs(folder)]


def _siblings(folder: Path) -> list[Look]:
    return [look for look in Look(folder.parent).folders if look.path != folder and look.path.name.startswith("im")]


def _read_pairs(part: Part, job: Job) -> pl.DataFrame:
    rows: list[tuple[int, str | None, str, str | None, str]] = []
    for number, (text_file, image) in enumerate(_pairs(part.path)[: job.left()], 1):
        job.rows += 1
        with text_file.open("rb") as file:
            data = file.read(MAX_LABEL + 8)
        if len(data) > MAX_LABEL + 5:  # a byte order mark and a line end may stand around the longest label
            job.bad(text_file, 1, LONG_LABEL, data[:200].decode("utf-8", "surrogateescape"))
            continue
        try:
            label = data.decode().removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            job.bad(text_file, 1, NOT_UTF8, data[:200].decode("utf-8", "surrogateescape"))
            continue
        if not label.strip():
            job.bad(text_file, 1, BLANK_LINE)
        elif "\0" in label:
            job.bad(text_file, 1, NUL_BYTE, label)
        else:
            where = image and image.absolute()
            shown = where.as_posix() if where else None
            rows.append((number, part.split, text_file.stem, shown, label))
    frame = pl.DataFrame(
        rows,
        schema={"line": pl.Int64, "split": pl.String, "name": pl.String, "image": pl.String, "label": pl.String},
        orient="row",
    )
    return resolve_images(frame, job, part.path / "x", part.split)


def _mlhme38k_parts(path: Path) -> list[Part]:
    if path.is_dir():
        if _pairs(path):
            return [Part(path)]
        inner = [look.path for look in Look(path).folders if len(_pairs(look.path)) >= 2]
        if inner:
            return [Part(folder, split_name(folder, path)) for folder in inner]
        files = [look.path for look in Look(path).label_files if (sniff_mlhme38k(look) or 0) >= 0.5]
        if not files:
            raise wrong_shape(path, "mlhme38k", "the folder holds no label file, and no text file per image")
        return name_parts(files, path)
    return [Part(path)]


M2E = Format(
    "m2e",
    'JSON lines {"name": "0.jpg", "tex": "…"}, or name<TAB>label',
    sniff_folder(sniff_m2e),
    file_or_folder("m2e", sniff_m2e, (".json", ".jsonl", *_TEXT), "M2E label file"),
    _read_m2e,
)
HME100K = Format(
    "hme100k",
    "image<TAB>label lines (a space may stand before the TAB)",
    sniff_folder(sniff_hme100k),
    file_or_folder("hme100k", sniff_hme100k, _TEXT, "file of image<TAB>label lines"),
    _read_tab,
)
MLHME38K = Format(
    "mlhme38k",
    "image<TAB or space>label lines with labels of several lines, or a folder of one .txt per image",
    lambda look: sniff_mlhme38k(look) or (sniff_folder(sniff_mlhme38k)(look) if look.is_dir else None),
    _mlhme38k_parts,
    _read_mlhme38k,
)
