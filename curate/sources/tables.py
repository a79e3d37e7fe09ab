"""Formats with named columns in text files: jsonl (lines, array, object), csv, tsv, and image folders with metadata."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from curate.sources.columns import IMAGE_COLUMNS, LABEL_COLUMNS, find_column
from curate.sources.delimited import read_delimited
from curate.sources.image_paths import check_inside, resolve_images
from curate.sources.json_rows import read_json
from curate.sources.look import Look
from curate.sources.model import Format, Job, Part, with_split, wrong_shape
from curate.sources.parquet import read_parquet
from curate.sources.splits import file_or_folder, name_parts, sniff_folder

_JSON = (".json", ".jsonl", ".ndjson")
_METADATA = re.compile(r"metadata\.(jsonl|csv|parquet)(\.gz)?")


def sniff_jsonl(look: Look) -> float | None:
    records = look.records
    if not records:
        return 0.3 if look.suffix in _JSON and look.lines else None
    if all(isinstance(record, str) for record in records):
        return 0.6
    objects = [record for record in records if isinstance(record, dict)]
    return 0.6 if any(find_column(list(record), LABEL_COLUMNS) for record in objects) else 0.5


def _sniff_delimited(look: Look, delimiter: str, suffix: str) -> float | None:
    if not look.lines or look.records:
        return None
    fields = [field.strip().strip('"') for field in look.lines[0].split(delimiter)]
    named = len(fields) > 1 or look.suffix == suffix
    if named and find_column(fields, LABEL_COLUMNS):
        return 0.8
    return 0.5 if look.suffix == suffix else None


def sniff_csv(look: Look) -> float | None:
    return _sniff_delimited(look, ",", ".csv")


def sniff_tsv(look: Look) -> float | None:
    return _sniff_delimited(look, "\t", ".tsv")


def _metadata(path: Path) -> list[Path]:
    look = Look(path)
    return [
        folder.path / name for folder in (look, *look.folders) for name in folder.names[0] if _METADATA.fullmatch(name)
    ]


def sniff_imagefolder(look: Look) -> float | None:
    if look.is_dir:
        return 0.97 if _metadata(look.path) else None
    if not _METADATA.fullmatch(look.path.name):
        return None
    names = list(look.records[0]) if look.records and isinstance(look.records[0], dict) else []
    names = names or (look.lines[0].split(",") if look.lines else [])
    return 0.9 if find_column(names, IMAGE_COLUMNS) else None


def _imagefolder_parts(path: Path) -> list[Part]:
    if not path.is_dir():
        return [Part(path)]
    files = _metadata(path)
    if not files:
        raise wrong_shape(
            path, "imagefolder", "no metadata.jsonl, metadata.csv or metadata.parquet in it or in a folder of it"
        )
    parts = name_parts(files, path)
    return [Part(part.path, None if part.path.parent == path else part.path.parent.name) for part in parts]


def _read_jsonl(part: Part, job: Job) -> pl.DataFrame:
    return resolve_images(with_split(read_json(part.path, job), part), job, part.path, part.split)


def _read_csv(part: Part, job: Job) -> pl.DataFrame:
    return resolve_images(with_split(read_delimited(part.path, ",", job), part), job, part.path, part.split)


def _read_tsv(part: Part, job: Job) -> pl.DataFrame:
    return resolve_images(with_split(read_delimited(part.path, "\t", job), part), job, part.path, part.split)


def _read_imagefolder(part: Part, job: Job) -> pl.DataFrame:
    suffix = part.path.name.removesuffix(".gz").rpartition(".")[2]
    if suffix == "parquet":
        frame = read_parquet(part.path, job)
    else:
        frame = read_json(part.path, job) if suffix in ("jsonl", "json") else read_delimited(part.path, ",", job)
    frame = with_split(frame, part)
    # file_name is relative to the folder that the metadata file stands in: nothing is searched for.
    inside = part.path.parent.relative_to(job.path).as_posix() if job.path.is_dir() else "."
    if inside != "." and not job.images_given:
        here = pl.when(pl.col("image").str.starts_with("/")).then(pl.lit("")).otherwise(pl.lit(f"{inside}/"))
        frame = frame.with_columns(image=pl.concat_str(here, "image"))
    return check_inside(frame, job, part.path)


JSONL = Format(
    "jsonl",
    "JSON lines, a JSON array of objects or labels, or one JSON object {image: label}",
    sniff_folder(sniff_jsonl),
    file_or_folder("jsonl", sniff_jsonl, _JSON, "JSON file"),
    _read_jsonl,
)
CSV = Format(
    "csv",
    "comma-separated values with a header",
    sniff_folder(sniff_csv),
    file_or_folder("csv", sniff_csv, (".csv",), "CSV file"),
    _read_csv,
)
TSV = Format(
    "tsv",
    "tab-separated values with a header",
    sniff_folder(sniff_tsv),
    file_or_folder("tsv", sniff_tsv, (".tsv",), "TSV file"),
    _read_tsv,
)
IMAGEFOLDER = Format(
    "imagefolder",
    "a folder of images with metadata.jsonl, .csv or .parquet",
    sniff_imagefolder,
    _imagefolder_parts,
    _read_imagefolder,
)
