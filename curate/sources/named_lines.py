"""Lines of image name, TAB and label, as HME100K, MLHME-38K and M2E have. Not for other separators."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from curate.base.column_names import IMAGE_COLUMNS, LABEL_COLUMNS, find_column
from curate.sources.image_paths import resolve_images
from curate.sources.lines import read_lines
from curate.sources.look import IMAGE_NAME, Look
from curate.sources.model import BLANK_LINE, Job, Part

NO_TAB = "no TAB between the image name and the label"
NO_NAME = "no image name before the label"

TAB = re.compile(rf"\S[^\t]*{IMAGE_NAME} *\t")
SPACE_TAB = re.compile(rf"\S[^\t]*{IMAGE_NAME} +\t")


def share(look: Look, pattern: re.Pattern[str]) -> float:
    """The share of the first lines in which a pattern matches anywhere."""
    return sum(1 for line in look.lines if pattern.search(line)) / max(1, len(look.lines))


def named_share(look: Look) -> float:
    """The share of the first lines that are an image name, a TAB and something; 0 if they have a header."""
    header = [name.strip().strip('"') for name in look.lines[0].split("\t")] if look.lines else []
    if find_column(header, IMAGE_COLUMNS) and find_column(header, LABEL_COLUMNS):
        return 0.0
    return look.share(TAB)


def name_and_label(frame: pl.DataFrame, job: Job, path: Path) -> pl.DataFrame:
    """Split `text` at its first TAB into the name (without spaces before the TAB) and the label (unchanged)."""
    frame = job.reject(frame, pl.col("text").str.strip_chars() == "", BLANK_LINE, path)
    cut = pl.col("text").str.splitn("\t", 2)
    frame = frame.with_columns(
        cut.struct.field("field_0").str.strip_chars_end(" ").alias("name"), cut.struct.field("field_1").alias("label")
    )
    frame = job.reject(frame, pl.col("label").is_null(), NO_TAB, path)
    return job.reject(frame, pl.col("name").str.strip_chars() == "", NO_NAME, path)


def read_named_lines(part: Part, job: Job, frame: pl.DataFrame | None = None) -> pl.DataFrame:
    """A part's frame from its lines, or from `frame`: the lines (line, text) after the format repaired them."""
    frame = name_and_label(read_lines(part.path, job, blank=False) if frame is None else frame, job, part.path)
    frame = frame.select("line", split=pl.lit(part.split, pl.String), name="name", image="name", label="label")
    return resolve_images(frame, job, part.path, part.split)
