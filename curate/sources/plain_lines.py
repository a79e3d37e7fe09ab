"""One label per line and nothing else: what plain text and UniMER share."""

from __future__ import annotations

import polars as pl

from curate.sources.lines import read_lines
from curate.sources.model import Job, Part


def read_labels(part: Part, job: Job) -> pl.DataFrame:
    """The lines of a part (line, text) that aren't blank."""
    return read_lines(part.path, job, blank=False)


def lines_frame(frame: pl.DataFrame, part: Part) -> pl.DataFrame:
    """A part's frame from lines (line, text): labels without images, named by their line number."""
    return frame.select(
        "line",
        split=pl.lit(part.split, pl.String),
        name=pl.col("line").cast(pl.String),
        image=pl.lit(None, pl.String),
        label="text",
    )
