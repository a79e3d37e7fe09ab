"""Files of hashes: which labels and images a data set holds, without them. Written by `curate hashes`, read here.

A file is parquet with the columns kind (`label` or `image`), hash (UInt64) and long (has the label 10 tokens or more?
null for images), sorted, with each hash once. Its metadata has name, version, licence, source, counts, and the version
of the visual key. The hash is the first 64 bits of a label's group (`rules.sets.same_label`) or of the pixels' SHA-256:
between two sets of a million labels each, different labels collide with a probability of 1 in 18 million. No label can
be read out of it, but a guessed label can be checked against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from curate.base.atomic_files import new_file
from curate.base.errors import UserError
from curate.base.read_apart import is_damage, read_apart
from curate.runs.folder import Run
from rules.sets.leaks import LONG
from rules.sets.same_label import picture, with_label_groups

#: The metadata's first words say what the file is; another version of the format has other words.
FORMAT = "texsieve-hashes-1"
_FORMAT_KEY = "texsieve"
SCHEMA = {"kind": pl.String, "hash": pl.UInt64, "long": pl.Boolean}
LABEL, IMAGE = "label", "image"


def hash64(of: str | pl.Expr) -> pl.Expr:
    """64 bits of a label's group or of an image's SHA-256, both hexadecimal. of: the column."""
    digits = (pl.col(of) if isinstance(of, str) else of).str.strip_prefix("t").str.slice(0, 16)
    return digits.str.to_integer(base=16, dtype=pl.UInt64, strict=False)


def hashes_of(samples: pl.LazyFrame) -> pl.DataFrame:
    """The hashes of the samples of a run, with the columns SCHEMA."""
    kept = ("label", "canonical", "visual_key", "n_tokens", "image_sha256", "image_phash")
    rows = with_label_groups(samples.select(kept).collect()).with_columns(picture())
    labels = rows.select(
        pl.lit(LABEL).alias("kind"),
        hash64("label_group").alias("hash"),
        (pl.col("n_tokens") >= LONG).fill_null(False).alias("long"),
    )
    images = rows.select(
        pl.lit(IMAGE).alias("kind"), hash64("picture").alias("hash"), pl.lit(None, pl.Boolean).alias("long")
    )
    return (
        pl.concat([labels, images])
        .lazy()
        .filter(pl.col("hash").is_not_null())
        .group_by("kind", "hash")
        .agg(pl.col("long").max())
        .sort("kind", "hash")
        .collect()
    )


def write_hashes(
    run: Run,
    out: Path,
    *,
    name: str,
    version: str = "",
    licence: str = "",
    source: str = "",
    splits: Sequence[str] = (),
) -> dict[str, int]:
    """Write the hashes of a run's samples to the file `out`; returns the numbers of rows, labels and images in it.

    source: where to get the data set. splits: only samples of these splits. Raises UserError if the file exists, a
    split doesn't, or there is nothing to write.
    """
    if out.exists():
        raise UserError(f"{out}: already exists; remove it or name another file")
    samples = run.samples
    if splits:
        there = set(samples.select(pl.col("split").unique()).collect()["split"].to_list())
        for split in splits:
            if split not in there:
                known = ", ".join(sorted(name for name in there if name)) or "no splits"
                raise UserError(f"{run.path}: no split {split!r}; it has {known}")
        samples = samples.filter(pl.col("split").is_in(list(splits)))
    hashes = hashes_of(samples)
    if hashes.is_empty():
        raise UserError(f"{run.path}: holds no labels and no images, so there is nothing to write")
    counts = dict(hashes.group_by("kind").len().iter_rows())
    rows = int(samples.select(pl.len()).collect().item())
    metadata = {
        _FORMAT_KEY: FORMAT,
        "name": name,
        "version": version,
        "licence": licence,
        "source": source,
        "rows": str(rows),
        "labels": str(counts.get(LABEL, 0)),
        "images": str(counts.get(IMAGE, 0)),
        "key_version": str(run.summary.get("key_version", "")),
    }
    with new_file(out) as temporary:
        hashes.write_parquet(temporary, compression="zstd", metadata=metadata)
    return {"rows": rows, "labels": counts.get(LABEL, 0), "images": counts.get(IMAGE, 0)}


def facts_of(path: Path) -> Mapping[str, str]:
    """What a file of hashes says of itself. Raises UserError where it is no such file."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UserError(_neither(path))
    with _readable(path):
        metadata = pl.read_parquet_metadata(path)
    if metadata.get(_FORMAT_KEY) != FORMAT:
        raise UserError(_neither(path))
    return metadata


def read_hashes(path: Path) -> tuple[pl.DataFrame, Mapping[str, str]]:
    """The hashes of a file and its metadata. Raises UserError if it is not a file of hashes."""
    metadata = facts_of(path)
    with _readable(path):
        frame = read_apart(path, pl.read_parquet, path)
    if dict(frame.schema) != SCHEMA:
        raise UserError(f"{path}: a file of hashes without exactly the columns {', '.join(SCHEMA)}; make it again")
    return frame, metadata


def _neither(path: Path) -> str:
    return f"{path}: neither a run folder nor a file of hashes; `curate hashes RUN --out FILE` makes one"


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror or error}") from error
    except pl.exceptions.PolarsError as error:
        if not is_damage(error):
            raise
        raise UserError(_neither(path)) from error
