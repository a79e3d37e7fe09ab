"""Last step of reading a source: the checks every format shares, and sample ids. Knows no format."""

from __future__ import annotations

import polars as pl

from curate.base.errors import UserError
from curate.sources.model import (
    DUPLICATE_ID,
    LONG_LABEL,
    MAX_LABEL,
    NO_LABEL,
    NUL_BYTE,
    PART_SCHEMA,
    STORED_IMAGE,
    Job,
    Part,
    Source,
)
from curate.sources.spec import SourceSpec

#: Ids are made for this many rows at once: the intermediate values take several times their memory.
_SLICE = 100_000


def finish(frames: list[pl.DataFrame], parts: list[Part], job: Job, spec: SourceSpec, format_name: str) -> Source:
    """Join the parts: drop and count rows that can't give a label, and give every row its sample_id."""
    checked: list[pl.DataFrame] = []
    for frame, part in zip(frames, parts, strict=False):
        checked.append(_check(frame, part, job))
    empty = pl.DataFrame(schema={**PART_SCHEMA, "file": pl.Int64})
    frame = pl.concat([empty, *_same_extras(checked)], how="diagonal_relaxed")
    if spec.split is not None:
        frame = _keep_split(frame, spec, job)
    ids = [_ids(piece, spec.name) for piece in frame.select("name", "split", "line").iter_slices(_SLICE)]
    sample_id = _unique(pl.concat(ids, rechunk=True), job) if ids else pl.Series([], dtype=pl.String)
    frame = frame.with_columns(sample_id=sample_id, source=pl.lit(spec.name))
    files = pl.Series([job.file(part.path) for part in parts] or [""], dtype=pl.String)
    places = frame.select(file=pl.lit(files).gather(pl.col("file")), line="line")
    extras = [name for name in frame.columns if name not in {*PART_SCHEMA, "file", "sample_id", "source"}]
    job.unreadable.close()
    return Source(
        name=spec.name,
        format=format_name,
        path=job.path,
        root=job.root.resolve(),
        frame=frame.select("sample_id", "source", "split", "image", "label", *extras),
        rows=job.rows,
        unreadable=job.unreadable,
        notes={note: count for note, count in sorted(job.notes.items()) if count},
        places=places,
        id_column=job.id_column,
    )


def _check(frame: pl.DataFrame, part: Part, job: Job) -> pl.DataFrame:
    if STORED_IMAGE in frame.columns:
        frame = frame.with_columns(image=pl.coalesce(STORED_IMAGE, "image")).drop(STORED_IMAGE)
    frame = job.reject(frame, pl.col("label").is_null(), NO_LABEL, part.path, "name")
    frame = job.reject(frame, pl.col("label").str.contains("\0", literal=True), NUL_BYTE, part.path, "label")
    frame = job.reject(frame, pl.col("label").str.len_bytes() > MAX_LABEL, LONG_LABEL, part.path, "label")
    return job.reject(frame, pl.col("image").str.contains("\0", literal=True), NUL_BYTE, part.path, "image")


def _same_extras(frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Make extra columns text if polars can't join their types across parts."""
    kinds: dict[str, set[pl.DataType | str]] = {}
    for frame in frames:
        for name, kind in frame.schema.items():  # each access to `schema` walks all columns
            kinds.setdefault(name, set()).add("number" if kind.is_numeric() else kind)
    mixed = {name for name, seen in kinds.items() if len(seen) > 1}
    return [
        frame.with_columns(pl.col(name).cast(pl.String) for name in frame.columns if name in mixed) for frame in frames
    ]


def _keep_split(frame: pl.DataFrame, spec: SourceSpec, job: Job) -> pl.DataFrame:
    """Keep the rows of the requested split where rows name their own split."""
    if frame["split"].null_count() == frame.height:
        return frame.with_columns(split=pl.lit(spec.split))
    kept = frame.filter(pl.col("split") == spec.split)
    if kept.is_empty():
        names = frame["split"].drop_nulls().unique().sort().to_list()
        raise UserError(f"{spec.target}: no split {spec.split!r}; it has: {', '.join(names)}")
    job.rows -= frame.height - kept.height
    return kept


def _ids(frame: pl.DataFrame, source: str) -> pl.Series:
    """`source/split/name`: the row's name in the data set, or else its line number."""
    name = pl.coalesce(pl.col("name").replace("", None), pl.col("line").cast(pl.String))
    split = pl.col("split").replace("", None)
    return frame.select(
        pl.concat_str(
            pl.lit(f"{source}/"), pl.when(split.is_null()).then(pl.lit("")).otherwise(split + "/"), name
        ).alias("sample_id")
    ).to_series()


def _unique(ids: pl.Series, job: Job) -> pl.Series:
    """Append `~2`, `~3` … to repeated ids, skipping suffixes that are taken."""
    if ids.hash().is_first_distinct().all():  # equal ids have equal hashes, which take a tenth of the memory
        return ids
    again = ids.is_first_distinct().not_()
    if not again.any():
        return ids
    taken = set(ids.to_list())
    counts: dict[str, int] = {}
    rows = again.arg_true()
    new: list[str] = []
    for name in ids.gather(rows).to_list():
        number = counts.get(name, 1) + 1
        while f"{name}~{number}" in taken:
            number += 1
        counts[name] = number
        taken.add(f"{name}~{number}")
        new.append(f"{name}~{number}")
    job.notes[DUPLICATE_ID] += len(new)
    return ids.scatter(rows, new)
